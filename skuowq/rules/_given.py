"""A discrepancy that the user knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skuowq._utils._checks import LARGEST, as_numbers, check_discrepancy

from ._rule import Rule, Sizes


class Given(Rule):
    """The discrepancy itself, in place of an estimate; an array is short for it.

    Parameters
    ----------
    discrepancy : array-like of shape (n_sources, n_sources) or (n_sources,)
        Squared and per parameter, in units of one row's Fisher information; symmetric and positive
        semidefinite. A vector is its diagonal. `discrepancy_` of another fit to the same sources
        will do; a source that was left out there is infinitely far on the diagonal.
    """

    measure = None

    def __init__(self, discrepancy: ArrayLike) -> None:
        self.discrepancy = discrepancy

    def of_sources(self, kept: NDArray) -> Rule:
        """The part that belongs to the sources that take part, checked."""
        if not len(kept):
            return self
        G = as_numbers("discrepancy", self.discrepancy)
        G = np.diag(G) if G.ndim == 1 else G.copy()
        if G.shape == (len(kept), len(kept)):
            infinite = np.isposinf(G.diagonal())
            G[infinite] = G[:, infinite] = 0.0
            G[infinite & kept, infinite & kept] = LARGEST
        return Given(check_discrepancy(G, len(kept))[np.ix_(kept, kept)])

    def for_task(self, task: int, n_tasks: int) -> Rule:
        """The matrix of the task."""
        shape = np.shape(self.discrepancy)
        if shape != (n_tasks, n_tasks - 1, n_tasks - 1):
            raise ValueError(
                f"discrepancy has shape {shape}, and there are {n_tasks} tasks: pass an array of "
                f"shape ({n_tasks}, {n_tasks - 1}, {n_tasks - 1}), a matrix for each task as target"
            )
        return Given(np.asarray(self.discrepancy)[task])

    def candidates(
        self, contrast_gram: NDArray, sizes: Sizes, n_parameters: float
    ) -> tuple[list[NDArray], list[float]]:
        """The discrepancy, known for sure."""
        return [np.asarray(self.discrepancy)], [1.0]

    def std_error(self, discrepancy: NDArray, sizes: Sizes, n_parameters: float) -> NDArray:
        """0: what is given is known."""
        return np.zeros(len(discrepancy))
