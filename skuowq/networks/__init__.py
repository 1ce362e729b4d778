"""Torch networks: training skorch nets on a target and weighted sources."""

from ._head import head_inputs
from ._predict import predict_proba
from ._weighted_training import as_inputs, train_weighted

__all__ = ["as_inputs", "head_inputs", "predict_proba", "train_weighted"]
