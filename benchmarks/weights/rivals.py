"""What people do instead: each takes a task and test rows, and returns probabilities.

All are logistic regressions with scikit-learn's default penalty, so only the weights differ.
"""

import itertools
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, StratifiedKFold

from skuowq import UOWQClassifier
from skuowq.rules import PlugIn

LEAST = 1e-6


@dataclass(frozen=True)
class Task:
    """Labelled target rows and sources; labels are 0 to n_classes - 1."""

    X: np.ndarray
    y: np.ndarray
    sources: list
    n_classes: int

    def subset(self, rows):
        return Task(self.X[rows], self.y[rows], self.sources, self.n_classes)

    def only(self, sources):
        return Task(self.X, self.y, sources, self.n_classes)


def logistic():
    return LogisticRegression(max_iter=2000)


def weighted_fit(task, weights, own_intercepts=False):
    """Logistic regression with `weights` a row of each source; predicts for rows of the target."""
    parts = [(task.X, task.y, np.ones(len(task.y)))]
    parts += [
        (X_i, y_i, np.full(len(y_i), w))
        for (X_i, y_i), w in zip(task.sources, weights, strict=True)
        if w > 0
    ]
    rows, labels, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(np.unique(labels)) < 2:
        return lambda X: np.tile(np.bincount(labels, minlength=task.n_classes) * 1.0, (len(X), 1))
    if own_intercepts:
        origin = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
        rows = np.hstack([rows, np.eye(len(parts))[origin]])
    model = logistic().fit(rows, labels, weight)

    def predict(X):
        if own_intercepts:
            X = np.hstack([X, np.tile(np.eye(len(parts))[0], (len(X), 1))])
        p = np.zeros((len(X), task.n_classes))
        p[:, model.classes_] = model.predict_proba(X)
        return p

    return predict


def equal_mass_weight(task):
    return min(1.0, len(task.y) / sum(len(y_i) for _, y_i in task.sources))


def fixed(rule, own_intercepts=False):
    def method(task, X_test):
        weights = np.full(len(task.sources), rule(task))
        return weighted_fit(task, weights, own_intercepts)(X_test)

    return method


def losses(p, y):
    return -np.log(np.maximum(p[np.arange(len(y)), y], LEAST))


def folds(y, n_splits):
    """Training and held-out rows; stratified unless no class has a row for each fold."""
    kind = KFold if np.bincount(y).max() < n_splits else StratifiedKFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The rarest class may have fewer rows than folds.
        return list(kind(n_splits, shuffle=True, random_state=0).split(y, y))


def cross_validated_loss(task, weights):
    """Target log loss, held out; only target rows are split."""
    return sum(
        losses(weighted_fit(task.subset(train), weights)(task.X[test]), task.y[test]).sum()
        for train, test in folds(task.y, 5)
    )


def common_weight(task, X_test):
    """One weight for all source rows, chosen by cross-validation on the target's rows."""
    grid = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
    candidates = [np.full(len(task.sources), w) for w in grid]
    best = min(candidates, key=lambda weights: cross_validated_loss(task, weights))
    return weighted_fit(task, best)(X_test)


def weight_search(task, X_test):
    """A grid over all weights for up to three sources, one greedy pass over them beyond."""
    K = len(task.sources)
    if K <= 3:
        candidates = [np.array(w) for w in itertools.product((0.0, 0.1, 1.0), repeat=K)]
        best = min(candidates, key=lambda weights: cross_validated_loss(task, weights))
        return weighted_fit(task, best)(X_test)
    best = np.zeros(K)
    loss = cross_validated_loss(task, best)
    for i in range(K):
        for w in (0.03, 0.3):
            trial = best.copy()
            trial[i] = w
            trial_loss = cross_validated_loss(task, trial)
            if trial_loss < loss:
                best, loss = trial, trial_loss
    return weighted_fit(task, best)(X_test)


def best_single_source(task, X_test, y_test):
    """Hindsight: the source whose equal-mass fit has the least test loss."""
    fits = []
    for source in task.sources:
        alone = task.only([source])
        fits.append(weighted_fit(alone, [equal_mass_weight(alone)])(X_test))
    return min(fits, key=lambda p: losses(p, y_test).sum())


def aggregation(task, X_test, n_splits=10):
    """ART: target plus each source in turn and the target alone, weighed by held-out likelihood."""
    rng = np.random.default_rng(0)
    candidates = [task.only([]), *(task.only([source]) for source in task.sources)]
    total = np.zeros((len(X_test), task.n_classes))
    for _ in range(n_splits):
        order = rng.permutation(len(task.y))
        train, test = order[: len(order) // 2], order[len(order) // 2 :]
        fits = [weighted_fit(c.subset(train), np.ones(len(c.sources))) for c in candidates]
        held_out = np.array([losses(fit(task.X[test]), task.y[test]).sum() for fit in fits])
        weights = np.exp(held_out.min() - held_out)
        for fit, weight in zip(fits, weights / weights.sum(), strict=True):
            if weight > 1e-4:
                total += weight * fit(X_test)
    return total / total.sum(axis=1, keepdims=True)


def uowq(**options):
    def method(task, X_test):
        model = UOWQClassifier(logistic(), **options).fit(task.X, task.y, task.sources)
        return model.predict_proba(X_test)

    return method


RIVALS = {
    "target only": fixed(lambda task: 0.0),
    "pooled": fixed(lambda task: 1.0),
    "equal mass": fixed(equal_mass_weight),
    "pooled, own intercepts": fixed(lambda task: 1.0, own_intercepts=True),
    "equal mass, own intercepts": fixed(equal_mass_weight, own_intercepts=True),
    "common weight by CV": common_weight,
    "ART aggregation": aggregation,
    "plug-in static": uowq(discrepancy=PlugIn(n_updates=0)),
    "plug-in dynamic": uowq(discrepancy="plugin"),
    "UOWQ (default)": uowq(),
    "weight search by CV": weight_search,
    "best single source (hindsight)": best_single_source,
}
