"""What a claim hands to the validator."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ERROR = "expected KL error (nats)"
DIFFERENCE = "expected KL error, or difference of two (nats)"


@dataclass(frozen=True, eq=False)
class Plan:
    """The numbers claimed, and how to simulate them.

    Attributes
    ----------
    labels : tuple of str
        One for each number claimed.
    grid : ndarray of shape (n_points, ...)
        What varies over the points.
    theory : ndarray of shape (n_points,)
    quantity : str
        What the numbers are, with their unit.
    simulate : callable
        ``simulate(n_repeats, rng)`` returns outcomes (n_outcomes, n_repeats).
    width : int
        Numbers held for each repeat, for the size of the chunks.
    scale : ndarray of shape (n_points,), default=None
        Size of the numbers whose rounding each point inherits; None is that of the claim itself.
    variance : ndarray of shape (n_outcomes,), default=None
        Variances that the claim itself gives to outcomes; NaN, and None, for those to estimate.
    summarise : callable, default=None
        From the outcomes' means to the points, and their derivatives; None where the outcomes'
        means are the points.
    """

    labels: tuple[str, ...]
    grid: np.ndarray
    theory: np.ndarray
    quantity: str
    simulate: Callable
    width: int
    scale: np.ndarray | None = None
    variance: np.ndarray | None = None
    summarise: Callable | None = None
