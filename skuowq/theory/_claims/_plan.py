"""What a claim gives to `validate`."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

ERROR = "expected KL error (nats)"
DIFFERENCE = "expected KL error, or difference of two (nats)"


@dataclass(frozen=True, eq=False)
class Plan:
    """The claimed numbers, and how to simulate them.

    Attributes
    ----------
    labels : tuple of str
        A name for each claimed number.
    grid : ndarray of shape (n_points, ...)
        What varies over the points.
    theory : ndarray of shape (n_points,)
    quantity : str
        What the numbers are, with their unit.
    simulate : callable
        ``simulate(n_repeats, rng)`` returns outcomes (n_outcomes, n_repeats).
    width : int
        How many numbers are held for each repeat. It decides the size of the chunks.
    scale : ndarray of shape (n_points,), default=None
        Size of the numbers from which each point is computed. None takes the claimed numbers.
    variance : ndarray of shape (n_outcomes,), default=None
        Variances of the outcomes that follow from the claim. NaN or None: estimate them.
    summarise : callable, default=None
        Computes the points and their derivatives from the means of the outcomes. None if the
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
