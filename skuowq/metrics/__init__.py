"""Measures of how much the sources improve or harm the predictions on the target."""

from ._negative_transfer import NegativeTransferGap, negative_transfer_gap

__all__ = ["NegativeTransferGap", "negative_transfer_gap"]
