"""Types of arrays that every room uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
BoolMatrix = npt.NDArray[np.bool_]
