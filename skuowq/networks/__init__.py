"""Torch networks: training skorch nets on a target and weighted sources."""

from ._aligned_training import online_odds, train_aligned
from ._features import make_features
from ._head import head_inputs, state_with_head, state_with_outputs
from ._inputs import as_inputs
from ._joint_network import JointNetwork
from ._layers import layers_in_order
from ._make_net import make_net
from ._predict import module_features, predict_features, predict_proba
from ._transfer_network import TransferNetwork
from ._transport_loss import transport_loss
from ._weighted_training import train_weighted

__all__ = [
    "JointNetwork",
    "TransferNetwork",
    "as_inputs",
    "head_inputs",
    "layers_in_order",
    "make_features",
    "make_net",
    "module_features",
    "online_odds",
    "predict_features",
    "predict_proba",
    "state_with_head",
    "state_with_outputs",
    "train_aligned",
    "train_weighted",
    "transport_loss",
]
