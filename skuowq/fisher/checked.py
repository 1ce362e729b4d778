"""Entry points for callers who have checked their arguments already.

The functions of :mod:`skuowq.fisher` check every argument. An estimator has checked them once, in
`fit`, and calls some of these functions in every step of a loop. The functions here compute the
same numbers without a check. They assume

- ``X`` of doubles: an array, a CSR matrix or, where it says so, a `DomainDesign`;
- ``y`` of class indices 0 to n_classes - 1, of type ``intp``;
- ``theta`` of shape (n_features, n_classes - 1);
- ``weight`` of doubles, at least 0 and not all 0.

Most of them take the class probabilities of all rows, of shape (n_classes, n_samples). So a caller
computes the probabilities once and uses them several times.

With other arguments they may fail with an unclear message or return a wrong number. If your
arguments come from a user, call the functions of :mod:`skuowq.fisher`.
"""

from ._domain_design import (
    DomainDesign,
    DomainInformation,
    InformationByDomain,
    InformationWithout,
)
from ._leave_one_out import leave_one_out
from ._penalised_contrasts import penalised_factor
from ._point_sums import PointSums, point_sums
from ._softmax_regression import (
    NEWTON_MAX_PARAMETERS,
    class_probabilities,
    fit_checked,
    fit_likelihood,
    information,
    information_by_domain,
    information_diagonal,
    information_product,
    mean_score,
)
from ._source_record import (
    record_penalty,
    theta_of,
    vectors_of,
    with_constant,
)

__all__ = [
    "NEWTON_MAX_PARAMETERS",
    "DomainDesign",
    "DomainInformation",
    "InformationByDomain",
    "InformationWithout",
    "PointSums",
    "class_probabilities",
    "fit_checked",
    "fit_likelihood",
    "information",
    "information_by_domain",
    "information_diagonal",
    "information_product",
    "leave_one_out",
    "mean_score",
    "penalised_factor",
    "point_sums",
    "record_penalty",
    "theta_of",
    "vectors_of",
    "with_constant",
]
