"""The library by which bioimage.io checks and runs what is handed in there, kept off the network."""

from __future__ import annotations

import socket
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


def refuse(*args: Any, **options: Any) -> None:
    raise OSError("no network in tests")


def bearing(build: Callable[..., Any]) -> Callable[..., Any]:
    """Let serializers hand on what is no index, as pydantic did until 2.13 and bioimageio.spec 0.5.12 relies on."""

    def built(function: Callable[..., Any], **options: Any) -> Any:
        def serialize(value: Any, handler: Callable[..., Any], *info: Any) -> Any:
            return function(value, lambda inner, _not_an_index=None: handler(inner), *info)

        return build(serialize, **options)

    return built


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The library as it is imported once, with a cache of its own."""
    core_schema = pytest.importorskip("pydantic_core.core_schema")
    build = core_schema.wrap_serializer_function_ser_schema
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BIOIMAGEIO_CACHE_PATH", str(tmp_path_factory.mktemp("bioimageio")))
        patch.setattr(core_schema, "wrap_serializer_function_ser_schema", bearing(build))
        return pytest.importorskip("bioimageio.core")


@pytest.fixture
def bioimageio(library: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The library, while nothing can be reached over the network."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return library
