"""The rule of the paper: fitted parameters in place of the true ones."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from skuowq._utils._sklearn import Interval, StrOptions
from skuowq.weights.checked import candidate_discrepancies, std_error_of_checked

from ._rule import Rule, Sizes
from ._source_estimators import check_source_estimators, estimators_of

_USUAL_EPOCHS = 5


class PlugIn(Rule):
    """The original rule of UOWQ (arXiv 2601.10779), static or dynamic.

    Fitted parameters take the place of the true ones. With few target rows their noise makes all
    sources look far, and good sources are wasted.

    Parameters
    ----------
    n_updates : int, default=4
        How often weights and weighted fit alternate after the first weights, at most. 0 is the
        static rule.
    parameters : {"head", "all"}, default="head"
        What networks are compared on. "head" is the inputs of their last linear layer. "all" is the
        paper's rule for networks: the network is trained on each domain alone, from one
        initialisation, and all its parameters are compared in the metric of the Fisher information.
        Other estimators have no choice.
    update_every : int, default=None
        For `parameters` "all": epochs between two updates. None is 5.
    source_estimators : list of length n_sources, default=None
        For `parameters` "all": fitted skorch nets, or the states of their modules, that were tuned
        on the sources from one initial network. None trains them.

    See Also
    --------
    skuowq.weights.estimate_discrepancy : The estimate alone.
    """

    measure = "fits"

    _parameter_constraints = {  # noqa: RUF012
        "n_updates": [Interval(Integral, 0, None, closed="left")],
        "parameters": [StrOptions({"head", "all"})],
        "update_every": [Interval(Integral, 1, None, closed="left"), None],
        "source_estimators": [list, None],
    }

    def __init__(
        self,
        n_updates: int = 4,
        parameters: str = "head",
        update_every: int | None = None,
        source_estimators: list | None = None,
    ) -> None:
        self.n_updates = n_updates
        self.parameters = parameters
        self.update_every = update_every
        self.source_estimators = source_estimators

    @property
    def epochs_between_updates(self) -> int:  # type: ignore[override]
        """`update_every`, or its default."""
        return _USUAL_EPOCHS if self.update_every is None else self.update_every

    def check(self) -> None:
        """Raise ValueError for parameters that are out of bounds or without effect."""
        super().check()
        check_source_estimators(self)
        if self.update_every is not None and not self.n_updates:
            raise ValueError(
                f"update_every={self.update_every} is for updates along the training, and "
                "n_updates is 0: leave it out, or pass n_updates of at least 1"
            )
        if self.update_every is not None and self.parameters != "all":
            raise ValueError(
                f"update_every={self.update_every} is for parameters='all', and parameters is "
                f"{self.parameters!r}: leave it out, or pass PlugIn(parameters='all')"
            )

    def of_sources(self, kept: NDArray) -> Rule:
        """The rule where some sources take no part."""
        own = estimators_of(self.source_estimators, kept)
        return type(self)(self.n_updates, self.parameters, self.update_every, own)

    def for_task(self, task: int, n_tasks: int) -> Rule:
        """The rule with the networks of the other tasks."""
        return self.of_sources(np.arange(n_tasks) != task)

    def candidates(
        self, contrast_gram: NDArray, sizes: Sizes, n_parameters: float
    ) -> tuple[list[NDArray], list[float]]:
        """The contrasts as they are."""
        return candidate_discrepancies(
            contrast_gram, sizes.n_independent, sizes.n_samples, n_parameters, "plugin"
        )

    def std_error(self, discrepancy: NDArray, sizes: Sizes, n_parameters: float) -> NDArray:
        """Standard errors from sampling noise."""
        return std_error_of_checked(
            discrepancy, sizes.n_target, sizes.n_samples, n_parameters, "plugin"
        )
