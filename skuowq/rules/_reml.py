"""REML: sampling noise and discrepancy separated by a likelihood."""

from __future__ import annotations

from numbers import Integral

from numpy.typing import NDArray

from skuowq._utils._sklearn import Interval
from skuowq.weights.checked import candidate_discrepancies, std_error_of_checked

from ._rule import Rule, Sizes


class Reml(Rule):
    """The default rule: a random-effects model separates sampling noise from discrepancy.

    It needs no fit on the target's rows alone. The target's held-out rows decide how much of the
    weights to keep.

    Parameters
    ----------
    n_updates : int, default=4
        How often weights and weighted fit alternate after the first weights, at most. They end
        early once the weights settle. 0 is the static rule. More updates let the sources found
        useful sharpen the fit on which all are compared, at the cost of one fit each.

    See Also
    --------
    skuowq.weights.estimate_discrepancy : The estimate alone.

    Examples
    --------
    >>> from skuowq import UOWQClassifier
    >>> from skuowq.rules import Reml
    >>> UOWQClassifier(discrepancy=Reml(n_updates=1))
    UOWQClassifier(discrepancy=Reml(n_updates=1))
    """

    measure = "scores"
    cross_validates = True

    _parameter_constraints = {  # noqa: RUF012
        "n_updates": [Interval(Integral, 0, None, closed="left")]
    }

    def __init__(self, n_updates: int = 4) -> None:
        self.n_updates = n_updates

    def candidates(
        self, contrast_gram: NDArray, sizes: Sizes, n_parameters: float
    ) -> tuple[list[NDArray], list[float]]:
        """Discrepancies without a shift that all sources share, and with one."""
        return candidate_discrepancies(
            contrast_gram, sizes.n_independent, sizes.n_samples, n_parameters, "reml"
        )

    def std_error(self, discrepancy: NDArray, sizes: Sizes, n_parameters: float) -> NDArray:
        """Standard errors from sampling noise, by the Fisher information of the likelihood."""
        return std_error_of_checked(
            discrepancy, sizes.n_target, sizes.n_samples, n_parameters, "reml"
        )
