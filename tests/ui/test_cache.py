"""The cache keeps to its limit, and keeps what was used last."""

from __future__ import annotations

from napari_wnet.core.maps import Maps
from napari_wnet.ui.cache import MapsCache


def maps(side: int = 8) -> Maps:
    return Maps.empty((side, side), 4, foreground=True)


def test_least_recently_used_goes_first():
    cache = MapsCache(limit=2 * maps().nbytes)
    a, b, c = maps(), maps(), maps()
    cache.put("a", a)
    cache.put("b", b)
    assert cache.get("a") is a
    cache.put("c", c)
    assert ("a" in cache, "b" in cache, "c" in cache) == (True, False, True)
    assert cache.nbytes <= cache.limit


def test_newest_is_kept_even_above_the_limit():
    cache = MapsCache(limit=1)
    cache.put("a", maps())
    cache.put("b", maps(64))
    assert "b" in cache
    assert len(cache) == 1


def test_same_key_is_replaced_not_added():
    cache = MapsCache()
    cache.put("a", maps())
    cache.put("a", maps(4))
    assert cache.nbytes == maps(4).nbytes


def test_nothing_is_left_after_clear():
    cache = MapsCache()
    cache.put("a", maps())
    cache.clear()
    assert cache.get("a") is None
    assert cache.nbytes == 0
