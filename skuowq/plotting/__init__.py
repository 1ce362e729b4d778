"""Displays, one a file: computed data first, then `plot` draws them with matplotlib."""

from skuowq.plotting._negative_transfer import NegativeTransferDisplay
from skuowq.plotting._source_weights import SourceWeightsDisplay

__all__ = ["NegativeTransferDisplay", "SourceWeightsDisplay"]
