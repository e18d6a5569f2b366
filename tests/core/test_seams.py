"""Components that are found in blocks and joined are those of the whole plane."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.core.labels import connected_parts
from napari_wnet.core.seams import block_parts, join
from napari_wnet.core.windows import Place


@given(
    seed=st.integers(0, 10**6),
    density=st.sampled_from([0.1, 0.4, 0.6, 0.9]),
    step=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_components_and_their_seeds_are_those_of_the_plane(seed, density, step):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(2, 50, 2).tolist())
    mask = rng.random(shape) < density
    seeds = mask & (rng.random(shape) < 0.5)
    whole, cores = connected_parts(mask), connected_parts(seeds, connectivity=4)
    cells, windows, labels, blocks = [], [], [], []
    for row, top in enumerate(range(0, shape[0], step[0])):
        for column, left in enumerate(range(0, shape[1], step[1])):
            window = slice(top, min(top + step[0], shape[0])), slice(left, min(left + step[1], shape[1]))
            numbers, found = block_parts(mask[window], seeds[window], Place(corner=(top, left), frame=shape))
            cells.append((row, column))
            windows.append(window)
            labels.append(numbers)
            blocks.append(found)
    joined = join(blocks, cells)
    seen = np.zeros(int(whole.max()) + 1, bool)
    for window, numbers, block, mine, whose in zip(windows, labels, blocks, joined.numbers, joined.whose, strict=True):
        for number in range(1, int(numbers.max(initial=0)) + 1):
            true = np.unique(whole[window][numbers == number])
            assert len(true) == 1
            component = whole == true[0]
            rows, columns = np.nonzero(component)
            box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
            n_seeds = np.count_nonzero(np.unique(cores[component]))
            seen[true] = True
            if number in mine:
                group = whose[np.flatnonzero(mine == number)[0]]
                assert joined.boxes[group].tolist() == box
                assert joined.first[group] == np.flatnonzero(component)[0]
                assert joined.n_seeds[group] == n_seeds
            else:
                assert block.n_seeds[number] == n_seeds
    assert seen[1:].all()
    boxes = []
    for number in range(1, int(cores.max()) + 1):
        rows, columns = np.nonzero(cores == number)
        boxes.append([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
    found = np.concatenate([joined.seed_boxes, *(block.inner_boxes for block in blocks)])
    assert sorted(found.tolist()) == sorted(boxes)
