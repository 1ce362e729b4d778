"""What becomes of the weights: the roads from a task to a fit of the user's estimator.

A road is a class with the methods of :class:`Road`, in a file of its own, with one entry in a list
here. A fit takes the first road in the list that accepts the estimator, the sources and the rule.
The last one accepts every estimator, so a new one stands before it.
"""

from .all_parameters import AllParametersRoad
from .drawn_rows import DrawnRowsRegressionRoad, DrawnRowsRoad
from .elsewhere import ElsewhereRoad
from .head import HeadRoad
from .logistic import LogisticRoad
from .records import RecordsRoad
from .regression import RegressionRowsRoad, RidgeRoad
from .regression_elsewhere import RidgeElsewhereRoad
from .regression_network import RegressionNetworkRoad
from .road import Options, Road
from .rows import RowsRoad
from .weighted_network import WeightedNetworkRoad

CLASSIFIER_ROADS = [
    RecordsRoad,
    ElsewhereRoad,
    DrawnRowsRoad,
    WeightedNetworkRoad,
    AllParametersRoad,
    HeadRoad,
    LogisticRoad,
    RowsRoad,
]
REGRESSOR_ROADS = [
    RidgeElsewhereRoad,
    DrawnRowsRegressionRoad,
    RidgeRoad,
    RegressionNetworkRoad,
    RegressionRowsRoad,
]


def choose_road(roads, base, given, rule, options):
    """The first road that takes the estimator, its options checked.

    Parameters
    ----------
    roads : list of type
        ``CLASSIFIER_ROADS`` or ``REGRESSOR_ROADS``.
    base : estimator
    given : {"nothing", "rows", "elsewhere", "models"}
        What the sources are given by.
    rule : Rule
    options : Options

    Returns
    -------
    road : Road
    """
    kind = next(kind for kind in roads if kind.takes(base, given, rule))
    road = kind(base, options)
    road.check(rule)
    return road


__all__ = ["CLASSIFIER_ROADS", "REGRESSOR_ROADS", "Options", "Road", "choose_road"]
