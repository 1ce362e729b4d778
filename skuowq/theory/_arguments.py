"""Checks of arguments. Each error names the argument, the fact and the remedy."""

import numpy as np

from skuowq._utils._checks import as_numbers, check_discrepancy

TARGET_ROWS = "pass the number of labelled target rows"
SOURCE_ROWS = "pass the rows used of each source, and leave out sources without rows"
PARAMETERS = "pass the number of free parameters of the model"
WEIGHTS = "pass the weight of one row of each source; 0 ignores a source"
TAU = "it is a squared distance per parameter; an unbiased estimate below 0 stands for 0"


def above_zero(name, value, remedy):
    """`value` as a float array whose entries are finite and above 0."""
    value = as_numbers(name, value)
    wrong = ~(np.isfinite(value) & (value > 0))
    if wrong.any():
        raise ValueError(
            f"{name} holds {value[wrong][0]:g}, and must be finite and above 0: {remedy}"
        )
    return value


def not_negative(name, value, remedy):
    """`value` as a float array whose entries are finite and at least 0."""
    value = as_numbers(name, value)
    wrong = ~(np.isfinite(value) & (value >= 0))
    if wrong.any():
        raise ValueError(
            f"{name} holds {value[wrong][0]:g}, and must be finite and at least 0: {remedy}"
        )
    return value


def one_number(name, value, remedy):
    """`value` as a float that is finite and above 0."""
    value = above_zero(name, value, remedy)
    if value.ndim > 0:
        raise ValueError(f"{name} has shape {value.shape}, and must be one number: {remedy}")
    return float(value)


def discrepancy_matrix(value):
    """The discrepancy as an (n_sources, n_sources) array.

    Its length is the number of sources. A vector is the diagonal, a scalar is one source.
    """
    return check_discrepancy(value, len(np.atleast_1d(value)))


def one_per_source(name, value, n_sources):
    """Refuse arrays whose last axis is not the sources; a scalar is one source."""
    if value.ndim == 0 and n_sources == 1:
        return value.reshape(1)
    if value.ndim == 0 or value.shape[-1] != n_sources:
        raise ValueError(
            f"{name} has shape {value.shape}, and there are {n_sources} sources: the last axis "
            "must hold one entry for each"
        )
    return value


def broadcast(**arrays):
    """Broadcast arrays; the error names those that do not fit together."""
    try:
        return np.broadcast_arrays(*arrays.values())
    except ValueError as error:
        shapes = " and ".join(f"{name} of shape {a.shape}" for name, a in arrays.items())
        raise ValueError(
            f"{shapes} do not broadcast: pass as many numbers in each, or one number"
        ) from error


def unwrap(value):
    """Turn an array without axes into a float."""
    return value.item() if np.ndim(value) == 0 else value
