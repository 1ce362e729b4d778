"""How much of what the theory promises real data keep."""

import numpy as np

# Rows that came true over rows promised, the target's own included: four of five fits of ten suites
# lie between these (benchmarks/weights/worth.py), and more than that of seven other suites.
_LIKELY = 0.2, 8.0


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


def likely_rows(n_target, rows):
    """What the sources are worth on real data in four cases of five.

    Parameters
    ----------
    n_target : float
    rows : float
        As `calibrated_rows` returns it.

    Returns
    -------
    lowest, highest : float
    """
    lowest, highest = (max(share * (n_target + rows) - n_target, 0.0) for share in _LIKELY)
    return lowest, highest
