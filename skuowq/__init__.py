"""Multi-source transfer learning for scikit-learn: how much is each source worth?"""

from . import datasets, fisher, metrics, plotting, theory, transport, weights
from ._discriminator_gate import DiscriminatorGateClassifier
from ._jtln import JTLNClassifier
from ._multi_task import MultiTaskUOWQClassifier
from ._ot3l import OT3LClassifier
from ._uowq import UOWQClassifier
from ._uowq_regressor import UOWQRegressor
from ._utils._sources import Sources
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
    "theory",
    "transport",
    "weights",
]
