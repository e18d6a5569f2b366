"""What tests of models have in common."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from model_server import Server, serving


@pytest.fixture
def server(model_bytes: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server with every vice, which has the test's own model."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serving(model_bytes) as made:
        yield made
