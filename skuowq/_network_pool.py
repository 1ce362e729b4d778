"""A network tuned from the sources, pooled with one of the target alone."""

from hashlib import blake2b

import numpy as np

from ._opinion_pool import EXPONENTS, as_opinions, belief_in_exponents, pool
from ._utils._failed_fit import FailedFit

# For two exponents. Every half that is held out costs two trainings.
_ENOUGH_ROWS = 100


class NetworkPool:
    """The network of the target alone, and its part in the pool.

    Parameters
    ----------
    target : Domain
    tuned, alone : callable
        ``tuned(kept)`` returns a network trained with these rows of the target. The one that fails
        with a half of them takes no part.

    Attributes
    ----------
    net : NeuralNetClassifier or None
        The network of the target alone; None where it takes no part.
    exponents : ndarray of shape (2,)
        Of the tuned network and of that of the target alone: the mean of those believed in.

    Raises
    ------
    FailedFit
        If both fail.
    """

    def __init__(self, target, tuned, alone):
        # Of the classes that the target lacks its own network knows nothing.
        self.classes, labels = np.unique(target.y, return_inverse=True)
        judged = halves(target)
        found = [self._held_out(target, train, judged) for train in (tuned, alone)]
        failures = [part for part in found if isinstance(part, FailedFit)]
        if len(failures) == 2:
            raise failures[0]
        rows = np.concatenate(judged)
        nothing = np.ones((len(rows), len(self.classes)))
        usable = [not isinstance(part, FailedFit) for part in found]
        opinions = [part if used else nothing for part, used in zip(found, usable, strict=True)]
        self.belief = belief_in_exponents(
            as_opinions(opinions), labels[rows], target.sample_weight[rows], usable
        )
        self.exponents = self.belief @ EXPONENTS
        self.net = alone(np.arange(len(target.y))) if usable[1] else None

    def _held_out(self, target, train, judged):
        """Probabilities of the judged rows by networks that have not seen them, or the failure."""
        from .networks import predict_proba

        everything = np.arange(len(target.y))
        try:
            parts = [
                predict_proba(train(np.setdiff1d(everything, rows)), target.X[rows])
                for rows in judged
            ]
        except FailedFit as failure:
            return failure
        return np.concatenate(parts)[:, self.classes]

    def __call__(self, probabilities, X):
        """Pooled probabilities.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, n_classes)
            Of the tuned network.
        X : ndarray of shape (n_rows, ...)

        Returns
        -------
        pooled : ndarray of shape (n_rows, n_classes)
            Classes that the target lacks keep the probability that the tuned network gives them.
        """
        from .networks import predict_proba

        # Without a network of its own the exponent is 0.
        alone = probabilities if self.net is None else predict_proba(self.net, X)
        return pool(EXPONENTS, self.belief, probabilities, alone, self.classes)


def halves(target):
    """Rows to hold out, half by half; none of classes that would be left without rows.

    Copies of a row stay together, and the order of the rows is nothing.

    Parameters
    ----------
    target : Domain

    Returns
    -------
    halves : list of ndarray
        Each with its share of every class. The first alone if it has rows enough, none where fewer
        than two classes have two rows.
    """
    contents = np.ascontiguousarray(target.X)
    rows = [
        (label, blake2b(row.tobytes(), digest_size=16).digest())
        for label, row in zip(target.y.tolist(), contents, strict=True)
    ]
    distinct = sorted(set(rows))
    several = np.bincount([label for label, _ in distinct]) > 1
    if several.sum() < 2:
        return []
    place = {row: k for k, row in enumerate(distinct)}
    half = np.array([place[row] % 2 for row in rows])
    first, second = (np.flatnonzero(several[target.y] & (half == k)) for k in (0, 1))
    return [first] if len(first) >= _ENOUGH_ROWS else [first, second]
