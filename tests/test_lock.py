"""A folder is one run's at a time."""

from __future__ import annotations

import pytest

from napari_wnet import lock
from napari_wnet.errors import ProjectError
from napari_wnet.lock import FolderLock


def test_a_lock_whose_file_was_taken_away_while_it_was_waited_for_keeps_others_out(tmp_path, monkeypatch):
    grab = lock._grab
    taken_away = []

    def late(handle):
        if not taken_away:
            taken_away.append(handle)
            (tmp_path / "a.lock").unlink()
        grab(handle)

    with monkeypatch.context() as patch:
        patch.setattr(lock, "_grab", late)
        held = FolderLock(tmp_path, "a.lock")
    assert taken_away
    with pytest.raises(ProjectError):
        FolderLock(tmp_path, "a.lock")
    held.release(remove=True)
    assert list(tmp_path.iterdir()) == []
    FolderLock(tmp_path, "a.lock").release()
