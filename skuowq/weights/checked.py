"""Entry points for callers who have checked their arguments already.

The functions of :mod:`skuowq.weights` check every argument. An estimator has checked them once, in
`fit`, and checking again costs time: for ten thousand sources it takes minutes. The functions here
compute the same numbers without a check. They assume

- arrays of doubles, of the shapes that their docstrings name;
- sizes (`n_target`, `n_samples`) that are finite and above 0;
- matrices that are symmetric, finite and positive semidefinite.

With other arguments they may fail with an unclear message or return a wrong number. If your
arguments come from a user, call the functions of :mod:`skuowq.weights`.

`check_solver` is the check itself, for estimators that have a parameter ``solver``.
"""

from ._density_ratio import SourceGate
from ._discrepancy import (
    averaged_weights,
    candidate_discrepancies,
    std_error_of_checked,
    weights_and_discrepancy,
)
from ._error import error_of_rows, parts_of_rows
from ._factor_form import ContrastGram, FactorForm
from ._program import check_solver, solve_checked, weights_record

__all__ = [
    "ContrastGram",
    "FactorForm",
    "SourceGate",
    "averaged_weights",
    "candidate_discrepancies",
    "check_solver",
    "error_of_rows",
    "parts_of_rows",
    "solve_checked",
    "std_error_of_checked",
    "weights_and_discrepancy",
    "weights_record",
]
