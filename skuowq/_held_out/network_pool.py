"""A network tuned from the sources, pooled with one of the target alone."""

from hashlib import blake2b

import numpy as np

from skuowq._data.dataset_rows import DatasetRows
from skuowq._data.held_together import label_of_groups
from skuowq._utils._failed_fit import FailedFit

from .pool import EXPONENTS, as_opinions, belief_in_exponents, pool

# For two exponents. Every half that is held out costs two trainings.
_ENOUGH_ROWS = 100
_ALONE = "network of the target alone"


class NetworkPool:
    """The network of the target alone, and its part in the pool.

    Parameters
    ----------
    target : Domain
    tuned, alone : callable
        ``tuned(kept)`` returns a network trained with these rows of the target. The one that fails
        with a half of them takes no part.
    progress : Progress
        Is told each training; `n_trainings` of them.
    independent_share : float, default=1
        Independent rows that the target's are worth, over the sum of their weights.

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

    def __init__(self, target, tuned, alone, progress, independent_share=1.0):
        # Of the classes that the target lacks its own network knows nothing.
        self.classes, labels = np.unique(target.y, return_inverse=True)
        judged = halves(target)
        found = [
            self._held_out(target, train, judged, name, progress)
            for train, name in ((tuned, "network tuned from the sources"), (alone, _ALONE))
        ]
        failures = [part for part in found if isinstance(part, FailedFit)]
        if len(failures) == 2:
            raise failures[0]
        rows = np.concatenate(judged)
        weight = independent_share * target.sample_weight[rows]
        nothing = np.ones((len(rows), len(self.classes)))
        usable = [not isinstance(part, FailedFit) for part in found]
        opinions = [part if used else nothing for part, used in zip(found, usable, strict=True)]
        self.belief = belief_in_exponents(as_opinions(opinions), labels[rows], weight, usable)
        self.exponents = self.belief @ EXPONENTS
        self.net = None
        if usable[1]:
            self.net = alone(np.arange(len(target.y)))
            progress(_ALONE)

    def _held_out(self, target, train, judged, name, progress):
        """Probabilities of the judged rows by networks that have not seen them, or the failure."""
        from skuowq.networks import predict_proba

        everything = np.arange(len(target.y))
        parts = []
        try:
            for k, rows in enumerate(judged):
                net = train(np.setdiff1d(everything, rows))
                parts.append(predict_proba(net, target.X[rows]))
                progress(f"{name}, part {k + 1} held out")
        except FailedFit as failure:
            return failure
        return np.concatenate(parts)[:, self.classes]

    def __call__(self, probabilities, X):
        """Pooled probabilities.

        Parameters
        ----------
        probabilities : ndarray of shape (n_rows, n_classes)
            Of the tuned network.
        X : ndarray of shape (n_rows, ...) or DatasetRows

        Returns
        -------
        pooled : ndarray of shape (n_rows, n_classes)
            Classes that the target lacks keep the probability that the tuned network gives them.
        """
        from skuowq.networks import predict_proba

        # Without a network of its own the exponent is 0.
        alone = probabilities if self.net is None else predict_proba(self.net, X)
        return pool(EXPONENTS, self.belief, probabilities, alone, self.classes)


def n_trainings(target):
    """Of a pool: two for each half that is held out, and the network of the target alone."""
    judged = halves(target)
    return 2 * len(judged) + 1 if judged else 0


def halves(target):
    """Rows to hold out, half by half; none of classes that would be left without rows.

    Rows of a group stay together, and neither the order of the rows nor their dtype is anything.
    Rows of data sets are dealt by their numbers there.

    Parameters
    ----------
    target : Domain

    Returns
    -------
    halves : list of ndarray
        Each with its share of every class. The first alone if it has rows enough, none where fewer
        than two classes have two rows.
    """
    # Of equal values, in whatever dtype they come; 0.0 makes one zero of two.
    X = target.X.keys if isinstance(target.X, DatasetRows) else target.X
    contents = np.ascontiguousarray(X, dtype=np.float64) + 0.0
    labels = label_of_groups(target.y, target.groups).tolist()
    keys = {}
    for group, row in zip(target.groups.tolist(), contents, strict=True):
        key = labels[group], blake2b(row.tobytes(), digest_size=16).digest()
        keys[group] = min(key, keys.get(group, key))
    place = {group: k for k, group in enumerate(sorted(keys, key=keys.get))}
    half = np.array([place[group] % 2 for group in target.groups.tolist()])
    several = np.intersect1d(target.y[half == 0], target.y[half == 1])
    if len(several) < 2:
        return []
    judged = np.isin(target.y, several)
    first, second = (np.flatnonzero(judged & (half == k)) for k in (0, 1))
    return [first] if len(first) >= _ENOUGH_ROWS else [first, second]
