"""Checks of sizes and discrepancies that several modules share."""

import reprlib

import numpy as np

# Beyond, products of sizes and discrepancies leave the range of double precision.
LARGEST = 1e100


def as_numbers(name, value):
    """`value` as a float array; text, and rows of unlike length, have none."""
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} is {reprlib.repr(value)}, and must hold numbers alone, as many in each row"
        ) from None


def check_sizes(sizes, name):
    """Float vector of sample sizes, finite and above 0."""
    sizes = np.atleast_1d(as_numbers(name, sizes))
    if sizes.ndim != 1 or sizes.size == 0:
        raise ValueError(f"{name} must be a non-empty vector, got shape {sizes.shape}.")
    bad = np.flatnonzero(~(np.isfinite(sizes) & (sizes > 0)))
    if bad.size:
        raise ValueError(
            f"{name} must be finite and above 0, got {sizes[bad[0]]} at position {bad[0]}: leave "
            "out what has no rows."
        )
    bad = np.flatnonzero((sizes < 1 / LARGEST) | (sizes > LARGEST))
    if bad.size:
        raise ValueError(
            f"{name} must lie between {1 / LARGEST:.0e} and {LARGEST:.0e}, got "
            f"{sizes[bad[0]]:.3g} at position {bad[0]}: give sizes in rows."
        )
    return sizes


def check_discrepancy(discrepancy, n_sources, name="discrepancy"):
    """Symmetric positive semidefinite (n_sources, n_sources) matrix; a vector is a diagonal."""
    G = as_numbers(name, discrepancy)
    if G.ndim == 0 and n_sources == 1:
        G = G.reshape(1, 1)
    elif G.ndim == 1:
        G = np.diag(G)
    if G.shape != (n_sources, n_sources):
        raise ValueError(
            f"{name} has shape {np.shape(discrepancy)}, but there are {n_sources} sources: pass "
            f"a ({n_sources}, {n_sources}) array, in the order of the sources."
        )
    if not np.all(np.isfinite(G)):
        raise ValueError(f"{name} contains NaN or infinity: all entries must be finite.")
    scale = np.abs(G).max()
    if scale > LARGEST:
        raise ValueError(
            f"{name} holds {scale:.3g} in size, and must stay below {LARGEST:.0e}: give squared "
            "distances per parameter, in units of one row's Fisher information."
        )
    if np.abs(G - G.T).max() > 1e-8 * scale:
        raise ValueError(f"{name} is not symmetric: pass (G + G.T) / 2.")
    G = (G + G.T) / 2
    # Unit diagonal first: one large source must not hide a small negative eigenvalue.
    diagonal = np.diag(G)
    if np.any(diagonal < 0):
        i = int(np.argmin(diagonal))
        raise ValueError(
            f"{name} is not positive semidefinite: diagonal entry {i} is {diagonal[i]:.3g}, but a "
            "squared discrepancy is at least 0."
        )
    unit = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    smallest = np.linalg.eigvalsh(G / unit[:, None] / unit)[0]
    if smallest < -1e-8 * n_sources:
        raise ValueError(
            f"{name} is not positive semidefinite: its smallest eigenvalue, at unit diagonal, is "
            f"{smallest:.3g}. Project it onto the cone, or pass its diagonal alone."
        )
    return G


def check_hidden_layer_sizes(sizes):
    """Tuple of integers, at least 1."""
    given = np.atleast_1d(np.asarray(sizes))
    if given.size == 0 or given.dtype.kind not in "iu" or given.min() < 1:
        raise ValueError(
            f"hidden_layer_sizes is {sizes!r}: pass integers of at least 1, such as (64, 64)"
        )
    return tuple(given.tolist())
