"""Ways to damage a file: bytes of any kind, JSON by its values, and the fields of TIFF, PNG, JPEG and safetensors."""

from __future__ import annotations

import copy
import json
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator
NUMBERS = (0, 1, -1, 2, 7, 255, 256, 65535, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 10**9, 2**53, 2**63 - 1, 2**64, 10**40)
NAMES = (
    "", ".", "..", "../outside", "../../outside.tif", "/tmp/abuse-outside", "a\0b", "a" * 5000, "a/" * 2000, "CON",
    "nul.tif", "C:\\outside", "..\\outside", "~/outside", "file:///etc/passwd", "\u202egnp.exe", "\ufb01\uff0f..",
    "\ud800", "\x1b[2J", "%s%n", "-rf", "$(touch outside)", "a\nb", "auto", "nan", "1e999",
)  # fmt: skip
NO_NUMBERS = (b"\x00\x7e\x00\x7e", b"\x00\x7c\x00\x7c", b"\x00\x00\xc0\x7f", b"\xff\xff\xff\xff")
"""NaN and infinities of 16 and of 32 bits."""
REALS = (0.0, -0.0, 1e-320, 1e308, -1e308, float("nan"), float("inf"), 0.1)


def pick(rng: Rng, choices: Any) -> Any:
    """Return one of the choices."""
    return choices[int(rng.integers(len(choices)))]


def damaged_bytes(rng: Rng, data: bytes) -> bytes:
    """Return bytes that were cut, flipped, overwritten with extremes, moved, doubled or lost."""
    content = bytearray(data)
    for _ in range(int(rng.integers(1, 6))):
        if len(content) < 16:
            break
        pick(rng, BYTE_DAMAGE)(rng, content)
    return bytes(content)


def _place(rng: Rng, content: bytearray) -> int:
    """Return a place; half of them in the first bytes, where headers are."""
    near = min(len(content), 400)
    return int(rng.integers(near if rng.random() < 0.5 else len(content)))


def _cut(rng: Rng, content: bytearray) -> None:
    del content[int(rng.integers(len(content))) :]


def _flip(rng: Rng, content: bytearray) -> None:
    for _ in range(int(rng.integers(1, 9))):
        content[_place(rng, content)] ^= 1 << int(rng.integers(8))


def _extreme(rng: Rng, content: bytearray) -> None:
    place, size = _place(rng, content), pick(rng, (1, 2, 4, 8))
    value = pick(rng, NUMBERS) % 2 ** (8 * size)
    content[place : place + size] = value.to_bytes(size, pick(rng, ("little", "big")))


def _swap(rng: Rng, content: bytearray) -> None:
    one, other, size = _place(rng, content), _place(rng, content), int(rng.integers(1, 65))
    a, b = bytes(content[one : one + size]), bytes(content[other : other + size])
    content[one : one + size], content[other : other + size] = b, a


def _double(rng: Rng, content: bytearray) -> None:
    place, size = _place(rng, content), int(rng.integers(1, 257))
    content[place:place] = content[place : place + size]


def _lose(rng: Rng, content: bytearray) -> None:
    place = _place(rng, content)
    del content[place : place + int(rng.integers(1, 65))]


def _noise(rng: Rng, content: bytearray) -> None:
    place, size = _place(rng, content), int(rng.integers(1, 65))
    content[place : place + size] = rng.bytes(size)


BYTE_DAMAGE: tuple[Callable[[Rng, bytearray], None], ...] = (_cut, _flip, _extreme, _swap, _double, _lose, _noise)


def odd_value(rng: Rng, before: Any = None) -> Any:
    """Return a JSON value that nobody expects, often of the kind that was there."""
    kind = int(rng.integers(8))
    if kind == 0 and isinstance(before, int | float) and not isinstance(before, bool):
        return pick(rng, (-before, before + 1, before * 1000, float(before), str(before), [before]))
    if kind == 1 and isinstance(before, list):
        return pick(rng, (before * 2, before[:-1], [before], [[]] * 5, before * 10_000))
    nested: Any = 0
    for _ in range(int(pick(rng, (1, 3, 200)))):
        nested = pick(rng, ([nested], {"a": nested}))
    return pick(rng, (pick(rng, NUMBERS), pick(rng, NAMES), pick(rng, REALS), None, True, False, [], {}, nested))


def damaged_json(rng: Rng, value: Any) -> Any:
    """Return a JSON value of which some parts, at any depth, were replaced, taken away or added."""
    value = copy.deepcopy(value)
    for _ in range(int(rng.integers(1, 4))):
        holders = _holders(value)
        if not holders:
            return value
        holder, key = pick(rng, holders)
        if rng.random() < 0.15 and isinstance(holder, dict):
            del holder[key]
        elif rng.random() < 0.1 and isinstance(holder, dict):
            holder[pick(rng, NAMES)] = odd_value(rng)
        else:
            holder[key] = odd_value(rng, holder[key])
    return value


def _holders(value: Any) -> list[tuple[Any, Any]]:
    """Return where each value within a value is: a mapping or list, and key or place."""
    found: list[tuple[Any, Any]] = []
    todo = [value]
    while todo and len(found) < 5000:
        holder = todo.pop()
        pairs = holder.items() if isinstance(holder, dict) else enumerate(holder) if isinstance(holder, list) else ()
        for key, inner in list(pairs)[:200]:
            found.append((holder, key))
            todo.append(inner)
    return found


