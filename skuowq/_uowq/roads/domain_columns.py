"""Columns that say which domain a row is of, for estimators that can use them.

Trees that see whose a row is can agree with a source where it is right and leave it where it is
wrong. At prediction the rows are the target's.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from skuowq._data.domains import is_frame

# An indicator each costs a tree's fit as much as a feature does.
_MOST_COLUMNS = 30


def domains_shown(domains):
    """Numbers of the domains with a column of their own: the target, 0, and the largest sources."""
    sizes = np.array([domain.n_samples for domain in domains])
    largest = np.argsort(-sizes, kind="stable")[: _MOST_COLUMNS - 1]
    return np.append(0, 1 + np.sort(largest))


def with_domain_columns(X, shown, number):
    """The rows with an indicator column for each domain in `shown`.

    Parameters
    ----------
    X : {ndarray, CSR matrix, DataFrame} of shape (n_rows, n_features)
    shown : ndarray of int
    number : int
        Of the rows' domain; the target is 0.
    """
    indicators = np.tile((shown == number).astype(float), (X.shape[0], 1))
    if sparse.issparse(X):
        return sparse.hstack([X, sparse.csr_matrix(indicators)], format="csr")
    if not is_frame(X):
        return np.hstack([X, indicators])
    names = _new_names(X.columns, len(shown))
    return X.assign(**dict(zip(names, indicators.T, strict=True)))


def with_columns_of_domains(parts, shown, source_weights):
    """The parts of a fit with these columns: the target's rows, then those of sources with weight.

    Parameters
    ----------
    parts : list of (X, y, weight)
    shown : ndarray of int
    source_weights : ndarray of shape (n_sources,)
    """
    numbers = np.append(0, 1 + np.flatnonzero(source_weights > 0))
    return [
        (with_domain_columns(X, shown, number), y, weight)
        for (X, y, weight), number in zip(parts, numbers, strict=True)
    ]


def _new_names(columns, n):
    taken = set(map(str, columns))
    stem = "domain"
    while any(f"{stem}_{i}" in taken for i in range(n)):
        stem += "_"
    return [f"{stem}_{i}" for i in range(n)]


@dataclass(frozen=True, eq=False)
class KnowsDomains:
    """An estimator fitted to rows with domain columns; it predicts for rows of the target.

    Attributes
    ----------
    estimator : estimator
    shown : ndarray of int
    """

    estimator: object
    shown: np.ndarray

    @property
    def classes_(self):
        """Of the estimator."""
        return self.estimator.classes_

    def predict(self, X):
        """Labels or numbers for rows of the target."""
        return self.estimator.predict(with_domain_columns(X, self.shown, 0))

    def predict_proba(self, X):
        """Probabilities for rows of the target."""
        return self.estimator.predict_proba(with_domain_columns(X, self.shown, 0))
