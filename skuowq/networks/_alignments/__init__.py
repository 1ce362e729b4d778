"""What draws the features of source and target together, one method a file."""

from ._adversarial import Adda, Dann, Pada
from ._distances import CorrelationAlignment, KernelAlignment
from ._generate import GenerateToAdapt

ALIGNMENTS = {
    "dann": Dann,
    "dan": KernelAlignment,
    "dcoral": CorrelationAlignment,
    "adda": Adda,
    "pada": Pada,
    "gta": GenerateToAdapt,
}

__all__ = ["ALIGNMENTS"]
