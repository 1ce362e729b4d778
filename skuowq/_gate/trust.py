"""How far sources are trusted: a factor for each, by what the target's own held-out rows say.

With few rows, picking the best candidate is unstable, so the candidates are averaged by their
evidence: the row weights that are trained with are the mean of theirs. Only half of the evidence is
believed, as the same few rows are all of it.

Predictions can be averaged instead, in the same proportion for all rows: a model with the sources
is then pooled with one of the target alone.
"""

import warnings
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np
from scipy.special import softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.design_columns import make_design
from skuowq._data.domains import take_rows
from skuowq._data.folds import folds_of
from skuowq._data.held_together import groups_with_label
from skuowq._held_out.evidence import BELIEVED, LEAST_PROBABILITY
from skuowq._held_out.independent_rows import share_of_independent
from skuowq._held_out.pool import as_opinions, pool_exponents
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._progress import Progress
from skuowq._utils._sklearn import _safe_indexing
from skuowq._utils._warn import warn


@dataclass(frozen=True)
class Trust:
    """What was found.

    Attributes
    ----------
    factors : ndarray of shape (n_sources,)
    gate_share : float
        Of the factors, what goes to rows as the gate weighs them; the rest goes to all alike.
    losses : dict of (float, bool) to float
        Held-out log loss of every common factor, with the gate and without; infinity where a fit
        came to nothing.
    exponents : ndarray of shape (2,) or None
        With ``pool``: of the model with these factors, and of the model of the target alone. None
        where one of the two fails.
    """

    factors: np.ndarray
    gate_share: float
    losses: dict
    exponents: np.ndarray | None = None


@dataclass(frozen=True)
class TrustOptions:
    """How the sources' factors are found.

    Attributes
    ----------
    trust : "auto", "cv", float or array-like of shape (n_sources,)
    n_jobs : int or None
    seed : int
    verbose : int
    """

    trust: object
    n_jobs: int | None
    seed: int
    verbose: int

    @property
    def is_given(self):
        """Whether the user gives the factors."""
        return not isinstance(self.trust, str)


def find_trust(options, learner, gate, task):
    """The sources' factors: as they are given, or by the target's held-out rows.

    Parameters
    ----------
    options : TrustOptions
    learner : RowsLearner, SourcesLearner or NetworkLearner
    gate : CrossFittedGate
    task : GateTask

    Returns
    -------
    trust : Trust
    """
    n_sources = len(task.domains)
    if learner.weighs_sources and options.is_given:
        raise ValueError(
            f"{type(learner.estimator).__name__} weighs the sources itself: leave trust='auto'"
        )
    if n_sources == 0 or (learner.weighs_sources and not gate.used):
        return Trust(np.ones(n_sources), float(gate.used), {})
    if options.is_given:
        return Trust(_given_factors(options.trust, task.left), float(gate.used), {})
    learner.check_comparable()
    share = _independent_share(task)
    light = learner.light(task) if options.trust == "auto" else None
    searcher, its_task = (learner, task) if light is None else light
    held_out = _held_out_by(searcher, gate, its_task, options, share, searcher.n_folds)
    if len(held_out.folds) < 2:  # Nothing to hold out.
        found = Trust(np.ones(n_sources), float(gate.used), {})
    else:
        grid = learner.factors(task)
        with held_out.progress:
            found, best, alone = choose_trust(
                held_out, n_sources, grid, gate=gate.used, pool=learner.pools
            )
        if light is not None:
            held_out = _held_out_by(learner, gate, task, options, share, learner.n_pool_folds)
            with held_out.progress:
                found, best, alone = choose_gate_share(found, held_out, gate.used)
        if learner.pools:
            found = _in_pool(found, held_out, best, alone)
    if options.verbose:
        _print_trust(found)
    return found


def _held_out_by(learner, gate, task, options, independent_share, n_folds):
    """Predictions of a learner's models for rows of the target that they have not seen."""

    def fit(rows, factors, gate_share):
        target, weights = take_rows(task.target, rows), gate.row_weights(rows, gate_share)
        model = learner.train(task, target, weights, factors, gate_share, quiet=True)
        return lambda held: learner.probabilities(
            model, _safe_indexing(task.target.X, held), task.classes
        )

    target = task.target
    folds = folds_of(target.y, n_folds, options.seed, target.groups)
    return HeldOut(
        fit,
        target,
        folds if target.groups.max() > 1 else [],
        Parallel(options.n_jobs, prefer=learner.prefer),
        independent_share,
        learner.name,
        Progress("gate", options.verbose, at_most=True),
    )


