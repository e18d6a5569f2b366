"""One file from a web server that may be slow, endless or wrong: never more than was asked for, never a half file."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from queue import Empty, Queue
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from napari_wnet.errors import DownloadError
from napari_wnet.network.container import MAX_FILE_BYTES
from napari_wnet.reports import Progress

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
SLOWEST_BYTES_PER_SECOND = 10_000
CHUNK_BYTES = 2**16
MAX_REDIRECTS = 5
ABANDONED_S = 86_400
REMEDY = "Check the network and NAPARI_WNET_MODELS_URL, or give the model's file by its path."


def check_url(url: str, remedy: str = REMEDY) -> str:
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
        raise DownloadError(f"{url!r} is no http or https address. {remedy}")
    return url


def clear_abandoned(folder: Path, prefix: str) -> None:
    """Remove the folders in which a killed process was downloading; what is younger may still be at work."""
    for left in folder.glob(f"{prefix}*"):
        with suppress(OSError):  # another process has just finished, and taken it away
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(left, ignore_errors=True)


def download_steps(
    url: str, target: Path, size: int | None = None, remedy: str = REMEDY
) -> Generator[Progress, None, None]:
    """Download a file to ``target``, yielding progress in bytes; what has been reported can be read there.

    Parameters
    ----------
    url : str
        http or https; redirects to either are followed, to nothing else.
    target : Path
        Written; what it holds after an error is worthless.
    size : int, optional
        Bytes expected: more are not read, and fewer are an error. If not given, what the server announces, and
        no more than a model's file may have.
    remedy : str
        What to do about any error, for the user.

    Raises
    ------
    DownloadError
        If the server cannot be reached, refuses, is too slow, or sends another number of bytes.
    OSError
        If the target cannot be written.
    """
    name = PurePosixPath(urlsplit(url).path).name
    with _explained(url, remedy), _opened(url, remedy) as response, target.open("wb") as file:
        announced = _announced(response, url, remedy)
        if size is not None and announced not in (None, size):
            raise DownloadError(f"{url} has {announced} bytes instead of {size}: another file. {remedy}")
        known = announced if size is None else size
        limit, done = known or MAX_FILE_BYTES, 0
        for chunk in _arriving(response, url, (known, limit), remedy):
            file.write(chunk)
            file.flush()
            done += len(chunk)
            yield Progress(done=done, total=known or 0, what=f"downloading {name}")
        if known is not None and done < known:
            raise DownloadError(f"{url} was cut off after {done} of {known} bytes. Try again. {remedy}")


def _arriving(response: requests.Response, url: str, sizes: tuple[int | None, int], remedy: str) -> Iterator[bytes]:
    """Yield what arrives, as long as it is not too much and does not take too long."""
    known, limit = sizes
    # read1 returns what has arrived; read would wait for a whole chunk from a server that trickles.
    read = getattr(response.raw, "read1", response.raw.read)
    began, done = time.monotonic(), 0
    while chunk := read(min(CHUNK_BYTES, limit + 1 - done)):
        done += len(chunk)
        if done > limit:
            raise DownloadError(f"{url} sent more than the expected {limit} bytes. {remedy}")
        # Without a size, the pace so far is all there is to judge by.
        allowed = READ_SECONDS + (done if known is None else known) / SLOWEST_BYTES_PER_SECOND
        if time.monotonic() - began > allowed:
            of = "" if known is None else f" of {known}"
            raise DownloadError(f"{url} is too slow: {done}{of} bytes so far. Try again later. {remedy}")
        yield chunk


def _announced(response: requests.Response, url: str, remedy: str) -> int | None:
    """Return how many bytes the server says it has, None if it does not."""
    text = response.headers.get("Content-Length")
    if text is None:
        return None
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1
    if not 0 < size <= MAX_FILE_BYTES:
        raise DownloadError(
            f"{url} has {text[:20]} bytes; a model has at most {MAX_FILE_BYTES}: another file. {remedy}"
        )
    return size


@contextmanager
def _opened(url: str, remedy: str) -> Iterator[requests.Response]:
    """Open a URL without reading its body, following redirects by hand."""
    import requests

    class Session(requests.Session):
        def get_redirect_target(self, resp: requests.Response) -> str | None:
            return None  # or requests reads a redirect's body, which may be endless, even if told not to follow

    current = url
    with Session() as session:
        for _ in range(MAX_REDIRECTS + 1):
            response = _answered(session, check_url(current, remedy))
            with response:
                if not response.is_redirect:
                    if response.status_code != 200:
                        raise DownloadError(f"{url} answered with status {response.status_code}. {remedy}")
                    yield response
                    return
                current = redirected(current, response.headers["Location"], remedy)
    raise DownloadError(f"{url} redirects more than {MAX_REDIRECTS} times. {remedy}")


def redirected(current: str, location: str, remedy: str) -> str:
    """Return where a redirect leads.

    Raises
    ------
    DownloadError
        If that is from an encrypted connection to one that anybody on the way can read and change.
    """
    target = urljoin(current, location)
    if urlsplit(current).scheme == "https" and urlsplit(target).scheme == "http":
        raise DownloadError(f"{current} redirects to {target}, which is not encrypted, so it is not followed. {remedy}")
    return target


def _answered(session: requests.Session, url: str) -> requests.Response:
    """Return what a server answers, its body unread, if the whole of its head arrives in time.

    The library's own limits start anew with each byte, so a server that sends one now and then would never end it.
    """
    import requests

    answers: Queue[requests.Response | Exception] = Queue(1)

    def ask() -> None:
        try:
            answer: requests.Response | Exception = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                headers={"Accept-Encoding": "identity"},  # the bytes that the hash was made of
            )
        except Exception as error:  # noqa: BLE001 - it is raised where it was waited for
            answer = error
        answers.put(answer)

    # A daemon: what still waits for such a server must not keep the program from ending.
    threading.Thread(target=ask, name="napari-wnet-download", daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS + READ_SECONDS)
    except Empty as error:
        raise requests.exceptions.Timeout from error
    if isinstance(answer, Exception):
        raise answer
    return answer


@contextmanager
def _explained(url: str, remedy: str) -> Iterator[None]:
    """Turn the libraries' exceptions into one message for the user."""
    import requests
    import urllib3

    try:
        yield
    except requests.exceptions.SSLError as error:
        raise DownloadError(
            f"The certificate of {url} cannot be verified. If your institution inspects traffic, set "
            f"REQUESTS_CA_BUNDLE to its certificate file. {remedy}"
        ) from error
    except requests.exceptions.Timeout as error:
        raise DownloadError(f"{url} does not answer. {remedy}") from error
    except urllib3.exceptions.HTTPError as error:
        raise DownloadError(f"{url} was cut off. Try again. {remedy}") from error
    except (requests.exceptions.RequestException, ValueError) as error:  # the latter from addresses beyond repair
        raise DownloadError(f"{url} cannot be reached. {remedy}") from error
