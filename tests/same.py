"""Whether two labels say the same with other numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def same_partition(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    """Tell whether two arrays of labels are equal up to renumbering; 0 is 0 in both."""
    pairs = np.unique(np.stack([first.ravel(), second.ravel()]), axis=1)
    one_to_one = all(len(np.unique(side)) == pairs.shape[1] for side in pairs)
    return bool(one_to_one and ((pairs[0] == 0) == (pairs[1] == 0)).all())
