"""One file from a web server that may be slow, endless or wrong: never more than was asked for, never a half file."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from napari_wnet.errors import DownloadError
from napari_wnet.reports import Progress

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
SLOWEST_BYTES_PER_SECOND = 10_000
CHUNK_BYTES = 2**16
MAX_REDIRECTS = 5
REMEDY = "Check the network and NAPARI_WNET_MODELS_URL, or give the model's file by its path."


def check_url(url: str) -> str:
    """Return the URL if it is http or https and names a host.

    Raises
    ------
    DownloadError
        If not; a ``file:`` URL could read what the user never meant to open.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise DownloadError(f"{url!r} is no http or https address. {REMEDY}")
    return url


def download_steps(url: str, target: Path, size: int) -> Generator[Progress, None, None]:
    """Download ``size`` bytes to ``target``, yielding progress in bytes.

    Parameters
    ----------
    url : str
        http or https; redirects to either are followed, to nothing else.
    target : Path
        Written; what it holds after an error is worthless.
    size : int
        Bytes expected. More are not read, and fewer are an error.

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, is too slow, or sends another number of bytes.
    OSError
        If the target cannot be written.
    """
    with _explained(url), _opened(url) as response, target.open("wb") as file:
        announced = response.headers.get("Content-Length", str(size))
        if announced != str(size):
            raise DownloadError(f"{url} has {announced[:20]} bytes instead of {size}: another file. {REMEDY}")
        # read1 returns what has arrived; read would wait for a whole chunk from a server that trickles.
        read = getattr(response.raw, "read1", response.raw.read)
        deadline = time.monotonic() + READ_SECONDS + size / SLOWEST_BYTES_PER_SECOND
        done = 0
        while chunk := read(min(CHUNK_BYTES, size + 1 - done)):
            file.write(chunk)
            done += len(chunk)
            if done > size:
                raise DownloadError(f"{url} sent more than the expected {size} bytes. {REMEDY}")
            if time.monotonic() > deadline:
                raise DownloadError(f"{url} is too slow: {done} of {size} bytes so far. Try again later. {REMEDY}")
            yield Progress(done=done, total=size, what=f"downloading {target.name}")
        if done < size:
            raise DownloadError(f"{url} was cut off after {done} of {size} bytes. Try again. {REMEDY}")


@contextmanager
def _opened(url: str) -> Iterator[requests.Response]:
    """Open a URL without reading its body, following redirects by hand."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None  # or requests reads a redirect's body, which may be endless, even if told not to follow

    current = url
    with Session() as session:
        for _ in range(MAX_REDIRECTS + 1):
            response = session.get(
                check_url(current),
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                headers={"Accept-Encoding": "identity"},  # the bytes that the hash was made of
            )
            with response:
                if not response.is_redirect:
                    if response.status_code != 200:
                        raise DownloadError(f"{url} answered with status {response.status_code}. {REMEDY}")
                    yield response
                    return
                current = urljoin(current, response.headers["Location"])
    raise DownloadError(f"{url} redirects more than {MAX_REDIRECTS} times. {REMEDY}")


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn the libraries' exceptions into one message for the user."""
    import requests
    import urllib3

    try:
        yield
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"The certificate of {url} cannot be verified. If your institution inspects traffic, set "
            f"REQUESTS_CA_BUNDLE to its certificate file. {REMEDY}"
        ) from error
    except requests.exceptions.Timeout as error:
        raise DownloadError(f"{url} does not answer. {REMEDY}") from error
    except urllib3.exceptions.HTTPError as error:
        raise DownloadError(f"{url} was cut off. Try again. {REMEDY}") from error
    except (requests.exceptions.RequestException, ValueError) as error:  # the latter from addresses beyond repair
        raise DownloadError(f"{url} cannot be reached. {REMEDY}") from error
