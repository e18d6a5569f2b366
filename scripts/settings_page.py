"""Write docs/settings.md from the declarations of the settings: ``python scripts/settings_page.py``."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

from napari_wnet.clustering_params import BY_SEEDS
from napari_wnet.fields import FieldInfo, Params
from napari_wnet.params import EditParams, SegmentParams, WNetConfig
from napari_wnet.track_params import TrackParams
from napari_wnet.train_params import FINE_TUNE, TrainParams

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
INTRODUCTION = f"""# Settings

Made from the declarations themselves by `python scripts/settings_page.py`. A setting is declared once: the dock, the
[flag](commands.md), the file `NAME.json` beside a result and the Python class share its default and range, and mostly
its name: where a dock calls it otherwise, that follows in italics. A value outside the range is refused, and the
message says what the range is.

In Python a setting in a group is changed with two underscores, `params.replace(clustering__angle=30)`; in a file of
settings a group is an indented block, as in [Train a model](training.md#a-file-of-settings). A model recommends values
of its own for what decides on labels; the defaults below hold where it says nothing. Clusterings that start from seeds
are {", ".join(BY_SEEDS)}.

What environment variables set is in [Offline and behind proxies](offline.md#where-things-are).
"""
GROUPS: tuple[tuple[str, str, type[Params]], ...] = (
    ("Segmenting", "`SegmentParams`", SegmentParams),
    ("A new object from a click", "`EditParams`, in the Repair dock under *Growing from a click*", EditParams),
    ("Training", "`TrainParams`", TrainParams),
    ("Linking over time", "`TrackParams`", TrackParams),
    ("The network", "`WNetConfig`, fixed with a model's weights", WNetConfig),
)


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION.rstrip()]
    told: set[type[Params]] = set()
    for title, about, cls in GROUPS:
        first = (cls.__doc__ or "").splitlines()[0].replace(":func:", "")
        parts += [f"## {title}", f"{about}. {first}", *tables(cls, told)]
    parts += ["## Fine-tuning", "The same settings as for training; these defaults differ.", fine_tuning()]
    return "\n\n".join(parts) + "\n"


def tables(cls: type[Params], told: set[type[Params]], group: str = "") -> Iterator[str]:
    """Yield the table of a group's own settings, and one for each group within it that was not `told` yet."""
    told.add(cls)
    own = [info for info in cls.fields() if not info.nested]
    if own:
        rows = ["| setting | default | may be | meaning |", "|---|---|---|---|", *map(row, own)]
        yield "\n".join(rows)
    for info in cls.fields():
        if info.nested and info.kind not in told:
            name = f"{group}.{info.name}" if group else info.name
            yield f"### {name} ({info.kind.__name__})"
            yield from tables(info.kind, told, name)


def row(info: FieldInfo) -> str:
    """Return the line of one setting."""
    meaning = str(info.options.get("tooltip") or info.options.get("label") or "").replace("|", "\\|")
    label = str(info.options.get("label", ""))
    also = f", *{label}*" if label and label != info.name.replace("_", " ") else ""
    return f"| `{info.name}`{also} | {shown(info.default)} | {allowed(info)} | {meaning} |"


def allowed(info: FieldInfo) -> str:
    """Return which values a setting may have."""
    if typing.get_origin(info.kind) is typing.Literal:
        return ", ".join(f"`{choice}`" for choice in typing.get_args(info.kind))
    if info.kind is bool:
        return "on, off"
    words = "".join(f" or `{word}`" for word in info.options.get("words", {}))
    if "min" in info.options or "max" in info.options:
        ends = f"{shown(info.options.get('min', '...'))} to {shown(info.options.get('max', '...'))}"
        return ends + words + (", each" if typing.get_origin(info.kind) is tuple else "")
    return "text" if info.kind is str else ""


def shown(value: object) -> str:
    """Return a value as a person writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(shown, value))
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def fine_tuning() -> str:
    """Return the table of what fine-tuning sets otherwise."""
    rows = ["| setting | fine-tuning | training |", "|---|---|---|"]
    rows += [f"| `{name}` | {mine} | {usual} |" for name, mine, usual in differences(FINE_TUNE, TrainParams())]
    return "\n".join(rows)


def differences(value: Params, usual: Params, group: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the name and both values of each setting that differs."""
    for info in value.fields():
        name = f"{group}.{info.name}" if group else info.name
        mine, other = getattr(value, info.name), getattr(usual, info.name)
        if info.nested:
            yield from differences(mine, other, name)
        elif mine != other:
            yield name, shown(mine), shown(other)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
