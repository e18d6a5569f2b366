"""A model of a few thousand weights, and a web server on loopback that has it, with every vice a server can have."""

from __future__ import annotations

import contextlib
import functools
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from napari_wnet.network.checkpoint import ModelHeader, save_model
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig

CONFIG = WNetConfig(embedding_dim=4, widths=(16, 48), stem=1, concat_channels=4)


def make_model(path: Path, name: str = "tiny", licence: str = "CC0-1.0") -> Path:
    header = ModelHeader(name=name, description=f"the {name} model", config=CONFIG, licence=licence)
    save_model(path, WNet(CONFIG), header)
    return path


class Handler(BaseHTTPRequestHandler):
    """Answers /VICE/tiny.safetensors."""

    def __init__(self, *args: Any, content: bytes, **kwargs: Any) -> None:
        self.content = content
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        getattr(self, f"send_{self.path.split('/')[1]}")()

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""

    def start(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def send_good(self) -> None:
        self.start(Content_Length=len(self.content))
        self.wfile.write(self.content)

    def send_chunked(self) -> None:
        self.protocol_version = "HTTP/1.1"
        self.start(Transfer_Encoding="chunked", Connection="close")
        for first in range(0, len(self.content), 1000):
            chunk = self.content[first : first + 1000]
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def send_wrong(self) -> None:
        self.start(Content_Length=len(self.content))
        self.wfile.write(bytes(len(self.content)))

    def send_missing(self) -> None:
        self.send_error(404)

    def send_broken(self) -> None:
        self.send_error(500)

    def send_cut(self) -> None:
        self.start(Content_Length=len(self.content))
        self.wfile.write(self.content[: len(self.content) // 2])

    def send_short(self) -> None:  # without a length, an early end looks like a proper one
        self.start()
        self.wfile.write(self.content[:-1])

    def send_other(self) -> None:
        self.start(Content_Length=12, Content_Type="text/html")
        self.wfile.write(b"<html></html>")

    def send_endless(self) -> None:
        self.start()
        self.write_until_refused(bytes(2**16))

    def send_trickle(self) -> None:
        self.start(Content_Length=len(self.content))
        self.write_until_refused(b"x", pause=0.02)

    def send_page(self) -> None:  # which never ends
        self.start(Content_Type="text/html")
        self.write_until_refused(b"<!DOCTYPE html><html>" * 1000)

    def send_pickle(self) -> None:
        self.start()
        self.write_until_refused(b"PK\x03\x04" * 10000)

    def send_giant(self) -> None:
        self.start(Content_Length=2**50)
        self.write_until_refused(self.content)

    def send_drip(self) -> None:  # and nobody knows of how much
        self.start()
        self.write_until_refused(b"\0", pause=0.02)

    def send_nothing(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def send_moved(self) -> None:
        self.start(302, Location="/good/tiny.safetensors")

    def send_loop(self) -> None:
        self.start(302, Location=self.path)

    def send_tofile(self) -> None:
        self.start(302, Location=f"file://{__file__}")

    def send_toftp(self) -> None:
        self.start(302, Location="ftp://127.0.0.1/tiny.safetensors")

    def send_elsewhere(self) -> None:  # another host, as the stores of archives are
        self.start(302, Location=f"http://localhost:{self.server.server_address[1]}/good/tiny.safetensors")

    def send_slowhead(self) -> None:  # a line at a time, and never the last
        self.wfile.write(b"HTTP/1.0 200 OK\r\n")
        self.write_until_refused(b"X: y\r\n", pause=0.02)

    def send_packed(self) -> None:  # a few bytes that would unpack to many
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(bytes(2**24)) + packer.flush()
        self.start(Content_Encoding="gzip", Content_Length=len(bomb))
        self.write_all(bomb)

    def send_negative(self) -> None:
        self.start(Content_Length=-1)
        self.write_all(self.content)

    def send_wordy(self) -> None:
        self.start(Content_Length="many")
        self.write_all(self.content)

    def send_tononsense(self) -> None:
        self.start(302, Location="http://[/")

    def send_endlessmove(self) -> None:
        self.start(302, Location="/good/tiny.safetensors")
        self.write_until_refused(bytes(2**16))

    def write_all(self, data: bytes) -> None:
        try:
            self.wfile.write(data)
        except OSError:  # it was refused before
            self.close_connection = True

    def write_until_refused(self, data: bytes, pause: float = 0.0) -> None:
        try:
            while True:
                self.wfile.write(data)
                time.sleep(pause)
        except OSError:
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def serving(content: bytes) -> Iterator[Server]:
    """Run a server that has this content."""
    with Server(("127.0.0.1", 0), functools.partial(Handler, content=content)) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()
