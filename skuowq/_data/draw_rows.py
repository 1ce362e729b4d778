"""Rows that are drawn where they lie, and fetched: for estimators that need rows."""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from .domains import Domain
from .elsewhere import ask
from .read_part import read_part


def shares_of_budget(worth, n_rows, max_rows):
    """How many rows each source gives: in proportion to its worth, and no more than it has.

    Parameters
    ----------
    worth : ndarray of shape (n_sources,)
        At least 0.
    n_rows : ndarray of int of shape (n_sources,)
    max_rows : int
        In all.

    Returns
    -------
    shares : ndarray of int of shape (n_sources,)
    """
    shares = np.zeros(len(worth))
    open_, left = worth > 0, float(max_rows)
    # What full sources cannot give the others do.
    while open_.any() and left > 0:
        wanted = np.where(open_, worth, 0.0) * (left / worth[open_].sum())
        full = open_ & (wanted >= n_rows)
        if not full.any():
            shares[open_] = wanted[open_]
            break
        shares[full] = n_rows[full]
        left = max_rows - shares.sum()
        open_ &= ~full
    return np.floor(shares).astype(int)


@dataclass(frozen=True, eq=False)
class DrawnRows:
    """Some rows of some parts, those with the smallest of random keys; adds up.

    Attributes
    ----------
    X, y, weight : ndarray
    keys : ndarray of shape (n_rows,)
        Uniform random numbers, of which each row has its own.
    most : int
        How many rows are drawn in all.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    keys: np.ndarray
    most: int

    def __add__(self, other):
        pairs = zip(self._columns, other._columns, strict=True)
        return DrawnRows(*(np.concatenate(pair) for pair in pairs), self.most).smallest()

    @property
    def _columns(self):
        return self.X, self.y, self.weight, self.keys

    def smallest(self):
        """Without rows that are too many."""
        if len(self.keys) <= self.most:
            return self
        kept = np.sort(np.argpartition(self.keys, self.most)[: self.most])
        return DrawnRows(*(column[kept] for column in self._columns), self.most)


def _draw(part, where, shared, own):
    """`DrawnRows` of a part; see `ask`."""
    (reading, seed), (bounds, most) = shared, own
    X, y, weight = read_part(part, where, reading, bounds)
    keys = np.random.default_rng([seed, crc32(where.encode())]).random(len(y))
    return DrawnRows(X, y, weight, keys, most).smallest()


def drawn_domains(asked, reading, shares, seed):
    """Rows of every source, drawn at random, whose weights stand for all rows of it.

    Parameters
    ----------
    asked : list of Asked
    reading : Reading
    shares : ndarray of int of shape (n_sources,)
        How many rows of each; at least 1.
    seed : int

    Returns
    -------
    domains : list of Domain
    """
    found = ask(asked, _draw, (reading, seed), list(map(int, shares)))
    domains = []
    for source, rows in zip(asked, found, strict=True):
        weight = rows.weight * (source.n_samples / rows.weight.sum())
        domains.append(Domain(rows.X, rows.y, weight, source.label))
    return domains
