"""Displays, one a file: computed data first, then `plot` draws them with matplotlib."""

from skuowq.plotting._bias_variance import BiasVarianceDisplay
from skuowq.plotting._class_distances import ClassDistancesDisplay
from skuowq.plotting._gate_weights import GateWeightsDisplay
from skuowq.plotting._negative_transfer import NegativeTransferDisplay
from skuowq.plotting._source_weights import SourceWeightsDisplay
from skuowq.plotting._transfer_error import TransferErrorDisplay
from skuowq.plotting._validation import ValidationDisplay
from skuowq.plotting._weight_curve import WeightCurveDisplay
from skuowq.plotting._weight_history import WeightHistoryDisplay

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
