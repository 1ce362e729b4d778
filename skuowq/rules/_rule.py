"""What a rule is: the base class of all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator


@dataclass(frozen=True)
class Sizes:
    """How much the target and the sources have.

    Attributes
    ----------
    n_target : float
        Rows of the target, counted by their weights.
    n_rows : ndarray of shape (n_sources,)
        Rows of each source, counted by their weights.
    row_information : ndarray of shape (n_sources,)
        Information of a source row, in target rows: 1 where all rows have the same noise.
    independent_share : float
        Independent rows that the target's are worth, over `n_target`. Less than 1 where rows are
        copies or belong together.
    """

    n_target: float
    n_rows: NDArray
    row_information: NDArray
    independent_share: float = 1.0

    @property
    def n_samples(self) -> NDArray:
        """Information of each source, in target rows: ``N_i``."""
        return self.n_rows * self.row_information

    @property
    def n_independent(self) -> float:
        """Independent rows of the target."""
        return self.independent_share * self.n_target


# What a rule may read; see `Rule`.
MEASURES = ("scores", "fits", None)


class Rule(BaseEstimator):
    """Base class of the rules.

    A rule of your own is a subclass with `candidates`; `measure` says what it is given, and
    `cross_validates` what becomes of its weights.

    Attributes
    ----------
    measure : {"scores", "fits"} or None
        Which contrasts between the sources and the target the rule reads: of the mean scores at the
        weighted fit, of separately fitted parameters, or none.
    cross_validates : bool
        Whether cross-validation on the target's rows decides how much of the weights to keep.
    parameters : {"head", "all"}
        What networks are compared on: the inputs of their last layer, or all their parameters.
    n_updates : int
        How often weights and weighted fit alternate after the first weights.
    """

    measure: str | None = "scores"
    cross_validates: bool = False
    parameters: str = "head"
    n_updates: int = 0
    # For `parameters` "all": networks of the sources, and epochs between two updates.
    source_estimators: list | None = None
    epochs_between_updates: int = 5

    # Of every rule; subclasses add theirs.
    _parameter_constraints: dict = {}  # noqa: RUF012

    def check(self) -> None:
        """Raise ValueError for parameters that are out of bounds."""
        self._validate_params()
        if self.measure not in MEASURES:
            raise ValueError(
                f"measure of {type(self).__name__} is {self.measure!r}: it must be one of "
                f"{list(MEASURES)}"
            )

    def of_sources(self, kept: NDArray) -> Rule:
        """The rule where some sources take no part.

        Parameters
        ----------
        kept : ndarray of bool of shape (n_sources,)
        """
        return self

    def for_task(self, task: int, n_tasks: int) -> Rule:
        """The rule where one of several tasks is the target and the others are sources.

        Parameters
        ----------
        task, n_tasks : int
        """
        return self

    def candidates(
        self, contrast_gram: NDArray, sizes: Sizes, n_parameters: float
    ) -> tuple[list[NDArray], list[float]]:
        """Possible discrepancies and how much each is believed.

        Parameters
        ----------
        contrast_gram : ndarray of shape (n_sources, n_sources) or None
            ``S``, the inner products of the contrasts over `n_parameters`; None where `measure` is
            None.
        sizes : Sizes
        n_parameters : float
            ``d``.

        Returns
        -------
        discrepancies : list of ndarray of shape (n_sources, n_sources)
            Symmetric and positive semidefinite.
        belief : list of float
            They sum to 1. The weights are averaged with it.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no candidates: define the method, which returns a list of "
            "discrepancies and a list of beliefs that sum to 1"
        )

    def std_error(self, discrepancy: NDArray, sizes: Sizes, n_parameters: float) -> NDArray:
        """Standard errors of the diagonal of `discrepancy`; NaN where they are not known."""
        return np.full(len(discrepancy), np.nan)