def json_text(rng: Rng, value: Any) -> bytes:
    """Return damaged JSON: mostly by its values, else nested to no end, of hundreds of digits, or by its bytes."""
    kind = rng.random()
    if kind < 0.04:
        opening = pick(rng, ("[", '{"a":'))
        return (opening * int(pick(rng, (500, 2000, 100_000)))).encode()
    if kind < 0.08:
        return json.dumps(value).replace("1", "1" * 6000, 1).encode()
    if kind < 0.25:
        return damaged_bytes(rng, json.dumps(value).encode())
    return json.dumps(damaged_json(rng, value)).encode("utf-8", "surrogatepass")


def damaged_tiff(rng: Rng, data: bytes) -> bytes:
    """Return a little-endian TIFF with extremes in the entries of its first directory, or damaged bytes."""
    if rng.random() < 0.4 or data[:4] != b"II*\0":
        return damaged_bytes(rng, data)
    content = bytearray(data)
    (start,) = struct.unpack_from("<I", content, 4)
    if start + 2 > len(content):
        return damaged_bytes(rng, data)
    (count,) = struct.unpack_from("<H", content, start)
    for _ in range(int(rng.integers(1, 4))):
        place = start + 2 + 12 * int(rng.integers(count))
        if place + 12 > len(content):
            continue
        part, form = pick(rng, ((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"), (8, "<H")))
        struct.pack_into(form, content, place + part, pick(rng, NUMBERS) % 2 ** (8 * struct.calcsize(form)))
    return bytes(content)


def damaged_png(rng: Rng, data: bytes) -> bytes:
    """Return a PNG whose chunks are well summed and say wrong things, or damaged bytes."""
    if rng.random() < 0.4:
        return damaged_bytes(rng, data)
    chunks = _png_chunks(data)
    for _ in range(int(rng.integers(1, 3))):
        place = int(rng.integers(len(chunks)))
        kind, body = chunks[place]
        action = int(rng.integers(4))
        if action == 0:
            chunks.insert(int(rng.integers(len(chunks) + 1)), (kind, body))
        elif action == 1 and len(chunks) > 1:
            del chunks[place]
        elif action == 2:
            bomb = zlib.compress(bytes(int(pick(rng, (10, 10**6, 3 * 10**7)))), 1)
            chunks[place] = pick(rng, ((b"IDAT", bomb), (b"zTXt", b"a\0\0" + bomb), (b"iCCP", b"a\0\0" + bomb)))
        else:
            chunks[place] = (kind, damaged_bytes(rng, body) if len(body) > 16 else _ihdr(rng, body))
    return data[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _ihdr(rng: Rng, body: bytes) -> bytes:
    if len(body) != 13:
        return body
    fields = list(struct.unpack(">IIBBBBB", body))
    place = int(rng.integers(7))
    fields[place] = pick(rng, NUMBERS) % (2**31 if place < 2 else 256)
    return struct.pack(">IIBBBBB", *fields)


def _png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    chunks, place = [], 8
    while place + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        chunks.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def damaged_jpeg(rng: Rng, data: bytes) -> bytes:
    """Return a JPEG of other sizes than its own, or damaged bytes."""
    place = data.find(b"\xff\xc0")
    if rng.random() < 0.6 or place < 0:
        return damaged_bytes(rng, data)
    content = bytearray(data)
    struct.pack_into(">H", content, place + 5 + 2 * int(rng.integers(2)), pick(rng, NUMBERS) % 2**16)
    return bytes(content)


def damaged_npy(rng: Rng, data: bytes) -> bytes:
    """Return an NPY file with another header, or damaged bytes."""
    if rng.random() < 0.5:
        return damaged_bytes(rng, data)
    descr = pick(rng, ("|u1", "<u2", "<f8", "|O", "<c16", "<M8[s]", "<U9", "|V4", [("a", "<u2")], "<f9", "|b1"))
    shape = tuple(pick(rng, NUMBERS) for _ in range(int(rng.integers(0, 5))))
    text = f"{{'descr': {descr!r}, 'fortran_order': {bool(rng.integers(2))}, 'shape': {shape!r}, }}"
    head = (text.ljust(int(pick(rng, (120, 9000, 60_000)))) + "\n").encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + rng.bytes(200)


def damaged_safetensors(rng: Rng, data: bytes) -> bytes:
    """Return a safetensors file whose header lies, whose weights are no numbers, or damaged bytes."""
    kind = rng.random()
    if kind < 0.3:
        return damaged_bytes(rng, data)
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    if kind < 0.4:  # NaN, infinities and numbers of any size among the weights
        content = bytearray(body)
        for _ in range(int(rng.integers(1, 200))):
            place = int(rng.integers(len(content) - 4))
            content[place : place + 4] = pick(rng, (*NO_NUMBERS, rng.bytes(4)))
        return data[: 8 + length] + bytes(content)
    texts = header.get("__metadata__", {})
    if kind < 0.75 and texts:  # what is within the metadata
        key = pick(rng, list(texts))
        texts[key] = json_text(rng, json.loads(texts[key])).decode("utf-8", "replace")
    elif kind < 0.8:
        header |= {f"t{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(5000)}
    else:
        header = damaged_json(rng, header)
    text = json.dumps(header).encode("utf-8", "replace")
    stated = len(text) if rng.random() < 0.9 else pick(rng, NUMBERS) % 2**64
    return stated.to_bytes(8, "little") + text + body
