"""The plug-in without its expected noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from skuowq._utils._sklearn import StrOptions
from skuowq.weights.checked import candidate_discrepancies, std_error_of_checked

from ._rule import Rule, Sizes
from ._source_estimators import check_source_estimators, estimators_of


class Debiased(Rule):
    """The static plug-in rule less the sampling noise that is expected in it.

    Parameters
    ----------
    parameters : {"head", "all"}, default="head"
        What networks are compared on: the inputs of their last linear layer, or all parameters.
        Other estimators have no choice.
    source_estimators : list of length n_sources, default=None
        For `parameters` "all": the sources' networks, as in :class:`PlugIn`.

    See Also
    --------
    skuowq.weights.estimate_discrepancy : The estimate alone.
    """

    measure = "fits"

    _parameter_constraints = {  # noqa: RUF012
        "parameters": [StrOptions({"head", "all"})],
        "source_estimators": [list, None],
    }

    def __init__(self, parameters: str = "head", source_estimators: list | None = None) -> None:
        self.parameters = parameters
        self.source_estimators = source_estimators

    def check(self) -> None:
        """Raise ValueError for parameters that are out of bounds or without effect."""
        super().check()
        check_source_estimators(self)

    def of_sources(self, kept: NDArray) -> Rule:
        """The rule where some sources take no part."""
        return type(self)(self.parameters, estimators_of(self.source_estimators, kept))

    def for_task(self, task: int, n_tasks: int) -> Rule:
        """The rule with the networks of the other tasks."""
        return self.of_sources(np.arange(n_tasks) != task)

    def candidates(
        self, contrast_gram: NDArray, sizes: Sizes, n_parameters: float
    ) -> tuple[list[NDArray], list[float]]:
        """The contrasts less their noise, projected onto the positive semidefinite cone."""
        return candidate_discrepancies(
            contrast_gram, sizes.n_independent, sizes.n_samples, n_parameters, "debiased"
        )

    def std_error(self, discrepancy: NDArray, sizes: Sizes, n_parameters: float) -> NDArray:
        """Standard errors from sampling noise."""
        return std_error_of_checked(
            discrepancy, sizes.n_target, sizes.n_samples, n_parameters, "debiased"
        )
