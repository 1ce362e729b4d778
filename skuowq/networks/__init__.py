"""Torch networks: training skorch nets on a target and weighted sources."""

from skuowq._utils._optional import import_optional

# The whole room is about networks: asked for here once, and not in each of its files.
for _package in ("torch", "skorch"):
    import_optional(_package, "A network (skuowq.networks)")

from ._aligned_training import online_odds, train_aligned
from ._extract_features import extract_features
from ._gated_loss import GatedObjective
from ._head import head_inputs, state_with_head, state_with_outputs
from ._inputs import as_inputs
from ._joint_loss import JointObjective
from ._joint_terms import joint_terms
from ._layers import layers_in_order
from ._perceptron import make_perceptron
from ._predict import module_features, predict_features, predict_proba
from ._transport_loss import transport_loss
from ._weighted_training import train_weighted
from .alignments import (
    ADDA,
    ALIGNMENTS,
    DAN,
    DANN,
    DCORAL,
    GTA,
    PADA,
    Alignment,
    AlignmentPart,
    DistanceAlignment,
    alignment_of,
)

__all__ = [
    "ADDA",
    "ALIGNMENTS",
    "DAN",
    "DANN",
    "DCORAL",
    "GTA",
    "PADA",
    "Alignment",
    "AlignmentPart",
    "DistanceAlignment",
    "GatedObjective",
    "JointObjective",
    "alignment_of",
    "as_inputs",
    "extract_features",
    "head_inputs",
    "joint_terms",
    "layers_in_order",
    "make_perceptron",
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
