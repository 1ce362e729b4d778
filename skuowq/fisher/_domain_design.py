"""Rows of several domains, where each domain has its own intercept.

The indicator columns of the domains are never stored. The Fisher information is kept in parts: a
block for the common parameters, a small block for each domain, and the borders between them. So
time and memory grow only linearly with the number of domains.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from skuowq._utils._factor import factorise


@dataclass(frozen=True)
class DomainDesign:
    """Common columns, then an indicator column for each domain.

    A softmax regression can use it like a matrix.

    Attributes
    ----------
    matrix : {ndarray, CSR matrix} of shape (n_rows, n_common)
        Rows of all domains, one domain after another.
    sizes : ndarray of shape (n_domains,)
        Number of rows of each domain. It may be 0.
    """

    matrix: NDArray | csr_matrix
    sizes: np.ndarray

    @property
    def n_common(self) -> int:
        """Number of common columns."""
        return self.matrix.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows, and of columns with the indicators."""
        return self.matrix.shape[0], self.n_common + len(self.sizes)

    @property
    def T(self) -> _Transposed:
        """The transpose, which can be multiplied with columns."""
        return _Transposed(self)

    def __matmul__(self, columns):
        product = self.matrix @ columns[: self.n_common]
        product += np.repeat(columns[self.n_common :], self.sizes, axis=0)
        return product

    def __getitem__(self, rows):
        """Consecutive rows, given as a slice. All domains stay, some of them without rows."""
        start, stop, _ = rows.indices(self.matrix.shape[0])
        edges = np.clip(np.append(0, np.cumsum(self.sizes)), start, stop)
        return DomainDesign(self.matrix[start:stop], np.diff(edges))

    def first_domain(self) -> DomainDesign:
        """Take the rows of the first domain, as the only one.

        Returns
        -------
        design : DomainDesign
        """
        return DomainDesign(self.matrix[: self.sizes[0]], self.sizes[:1])

    def domain_sums(self, values: NDArray) -> NDArray:
        """Sum values over the rows of each domain.

        Parameters
        ----------
        values : ndarray of shape (n_rows, ...)

        Returns
        -------
        sums : ndarray of shape (n_domains, ...)
        """
        sums = np.zeros((len(self.sizes), *values.shape[1:]))
        here = self.sizes > 0
        starts = (np.cumsum(self.sizes) - self.sizes)[here]
        sums[here] = np.add.reduceat(values, starts, axis=0)
        return sums

    def blocks(self, n_rows: int) -> Iterator[tuple[slice, int]]:
        """Cut the rows into blocks of consecutive rows, each within one domain.

        Parameters
        ----------
        n_rows : int
            The most rows of a block.

        Yields
        ------
        rows : slice
        domain : int
            Number of the domain.
        """
        edges = [0, *np.cumsum(self.sizes).tolist()]
        for domain, (start, stop) in enumerate(itertools.pairwise(edges)):
            # Of equal length, because short blocks cost nearly as much as long ones.
            n_blocks = -(-(stop - start) // n_rows)
            ends = [start + (stop - start) * k // max(n_blocks, 1) for k in range(n_blocks + 1)]
            for first, last in itertools.pairwise(ends):
                yield slice(first, last), domain


@dataclass(frozen=True)
class _Transposed:
    design: DomainDesign

    def __matmul__(self, columns):
        return np.concatenate([self.design.matrix.T @ columns, self.design.domain_sums(columns)])


@dataclass(frozen=True)
class DomainInformation:
    """Fisher information of a row of a `DomainDesign`.

    Attributes
    ----------
    common : ndarray of shape (m, m)
        The block of the common parameters.
    border : ndarray of shape (n_domains, m, n_contrasts)
        The border between these and the intercepts of each domain.
    own : ndarray of shape (n_domains, n_contrasts, n_contrasts)
        The blocks of the intercepts.
    """

    common: np.ndarray
    border: np.ndarray
    own: np.ndarray

    def solver(self, total: float, ridge: NDArray) -> Callable[[NDArray], NDArray]:
        """Factorise `total` times the information plus a diagonal.

        Parameters
        ----------
        total : float
        ridge : ndarray of shape (n_parameters,)
            The diagonal.

        Returns
        -------
        solve : callable
            Solves for columns of shape (n_parameters,) or (n_parameters, k).
        """
        m, shape = len(self.common), self.own.shape[:2]
        inverse = self._own_inverses(total, ridge)
        coupling, reduced = self._profile(inverse, total, ridge)
        solve_common = factorise(reduced)

        def solve(columns):
            common, own = columns[:m], columns[m:].reshape(*shape, *columns.shape[1:])
            common = common - np.tensordot(coupling, own, axes=([0, 2], [0, 1]))
            common = solve_common(common)
            own = np.einsum("kab,kb...->ka...", inverse, own)
            own -= np.tensordot(coupling, common, axes=([1], [0]))
            return np.concatenate([common, own.reshape(-1, *columns.shape[1:])])

        return solve

    def profiled(self, total: float, ridge: NDArray) -> NDArray:
        """Profile out all domains except the first.

        Parameters
        ----------
        total : float
        ridge : ndarray of shape (n_parameters,)

        Returns
        -------
        matrix : ndarray of shape (m + n_contrasts, m + n_contrasts)
            Its inverse is the block of the full inverse for the common parameters and those of
            the first domain.
        """
        m = len(self.common)
        others = DomainInformation(self.common, self.border[1:], self.own[1:])
        n_contrasts = self.own.shape[1]
        without_first = np.append(ridge[:m], ridge[m + n_contrasts :])
        inverse = others._own_inverses(total, without_first)
        reduced = others._profile(inverse, total, without_first)[1]
        first = total * self.own[0] + np.diag(ridge[m : m + n_contrasts])
        return np.block([[reduced, total * self.border[0]], [total * self.border[0].T, first]])

    def _own_inverses(self, total, ridge):
        ridge = ridge[len(self.common) :].reshape(self.own.shape[:2])
        return np.linalg.inv(total * self.own + ridge[:, :, None] * np.eye(self.own.shape[1]))

    def _profile(self, inverse, total, ridge):
        """``B D^-1`` of each domain, and the Schur complement of the common block."""
        m = len(self.common)
        coupling = total * self.border @ inverse
        explained = np.tensordot(coupling, total * self.border, axes=([0, 2], [0, 2]))
        return coupling, total * self.common + np.diag(ridge[:m]) - explained


@dataclass(frozen=True)
class InformationByDomain:
    """Fisher information of the rows of each domain of a `DomainDesign`: sums over its rows.

    Attributes
    ----------
    common : ndarray of shape (n_domains, m, m)
        The blocks of the common parameters.
    border : ndarray of shape (n_domains, m, n_contrasts)
        The borders between these and the domain's own intercepts.
    own : ndarray of shape (n_domains, n_contrasts, n_contrasts)
        The blocks of the intercepts.
    n_rows : ndarray of shape (n_domains,)
        Sums of the rows' weights.
    """

    common: np.ndarray
    border: np.ndarray
    own: np.ndarray
    n_rows: np.ndarray

    def mixed(
        self,
        weights: NDArray,
        scale: NDArray | None = None,
        first: InformationByDomain | None = None,
    ) -> DomainInformation:
        """Mix the domains.

        Parameters
        ----------
        weights : ndarray of shape (n_domains,)
            Of a row of each domain.
        scale : ndarray of shape (n_domains,), default=None
            Each domain's information is multiplied by its scale, and its rows are not.
        first : InformationByDomain, default=None
            The first domain's alone, in place of the one here: its information, which is not
            scaled, and its rows.

        Returns
        -------
        information : DomainInformation
            Of a row of the mixture.
        """
        n_rows = self.n_rows if first is None else np.append(first.n_rows, self.n_rows[1:])
        shares = weights / (weights @ n_rows)
        of_first = shares[0]
        if scale is not None:
            shares = shares * scale
        border = shares[:, None, None] * self.border
        own = shares[:, None, None] * self.own
        if first is None:
            return DomainInformation(np.tensordot(shares, self.common, axes=1), border, own)
        common = np.tensordot(shares[1:], self.common[1:], axes=1)
        common += of_first * first.common[0]
        border[0], own[0] = of_first * first.border[0], of_first * first.own[0]
        return DomainInformation(common, border, own)


@dataclass(frozen=True)
class InformationWithout:
    """Information of the rows of a fit without a few of them, by the solver of all.

    Attributes
    ----------
    solve : callable
        Solves with the penalised information of all rows together.
    roots : ndarray of shape (n_parameters, n_columns)
        ``roots roots'`` is what the few rows are of that information.
    """

    solve: Callable
    roots: np.ndarray

    def solver(self, total: float, ridge: NDArray) -> Callable[[NDArray], NDArray]:
        """Solve without the rows, by Woodbury's identity.

        Parameters
        ----------
        total, ridge
            Not read: the solver of all rows has its own.

        Returns
        -------
        solve : callable
            Solves for a vector of shape (n_parameters,).
        """
        solved = self.solve(self.roots)
        left = np.eye(self.roots.shape[1]) - self.roots.T @ solved
        inner = factorise((left + left.T) / 2)

        def solve(vector):
            plain = self.solve(vector)
            return plain + solved @ inner(self.roots.T @ plain)

        return solve


def information_solver(information, total, ridge):
    """A function that solves with `total` times an information of either form plus a diagonal."""
    if not isinstance(information, np.ndarray):
        return information.solver(total, ridge)
    return factorise(total * information + np.diag(ridge))
