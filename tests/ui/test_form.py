"""The form shows, edits and gives back one value of any parameter class."""

from __future__ import annotations

import pytest

from napari_wnet import params as declared
from napari_wnet.errors import ParamsError
from napari_wnet.fields import Params
from napari_wnet.params import ClusteringParams, SegmentParams, WNetConfig
from napari_wnet.track_params import TrackParams
from napari_wnet.train_params import TrainParams
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.section import Section
from napari_wnet.ui.settings import SegmentSettings

DECLARED = {kind for kind in vars(declared).values() if isinstance(kind, type) and issubclass(kind, Params)}
KINDS = sorted({*DECLARED, TrackParams} - {Params}, key=lambda kind: kind.__name__)


def changed(value: Params) -> Params:
    """Return a value that differs from `value` in every field, with numbers that widgets round."""
    changes = {}
    for info in value.fields():
        old = getattr(value, info.name)
        if info.nested:
            changes[info.name] = changed(old)
        elif isinstance(old, bool):
            changes[info.name] = not old
        elif isinstance(old, int | float):
            low, high = info.options.get("min", 0), info.options.get("max", 100)
            middle = low + (min(high, 10 * abs(old) + 1) - low) / 3.0001
            changes[info.name] = int(middle) if isinstance(old, int) else middle
        elif isinstance(old, tuple):
            changes[info.name] = (*old, 64)
        elif hasattr(info.kind, "__args__"):
            changes[info.name] = info.kind.__args__[-1]
        else:
            changes[info.name] = "another"
    return value.replace(**changes)


@pytest.mark.parametrize("kind", [*KINDS, SegmentSettings], ids=lambda kind: kind.__name__)
def test_value_comes_back(qtbot, kind):
    form = ParamsForm(kind)
    qtbot.addWidget(form)
    assert form.value() == kind()
    form.setValue(changed(kind()))
    assert form.value() == changed(kind()) != kind()
    form.setValue(kind())
    assert form.value() == kind()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_has_an_editor_with_its_words(qtbot, kind):
    form = ParamsForm(kind)
    qtbot.addWidget(form)
    for info in kind.fields():
        if not info.nested:
            tooltip = form.editor(info.name).tooltip
            assert info.options.get("tooltip", "") in " ".join(tooltip.split())
            assert max(map(len, tooltip.splitlines()), default=0) <= 80
            assert str(info.default) in tooltip


def test_an_edit_is_reported_once_with_the_new_value(qtbot):
    form = ParamsForm(SegmentParams, shown=("clustering",))
    qtbot.addWidget(form)
    seen = []
    form.valueChanged.connect(seen.append)
    slider, box = form.editor("clustering__angle").parts
    slider.value = 30
    assert [value.clustering.angle for value in seen] == [30.0]
    assert box.value == 30
    box.value = 31
    assert [value.clustering.angle for value in seen] == [30.0, 31.0]
    assert slider.value == 31


def test_showing_a_value_is_not_an_edit(qtbot):
    form = ParamsForm(ClusteringParams)
    qtbot.addWidget(form)
    with qtbot.assertNotEmitted(form.valueChanged):
        form.setValue(form.value())
    with qtbot.waitSignal(form.valueChanged) as signal:
        form.setValue(ClusteringParams(seed_threshold=0.333))
    assert signal.args[0].seed_threshold == 0.333


def test_a_value_finer_than_the_slider_survives_edits_of_others(qtbot):
    form = ParamsForm(ClusteringParams)
    qtbot.addWidget(form)
    form.setValue(ClusteringParams(seed_threshold=0.12345))
    form.editor("angle").parts[0].value = 50
    assert form.value() == ClusteringParams(seed_threshold=0.12345, angle=50)


def test_reset_goes_back_to_what_is_recommended(qtbot):
    form = ParamsForm(ClusteringParams)
    qtbot.addWidget(form)
    form.setDefault(ClusteringParams(angle=20))
    form.reset()
    assert form.value() == ClusteringParams(angle=20)


def test_text_that_is_no_value_is_marked_and_not_taken(qtbot):
    form = ParamsForm(TrainParams)
    qtbot.addWidget(form)
    editor = form.editor("learning_rate")
    editor.parts[0].value = "fast"
    assert form.value() == TrainParams()
    assert "learning_rate" in editor.parts[0].native.toolTip()
    editor.parts[0].value = "1e-5"
    assert form.value().learning_rate == 1e-5
    assert "learning_rate must" not in editor.parts[0].native.toolTip()


def test_a_list_is_typed_with_commas(qtbot):
    form = ParamsForm(WNetConfig)
    qtbot.addWidget(form)
    form.editor("widths").parts[0].value = "8, 16"
    assert form.value().widths == (8, 16)


def test_a_size_beyond_its_slider_is_kept(qtbot):
    form = ParamsForm(ClusteringParams)
    qtbot.addWidget(form)
    slider, box = form.editor("min_area").parts
    box.value = 50_000
    assert form.value().min_area == 50_000
    assert slider.value == slider.max < 50_000


def test_what_is_not_shown_folds_away(qtbot):
    form = ParamsForm(SegmentParams, shown=("clustering",))
    qtbot.addWidget(form)
    form.show()
    (advanced,) = form.findChildren(Section)
    assert form.editor("clustering__angle").isVisible()
    assert not form.editor("tiles__size").isVisible()
    advanced.setOpened(True)
    assert form.editor("tiles__size").isVisible()


def test_a_value_of_another_class_is_refused(qtbot):
    form = ParamsForm(ClusteringParams)
    qtbot.addWidget(form)
    with pytest.raises(ParamsError, match="ClusteringParams"):
        form.setValue(SegmentParams())


def test_a_setting_is_shown_while_its_method_is_chosen(qtbot):
    form = ParamsForm(SegmentParams, shown=("clustering",))
    qtbot.addWidget(form)
    form.show()

    def shown() -> set[str]:
        names = [info.name for info in ClusteringParams.fields()]
        return {name for name in names if form.editor(f"clustering__{name}").isVisible()}

    always = {"method", "foreground_threshold", "foreground_use", "min_area", "fill"}
    own = {
        "angular": {"seed_threshold", "seed_sigma", "angle"},
        "watershed": {"seed_threshold", "seed_sigma"},
        "paper": {"peak_part", "angle"},
        "authors": {"peak_part", "peak_sigma", "peak_distance", "angle"},
        "mutex": {"mutex_reach", "mutex_weight"},
        "meanshift": {"angle"},
        "hdbscan": {"min_cluster_size", "n_sampled", "angle"},
    }
    for method, names in own.items():
        form.setValue(SegmentParams().replace(clustering__method=method))
        assert shown() == always | names
    form.editor("clustering__method").parts[0].value = "mutex"
    assert shown() == always | own["mutex"]
    assert form.value().clustering == ClusteringParams(method="mutex")


def test_a_hidden_setting_keeps_its_value(qtbot):
    form = ParamsForm(SegmentParams, shown=("clustering",))
    qtbot.addWidget(form)
    value = SegmentParams().replace(clustering__seed_threshold=0.61)
    form.setValue(value)
    for method in ("mutex", "angular"):
        form.editor("clustering__method").parts[0].value = method
    assert form.value() == value
