"""Checks of arguments that the generators share."""

from numbers import Integral, Real

import numpy as np

from skuowq._utils._checks import as_numbers


def check_count(name, value, minimum):
    """Refuse anything but an integer of at least `minimum`."""
    if not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"{name} is {value!r}, and must be an integer of at least {minimum}")


def check_number(name, value, *, positive=False):
    """Refuse anything but a finite number, of at least 0 or, if `positive`, above 0."""
    number = isinstance(value, Real) and np.isfinite(value)
    if not (number and (value > 0 if positive else value >= 0)):
        bound = "above 0" if positive else "at least 0"
        raise ValueError(f"{name} is {value!r}, and must be a finite number, {bound}")


def check_sources(n_samples, discrepancies):
    """Rows and discrepancies of the sources, as arrays of one length."""
    n_samples = np.asarray(n_samples)
    discrepancies = as_numbers("discrepancies", discrepancies)
    if n_samples.ndim != 1 or n_samples.shape != discrepancies.shape or n_samples.size == 0:
        raise ValueError(
            f"n_samples has shape {n_samples.shape} and discrepancies has shape "
            f"{discrepancies.shape}: pass one entry for each source in both"
        )
    for n in n_samples.tolist():
        check_count("an entry of n_samples", n, 1)
    if not (np.isfinite(discrepancies).all() and (discrepancies >= 0).all()):
        raise ValueError(
            f"discrepancies is {discrepancies.tolist()}, and must be finite and at least 0: each "
            "is a squared distance per parameter"
        )
    return n_samples, discrepancies
