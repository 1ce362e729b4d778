"""The result of a validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._families import Family

# Differences below this fraction of the largest number are rounding errors.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class ValidationResult:
    """Claimed and simulated numbers side by side. It prints as a table.

    Attributes
    ----------
    claim : str
        What was tested; see `validate`.
    family : Family
        The model family.
    labels : tuple of str
        A name for each point, as printed.
    grid : ndarray of shape (n_points, ...)
        What varies over the points: source weights, rows used, multiples of them, or the sources
        that a number belongs to. The labels say the same in words.
    theory : ndarray of shape (n_points,)
        The numbers claimed.
    simulated : ndarray of shape (n_points,)
        The simulated numbers. They are means over the repeats, except for the claim "argmin".
    std_error : ndarray of shape (n_points,)
        Standard errors of the simulated numbers.
    n_repeats : int
        Number of simulated fits.
    quantity : str
        What the numbers are, with their unit.
    scale : ndarray of shape (n_points,)
        Size of the numbers from which each point is computed. For a difference, the size of its two
        parts. It bounds the rounding error.
    """

    claim: str
    family: Family
    labels: tuple[str, ...]
    grid: np.ndarray
    theory: np.ndarray
    simulated: np.ndarray
    std_error: np.ndarray
    n_repeats: int
    quantity: str
    scale: np.ndarray

    def __post_init__(self):
        for name in ("grid", "theory", "simulated", "std_error", "scale"):
            array = np.array(getattr(self, name), dtype=float)
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @property
    def z(self) -> NDArray:
        """The z scores: simulated minus claimed, in standard errors, of shape (n_points,).

        A difference as small as rounding counts as 0. Any other difference with standard error 0
        is infinite.
        """
        difference = self.simulated - self.theory
        scale = np.maximum(self.scale, np.abs(self.simulated))
        z = np.copysign(np.inf, difference)
        np.divide(difference, self.std_error, out=z, where=self.std_error > 0)
        z[np.abs(difference) <= _ROUNDING * scale] = 0
        return z

    @property
    def max_abs_z(self) -> float:
        """The largest absolute z score. Above 4, say, the claim is refuted."""
        return float(np.abs(self.z).max())

    def __repr__(self):
        width = max(len(label) for label in self.labels)
        head = (
            f"claim {self.claim!r} on {self.family!r}: largest |z| {self.max_abs_z:.2f} "
            f"({self.n_repeats} repeats)"
        )
        names = f"{'':{width}}  {'theory':>11} {'simulated':>11} {'std_error':>11} {'z':>6}"
        rows = (
            f"{label:{width}}  {theory:11.4e} {simulated:11.4e} {std_error:11.1e} {z:6.2f}"
            for label, theory, simulated, std_error, z in zip(
                self.labels, self.theory, self.simulated, self.std_error, self.z, strict=True
            )
        )
        return "\n".join([head, names, *rows])
