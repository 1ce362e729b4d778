"""Types that the signatures of the public functions share."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from numpy.random import RandomState
from numpy.typing import ArrayLike
from scipy import sparse

from .sources import Sources

# A table of numbers, with a row for each sample.
Matrix: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray
# What scikit-learn's check_random_state takes.
Seed: TypeAlias = int | RandomState | None
# Sources as a user writes them.
SourcesLike: TypeAlias = Sources | Mapping | Sequence
