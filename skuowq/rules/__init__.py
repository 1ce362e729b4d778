"""How far sources are from the target: the rules that estimate it from contrasts.

A rule is what ``discrepancy=`` takes: its name, an array (see :class:`Given`) or an object with
parameters of its own, which a grid search reaches as ``discrepancy__n_updates``.
"""

from __future__ import annotations

from numpy.typing import ArrayLike

from ._debiased import Debiased
from ._given import Given
from ._plug_in import PlugIn
from ._reml import Reml
from ._rule import Rule, Sizes

# Short names, and the rules that they stand for with their defaults.
RULES: dict[str, type[Rule]] = {"reml": Reml, "debiased": Debiased, "plugin": PlugIn}


def as_rule(discrepancy: str | Rule | ArrayLike) -> Rule:
    """The rule that ``discrepancy=`` asks for, its parameters checked.

    Parameters
    ----------
    discrepancy : str, Rule or array-like
        A name in ``RULES``, a rule, or the discrepancy itself.

    Returns
    -------
    rule : Rule

    Raises
    ------
    ValueError
        For an unknown name, or parameters that are out of bounds.

    Examples
    --------
    >>> from skuowq.rules import as_rule
    >>> as_rule("plugin")
    PlugIn()
    >>> type(as_rule([[0.1]])).__name__
    'Given'
    """
    if isinstance(discrepancy, str):
        if discrepancy not in RULES:
            raise ValueError(
                f"discrepancy is {discrepancy!r}: pass one of {sorted(RULES)}, an object of "
                "skuowq.rules, or an array"
            )
        return RULES[discrepancy]()
    rule = discrepancy if isinstance(discrepancy, Rule) else Given(discrepancy)
    rule.check()
    return rule


__all__ = ["RULES", "Debiased", "Given", "PlugIn", "Reml", "Rule", "Sizes", "as_rule"]