def _given_factors(trust, left):
    given, n_given = np.asarray(trust, dtype=float), len(left.kept)
    factors = np.full(n_given, given) if given.ndim == 0 else given
    if factors.shape != (n_given,):
        raise ValueError(
            f"trust has shape {factors.shape}, and there are {n_given} sources: pass a number, or "
            "one of at least 0 for each source"
        )
    if not np.all(np.isfinite(factors) & (factors >= 0)):
        raise ValueError(f"trust is {factors.tolist()}: pass numbers of at least 0, finite ones")
    return factors[left.kept]


def _independent_share(task):
    target = task.target
    matrix, penalty, _, _ = make_design(task.flat[:1], ridge=1.0, standardise=True)
    return share_of_independent(
        matrix, target.y, len(task.classes), target.sample_weight, penalty, target.groups
    )


def _print_trust(found):
    text = f"[gate] {_in_words(found.factors, found.gate_share)}"
    if found.exponents is not None:
        text += f", exponents of the pool {found.exponents.round(2)}"
    print(text, flush=True)


def _in_words(factors, gate_share):
    listed = np.array2string(factors, max_line_width=np.inf, precision=3, threshold=8)
    return f"trust {listed}, {gate_share:.0%} of it by the gate"


@dataclass
class HeldOut:
    """Predictions for rows of the target by models that have not seen them.

    Attributes
    ----------
    fit : callable
        ``fit(rows, factors, gate_share)`` learns from these rows of the target and all sources, and
        returns a function from row numbers of the target to class probabilities. A candidate for
        which it raises `FailedFit`, or whose probabilities are not finite, is out.
    target : Domain
    folds : list of (rows, held out)
        Fewer than two where nothing can be held out.
    parallel : joblib.Parallel
    independent_share : float
        Independent rows that the target's are worth, over the sum of their weights.
    name : str
        Of what is fitted.
    progress : Progress
        Its number of items is set by the search.
    failures : list of FailedFit
        What became of candidates that are out.
    """

    fit: object
    target: object
    folds: list
    parallel: object
    independent_share: float
    name: str
    progress: Progress
    failures: list = field(default_factory=list)

    @property
    def n_independent(self):
        """Independent rows that the target's are worth."""
        return self.independent_share * self.target.sample_weight.sum()

    def probabilities(self, factors, gate_share):
        """Of every row of the target, by models that have not seen it; None where one failed."""
        parts = self.parallel(
            delayed(_fold_probabilities)(self.fit, self.target, rows, held, factors, gate_share)
            for rows, held in self.folds
        )
        trust = _in_words(factors, gate_share)
        self.progress(f"{self.name}, {trust}, {len(self.folds)} folds")
        failed = [part for part in parts if isinstance(part, FailedFit)]
        if failed:
            self.failures.extend(failed)
            return None
        found = np.empty((len(self.target.y), parts[0].shape[1]))
        for (_, held), part in zip(self.folds, parts, strict=True):
            found[held] = part
        return found

    def losses(self, probabilities):
        """Log loss of every row."""
        ours = probabilities[np.arange(len(self.target.y)), self.target.y]
        return -np.log(np.maximum(ours, LEAST_PROBABILITY))

    def mean_loss(self, probabilities):
        """Infinity where there are no probabilities."""
        if probabilities is None:
            return np.inf
        return float(np.average(self.losses(probabilities), weights=self.target.sample_weight))

    def is_better(self, found, best):
        """Whether the loss falls by more than its standard error."""
        if found is None or best is None:
            return found is not None
        gain, weight = self.losses(best) - self.losses(found), self.target.sample_weight
        mean = float(np.average(gain, weights=weight))
        return mean > _standard_error(gain, weight, self.target.groups)

    def exponents(self, with_sources, alone):
        """Of the pool of two models, from their probabilities."""
        y, groups = self.target.y, self.target.groups
        # Nobody could have learned the other classes.
        several = groups_with_label(y, groups)[y] > 1
        seen, labels = np.unique(y, return_inverse=True)
        opinions = as_opinions([part[several][:, seen] for part in (with_sources, alone)])
        weight = self.independent_share * self.target.sample_weight[several]
        return pool_exponents(opinions, labels[several], weight)


