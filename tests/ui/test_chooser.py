"""What a list of models proposes."""

from __future__ import annotations

import pytest

from napari_wnet.params import DEFAULT_MODEL
from napari_wnet.ui.chooser import ModelChooser
from napari_wnet.ui.requests import Catalog


@pytest.mark.parametrize(
    ("models", "chosen", "shown"),
    [
        (("cells", DEFAULT_MODEL), "", DEFAULT_MODEL),
        (("cells", "leaf"), "", "cells"),
        (("cells", DEFAULT_MODEL), "leaf", "leaf"),
        ((), "", ""),
    ],
)
def test_the_usual_model_is_proposed_where_it_is_listed_and_nothing_was_chosen(qapp, models, chosen, shown):
    box = ModelChooser()
    box.setValue(chosen)
    box.setCatalog(Catalog(models=tuple((name, "") for name in models), devices=("cpu",)))
    assert box.value() == shown
