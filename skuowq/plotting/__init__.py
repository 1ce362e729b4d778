"""Displays: objects that hold computed data, and draw them with matplotlib by `plot`."""

from ._bias_variance import BiasVarianceDisplay
from ._class_distances import ClassDistancesDisplay
from ._gate_weights import GateWeightsDisplay
from ._negative_transfer import NegativeTransferDisplay
from ._source_weights import SourceWeightsDisplay
from ._transfer_error import TransferErrorDisplay
from ._validation import ValidationDisplay
from ._weight_curve import WeightCurveDisplay
from ._weight_history import WeightHistoryDisplay

__all__ = [
    "BiasVarianceDisplay",
    "ClassDistancesDisplay",
    "GateWeightsDisplay",
    "NegativeTransferDisplay",
    "SourceWeightsDisplay",
    "TransferErrorDisplay",
    "ValidationDisplay",
    "WeightCurveDisplay",
    "WeightHistoryDisplay",
]
