"""Solutions with symmetric positive semidefinite matrices, in whatever units their columns are.

Cholesky's method does not mind units, but where columns repeat one another, or a penalty is 1e-16
of what it is added to, rounding leaves pivots of either sign. What such a matrix says of those
directions is rounding alone, so a trace of its diagonal is added there.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

# Of a diagonal entry: a smaller pivot is rounding.
_LEAST_PIVOT = 10 * np.finfo(float).eps
# Of the diagonal, until the pivots are above rounding. A difference of far larger matrices may have
# entries beyond its diagonal.
_TRACES = 10.0 ** np.arange(-14, 20)


def factorise(matrix):
    """Factor of a symmetric positive semidefinite matrix, and what it solves.

    Parameters
    ----------
    matrix : ndarray of shape (n, n)
        Where a diagonal entry is 0, or below by rounding, nothing is known: solutions are 0 there.

    Returns
    -------
    solve : callable
        Maps (n,) or (n, k) to the inverse of the matrix times it.

    Raises
    ------
    LinAlgError
        Where the matrix is not finite.
    """
    factor = _cholesky(matrix)
    if factor is not None:
        return lambda columns: cho_solve(factor, columns, check_finite=False)
    diagonal = np.maximum(matrix.diagonal(), 0.0)
    unit = np.divide(1, np.sqrt(diagonal), out=np.zeros(len(diagonal)), where=diagonal > 0)
    scaled = unit[:, None] * matrix * unit
    for trace in _TRACES:
        np.fill_diagonal(scaled, 1 + trace)
        factor = _cholesky(scaled)
        if factor is not None:
            return lambda columns: _in_units(factor, unit, columns)
    raise LinAlgError("a matrix of information is not finite: scale the columns")


def _cholesky(matrix):
    """As `scipy.linalg.cho_factor`; None where a pivot is lost in rounding."""
    try:
        factor = cho_factor(matrix, check_finite=False)
    except LinAlgError:
        return None
    pivots = factor[0].diagonal()
    return factor if (pivots * pivots > _LEAST_PIVOT * matrix.diagonal()).all() else None


def _in_units(factor, unit, columns):
    """Solutions with the matrix whose scaled form has the factor."""
    scaled = (columns.T * unit).T
    return (cho_solve(factor, scaled, check_finite=False).T * unit).T
