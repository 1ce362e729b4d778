"""Torch networks: training skorch nets on a target and weighted sources."""

from ._aligned_training import online_odds, train_aligned
from ._head import head_inputs, state_with_head
from ._predict import predict_features, predict_proba
from ._training import as_inputs
from ._transfer_network import TransferNetwork
from ._weighted_training import train_weighted

__all__ = [
    "TransferNetwork",
    "as_inputs",
    "head_inputs",
    "online_odds",
    "predict_features",
    "predict_proba",
    "state_with_head",
    "train_aligned",
    "train_weighted",
]
