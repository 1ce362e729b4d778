"""What draws the features of source and target together, one method a file.

A new one is a file with a subclass of `Alignment` or `DistanceAlignment`, and a line here.
"""

from .adda import ADDA
from .alignment import Alignment, AlignmentPart
from .dan import DAN
from .dann import DANN
from .dcoral import DCORAL
from .distance import DistanceAlignment
from .gta import GTA
from .pada import PADA

ALIGNMENTS = {
    "dann": DANN,
    "dan": DAN,
    "dcoral": DCORAL,
    "adda": ADDA,
    "pada": PADA,
    "gta": GTA,
}


def alignment_of(given):
    """The alignment that a name stands for; objects and None are returned as they are.

    Parameters
    ----------
    given : str, Alignment or None

    Returns
    -------
    alignment : Alignment or None

    Raises
    ------
    ValueError
        For a name that is not in ``ALIGNMENTS``, an object that is no `Alignment`, or an alignment
        with a parameter out of bounds.
    """
    if isinstance(given, str):
        if given not in ALIGNMENTS:
            raise ValueError(
                f"alignment is {given!r}: pass one of {sorted(ALIGNMENTS)}, 'auto', None, or an "
                "object such as skuowq.networks.DANN(weight=0.1)"
            )
        return ALIGNMENTS[given]()
    if given is None:
        return None
    if not isinstance(given, Alignment):
        raise ValueError(
            f"alignment is {given!r}: pass an instance of a subclass of "
            "skuowq.networks.Alignment, such as skuowq.networks.DANN(weight=0.1), or its name"
        )
    given._validate_params()
    return given


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
    "alignment_of",
]
