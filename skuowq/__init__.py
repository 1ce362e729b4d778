"""Multi-source transfer learning for scikit-learn: how much is each source worth?"""

from . import datasets, fisher, metrics, plotting, rules, theory, transport, weights
from ._data.sources import Sources
from ._gate.classifier import DiscriminatorGateClassifier
from ._transport_estimators.jtln import JTLNClassifier
from ._transport_estimators.ot3l import OT3LClassifier
from ._uowq.classifier import UOWQClassifier
from ._uowq.multi_task import MultiTaskUOWQClassifier
from ._uowq.regressor import UOWQRegressor
from .pipeline import TransferPipeline, make_transfer_pipeline

__version__ = "0.1.0"

__all__ = [
    "DiscriminatorGateClassifier",
    "JTLNClassifier",
    "MultiTaskUOWQClassifier",
    "OT3LClassifier",
    "Sources",
    "TransferPipeline",
    "UOWQClassifier",
    "UOWQRegressor",
    "datasets",
    "fisher",
    "make_transfer_pipeline",
    "metrics",
    "plotting",
    "rules",
    "theory",
    "transport",
    "weights",
]