def choose_trust(held_out, n_sources, grid, *, gate, pool):
    """Find the sources' factors, and how much to gate, by cross-validation on the target's rows.

    First one factor for all sources, the mean of those in a grid by their evidence; then each
    source in turn keeps it, or is shut off or used in full where the held-out loss of the best
    candidate falls by more than its standard error. With `pool`, factor 0 takes no part in the
    mean, but in the predictions.

    Parameters
    ----------
    held_out : HeldOut
    n_sources : int
    grid : sequence of float
        Factors to try. Without 0 among them sources are not looked at one by one.
    gate : bool
        Whether there is a gate to use. Not to use it is tried as well.
    pool : bool
        Whether predictions will be pooled with those of factor 0, which is in the grid.

    Returns
    -------
    trust : Trust
    best, alone : ndarray of shape (n_rows, n_classes) or None
        Held-out probabilities with these factors, and with factor 0 where that is in the grid; None
        where a fit failed.

    Raises
    ------
    FailedFit
        If all candidates are out and there is no pool.
    """
    candidates = [(c, gate) for c in grid]
    if gate:
        # Without the gate only in full: it is there for sources that need none.
        candidates += [(c, False) for c in grid if c >= 1]
    one_by_one = n_sources > 1 and 0.0 in grid
    held_out.progress.n_items = len(candidates) + (2 * n_sources if one_by_one else 0)
    tried = {
        key: held_out.probabilities(np.full(n_sources, key[0]), float(key[1])) for key in candidates
    }
    means = {key: held_out.mean_loss(found) for key, found in tried.items()}
    with_sources = {key: loss for key, loss in means.items() if key[0] > 0 or not pool}
    common, gated = min(with_sources, key=with_sources.get)
    best = tried[common, gated]
    factors, gate_share = np.full(n_sources, common), float(gated)
    if best is not None:
        evidence = -BELIEVED * held_out.n_independent * np.array(list(with_sources.values()))
        belief = dict(zip(with_sources, softmax(evidence), strict=True))
        average = sum(p * factor for (factor, _), p in belief.items())
        by_gate = sum(p * factor for (factor, gated), p in belief.items() if gated)
        gate_share = by_gate / average if average > 0 else float(gate)
        factors = np.full(n_sources, average)
    if one_by_one:
        tested = np.full(n_sources, common)
        for source, factor in product(range(n_sources), (0.0, max(1.0, common))):
            changed = tested.copy()
            changed[source] = factor
            # The target alone is in the pool already.
            if factor == tested[source] or (pool and not changed.any()):
                continue
            found = held_out.probabilities(changed, float(gated))
            if held_out.is_better(found, best):
                tested, best = changed, found
                factors[source] = factor
    if not pool and best is None:
        raise held_out.failures[0]
    return Trust(factors, gate_share, means), best, tried.get((0.0, gate))


def choose_gate_share(trust, held_out, gate):
    """How much models are gated that have factors which another model has found.

    Rows with wrong labels do a linear model more harm than a network, so the networks tell.

    Parameters
    ----------
    trust : Trust
    held_out : HeldOut
        Of the models.
    gate : bool
        Whether there is a gate to use.

    Returns
    -------
    trust, best, alone
        As `choose_trust` returns them.
    """
    shares = [trust.gate_share, 0.0] if trust.gate_share > 0 else [0.0]
    held_out.progress.n_items = len(shares) + 1
    tried = [held_out.probabilities(trust.factors, share) for share in shares]
    losses = np.array([held_out.mean_loss(found) for found in tried])
    best = tried[int(np.argmin(losses))]
    if best is not None:
        belief = softmax(-BELIEVED * held_out.n_independent * losses)
        trust = replace(trust, gate_share=float(belief @ shares))
    alone = held_out.probabilities(np.zeros(len(trust.factors)), float(gate))
    return trust, best, alone


def _in_pool(trust, held_out, with_sources, alone):
    """With the exponents of a pool; without sources where no model can be trained with them."""
    if with_sources is None:
        if alone is None:
            raise held_out.failures[0]
        warn(
            "no network can be trained with the sources, so they are not used. "
            f"{held_out.failures[0]}",
        )
        return Trust(np.zeros(len(trust.factors)), 0.0, trust.losses)
    if alone is None:
        return trust
    return replace(trust, exponents=held_out.exponents(with_sources, alone))


def _fold_probabilities(fit, target, rows, held, factors, gate_share):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # The final fit says it once.
        try:
            found = fit(rows, factors, gate_share)(held)
        except FailedFit as failure:
            return failure
    if not np.isfinite(found).all():
        return FailedFit(
            "the estimator predicts probabilities that are not finite: scale the columns, or pass "
            "another estimator"
        )
    return found


def _standard_error(values, weight, groups):
    """Of the weighted mean of values that are independent from group to group."""
    totals = np.bincount(groups, weight)
    values, weight = np.bincount(groups, weight * values) / totals, totals
    mean = np.average(values, weights=weight)
    variance = np.average((values - mean) ** 2, weights=weight)
    total, squares = weight.sum(), (weight**2).sum()
    return np.sqrt(variance * squares / (total**2 - squares))
