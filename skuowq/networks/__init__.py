"""Torch networks: training skorch nets on a target and weighted sources."""

from ._head import head_inputs, state_with_head
from ._predict import predict_proba
from ._training import as_inputs
from ._weighted_training import train_weighted

__all__ = ["as_inputs", "head_inputs", "predict_proba", "state_with_head", "train_weighted"]
