"""How the tables of these scripts write a mean."""

import numpy as np


def in_words(found):
    """Mean and standard error of a vector."""
    error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
    return f"{found.mean():8.3f} ({error:.3f})"
