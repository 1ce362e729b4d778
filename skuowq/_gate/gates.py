"""The gate: weights of source rows, from classifiers that tell the domains apart."""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.design_columns import make_design
from skuowq._utils._warn import warn
from skuowq.weights.checked import SourceGate

_N_FOLDS = 5


@dataclass(frozen=True)
class GateOptions:
    """How source rows are weighed.

    Attributes
    ----------
    gate : bool, str or classifier
    labels, balanced : bool
    clip : float
    n_jobs : int or None
    seed : int
    """

    gate: object
    labels: bool
    balanced: bool
    clip: float
    n_jobs: int | None
    seed: int

    @property
    def is_online(self):
        """Whether the network's own discriminator is the gate."""
        return isinstance(self.gate, str) and self.gate == "online"

    @property
    def is_off(self):
        """Whether there is no gate."""
        return isinstance(self.gate, (bool, np.bool_)) and not self.gate


class CrossFittedGate:
    """A gate for each source, cross-fitted before any training.

    Parameters
    ----------
    options : GateOptions
    task : GateTask

    Attributes
    ----------
    used : bool
        Whether source rows are weighed at all, by this gate or by a network's own discriminator.
    """

    def __init__(self, options, task):
        self.options, self.target, self.domains = options, task.target, task.domains
        self.used = bool(task.domains) and not options.is_off
        self.is_online = options.is_online
        self._known = {}
        if self.used and not self.is_online:
            self._fit(task.flat, len(task.classes))

    def _fit(self, flat, n_classes):
        """Fit to standardised columns of all rows."""
        Z, _, _, _ = make_design(flat, ridge=1.0, standardise=True)
        cuts = np.cumsum([len(part.y) for part in flat])[:-1]
        self._Z, *designs = _split_rows(Z[:, :-1], cuts)
        options = self.options
        kind = "plausibility" if isinstance(options.gate, (bool, np.bool_)) else options.gate
        self._gates = Parallel(options.n_jobs)(
            delayed(SourceGate)(
                Z_i,
                domain.y,
                domain.sample_weight,
                n_classes,
                discriminator=kind,
                labels=options.labels,
                n_folds=_N_FOLDS,
                seed=options.seed,
            )
            for Z_i, domain in zip(designs, self.domains, strict=True)
        )

    def row_weights(self, rows, gate_share):
        """Weights of every source's rows, by some rows of the target.

        Parameters
        ----------
        rows : ndarray of int
            Of the target.
        gate_share : float
            How much of a row's weight is the gate's; the rest is 1.

        Returns
        -------
        weights : list of ndarray
        """
        if gate_share == 0 or not self.used or self.is_online:
            return [np.ones(len(domain.y)) for domain in self.domains]
        key = rows.tobytes()
        if key not in self._known:  # A fold is asked for as often as there are factors.
            self._known[key] = self._odds(rows)
        return [gate_share * odds + (1 - gate_share) for odds in self._known[key]]

    def _odds(self, rows):
        y, weight, groups = (
            part[rows] for part in (self.target.y, self.target.sample_weight, self.target.groups)
        )
        clip, n_target = self.options.clip, weight.sum()
        if self.options.balanced:
            return [gate.odds(self._Z[rows], y, weight, clip, groups) for gate in self._gates]
        return [
            np.minimum(
                gate.odds(self._Z[rows], y, weight, np.inf, groups) * (n_target / domain.n_samples),
                clip,
            )
            for gate, domain in zip(self._gates, self.domains, strict=True)
        ]


def cross_fit(options, task):
    """Fit the gate, and warn where it cannot be right."""
    gate = CrossFittedGate(options, task)
    if gate.used and options.labels:
        _warn_of_missing_classes(task)
    return gate


def row_weights_of_all(task, found):
    """Weights of all rows that the sources were given with, and what these are worth.

    Parameters
    ----------
    task : GateTask
    found : list of ndarray
        Weights of the rows that took part.

    Returns
    -------
    weights : list of ndarray
        0 for rows that were left out.
    sizes : ndarray of shape (n_sources,)
        Effective sample sizes.
    """
    if task.sources is None:
        return [], np.zeros(0)
    parts = zip(found, task.domains, strict=True)
    sizes = np.array([effective_size(w, part.sample_weight) for w, part in parts])
    weights, found = [], iter(found)
    for i, (_, y, weight) in enumerate(task.sources._triples):
        kept = np.isin(np.asarray(y).ravel(), task.classes)
        if weight is not None:
            kept &= weight > 0
        full = np.zeros(len(kept))
        if task.left.kept[i]:
            full[np.flatnonzero(kept)[task.left.rows[i]]] = next(found)
        weights.append(full)
    return weights, task.left.among_all(sizes, 0.0)


def effective_size(weights, counts):
    """Rows of weight 1 that tell as much as these: ``(sum w)^2 / sum w^2``, rows counted."""
    total = counts @ weights
    return float(total**2 / (counts @ weights**2)) if total > 0 else 0.0


def _warn_of_missing_classes(task):
    lacking = np.setdiff1d(np.arange(len(task.classes)), np.unique(task.target.y))
    if len(lacking):
        warn(
            f"classes {task.classes[lacking].tolist()} have no labelled row in the target, so the "
            "gate takes all of their source rows for wrong: label a row of each, or pass "
            "gate_labels=False",
        )


def _split_rows(Z, cuts):
    bounds = [0, *cuts, Z.shape[0]]
    Z = Z.tocsr() if sparse.issparse(Z) else Z
    return [Z[a:b] for a, b in itertools.pairwise(bounds)]
