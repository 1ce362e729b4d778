"""How much of what the theory promises real data keep."""

import numpy as np


def calibrated_rows(n_target, rows):
    """Target rows that the sources are worth on real data.

    The theory knows the discrepancies and believes in its model; an estimate from few target rows
    promises too much. On ten suites of real tables the promise was compared with the target's own
    learning curve (``benchmarks/weights/worth.py``). On average fits were as good as those to the
    geometric mean of the target's rows and of all rows promised.

    Parameters
    ----------
    n_target : float
    rows : float
        By the theory: the sum of weights of all source rows.

    Returns
    -------
    rows : float
        ``sqrt(n_target (n_target + rows)) - n_target``.
    """
    return float(np.sqrt(n_target * (n_target + rows)) - n_target)
