"""Measures of what transfer gained or cost on the target."""

from ._negative_transfer import NegativeTransferGap, negative_transfer_gap

__all__ = ["NegativeTransferGap", "negative_transfer_gap"]
