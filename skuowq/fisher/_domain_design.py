"""Rows of several domains, each domain with an intercept of its own."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import sparse


def with_own_intercepts(matrix, sizes):
    """A design with the common columns, then an indicator column for every domain.

    Parameters
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_common)
        Rows of all domains, stacked.
    sizes : array-like of shape (n_domains,)
        Rows of each domain.

    Returns
    -------
    design : {DomainDesign, CSR matrix} of shape (n_rows, n_common + n_domains)
    """
    sizes = np.asarray(sizes)
    if not sparse.issparse(matrix):
        return DomainDesign(matrix, sizes)
    rows = np.arange(matrix.shape[0])
    domain = np.repeat(np.arange(len(sizes)), sizes)
    indicators = sparse.csr_matrix((np.ones(len(rows)), (rows, domain)))
    return sparse.hstack([matrix, indicators], format="csr")


@dataclass(frozen=True)
class DomainDesign:
    """Dense common columns, and an indicator column for each domain that is never stored.

    Takes the place of a matrix in a softmax regression: products, consecutive rows and weighted
    Gram matrices cost what the common columns cost, however many domains there are.

    Attributes
    ----------
    matrix : ndarray of shape (n_rows, n_common)
        Rows of all domains, stacked.
    sizes : ndarray of shape (n_domains,)
        Rows of each domain; may be 0.
    """

    matrix: np.ndarray
    sizes: np.ndarray

    @property
    def shape(self):
        return self.matrix.shape[0], self.matrix.shape[1] + len(self.sizes)

    @property
    def T(self):
        return _Transposed(self)

    def __matmul__(self, columns):
        n_common = self.matrix.shape[1]
        product = self.matrix @ columns[:n_common]
        product += np.repeat(columns[n_common:], self.sizes, axis=0)
        return product

    def __getitem__(self, rows):
        """Consecutive rows, as a slice; every domain stays, if only with no rows."""
        start, stop, _ = rows.indices(len(self.matrix))
        edges = np.clip(np.append(0, np.cumsum(self.sizes)), start, stop)
        return DomainDesign(self.matrix[start:stop], np.diff(edges))

    def __pow__(self, exponent):
        """Every entry to a power above 0; indicators stay what they are."""
        return DomainDesign(self.matrix**exponent, self.sizes)

    def take(self, rows):
        """Rows by their indices, as a dense matrix."""
        domain = np.repeat(np.arange(len(self.sizes)), self.sizes)[rows]
        return np.hstack([self.matrix[rows], domain[:, None] == np.arange(len(self.sizes))])

    def domain_sums(self, values):
        """Sums over each domain's rows; `values` is (n_rows, ...)."""
        sums = np.zeros((len(self.sizes), *values.shape[1:]))
        here = self.sizes > 0
        starts = (np.cumsum(self.sizes) - self.sizes)[here]
        sums[here] = np.add.reduceat(values, starts, axis=0)
        return sums

    def blocks(self, n_rows):
        """Slices of consecutive rows, at most so many, each within one domain; and its number."""
        edges = np.append(0, np.cumsum(self.sizes))
        for k, (start, stop) in enumerate(itertools.pairwise(edges)):
            for first in range(start, stop, n_rows):
                yield slice(first, min(first + n_rows, stop)), k

    def add_gram(self, result, rows, k, factor):
        """Add ``X' diag(factor) X`` over rows of domain `k` to `result`, in place."""
        matrix = self.matrix[rows]
        n_common = matrix.shape[1]
        own = n_common + k
        border = factor @ matrix
        result[:n_common, :n_common] += matrix.T @ (matrix * factor[:, None])
        result[own, :n_common] += border
        result[:n_common, own] += border
        result[own, own] += factor.sum()


@dataclass(frozen=True)
class _Transposed:
    design: DomainDesign

    def __matmul__(self, columns):
        return np.concatenate([self.design.matrix.T @ columns, self.design.domain_sums(columns)])
