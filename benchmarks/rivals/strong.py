"""The strongest rivals we know: each takes a task and test rows, and returns probabilities.

Boosted trees that are told each row's domain, boosted trees with a random effect of the domain, two
linear ways to let the target differ from its sources, and a mixture of simple fits. None is tuned
beyond what its docstring says; what is chosen is chosen by held-out log loss of the target's rows.
"""

from functools import partial

import gpboost as gpb
import numpy as np
import pandas as pd
from catboost import CatBoostClassifier
from rivals import LEAST, RIVALS, folds, logistic, losses, weighted_fit
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax
from sklearn.ensemble import HistGradientBoostingClassifier

# Intercepts of a correction are all but free; a class without a row in a fold stays finite.
INTERCEPT_PENALTY = 0.1
# Its trees step along the gradient, not by Newton's rule, and so need more rounds than the others'.
GPBOOST_ROUNDS = 500


def proper(p):
    """Probabilities of at least a millionth that sum to one."""
    p = np.clip(p, LEAST, None)
    return p / p.sum(axis=1, keepdims=True)


def stacked(task):
    """All rows, the target's first, their labels, and the number of each row's domain."""
    parts = [(task.X, task.y), *task.sources]
    X, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    return X, y, np.repeat(np.arange(len(parts)), [len(labels) for _, labels in parts])


def answers(model, X, y, X_test, n_classes, **fit):
    """Probabilities after a fit; classes that it has not seen have none."""
    p = np.zeros((X_test.shape[0], n_classes))
    if len(np.unique(y)) == 1:
        p[:, y[0]] = 1.0
    else:
        model.fit(X, y, **fit)
        p[:, model.classes_] = model.predict_proba(X_test)
    return p


def held_out(task, method, n_splits=5):
    """Probabilities of the target's rows, each by a fit without its fold."""
    p = np.zeros((len(task.y), task.n_classes))
    for train, test in folds(task.y, n_splits):
        p[test] = method(task.subset(train), task.X[test])
    return proper(p)


def best_of(methods, task):
    """The method of least held-out log loss; the first of equals."""
    return min(methods, key=lambda method: losses(held_out(task, method), task.y).sum())


def catboost(**options):
    quiet = {"silent": True, "allow_writing_files": False}
    return CatBoostClassifier(thread_count=1, random_seed=0, **quiet, **options)


def catboost_pooled(task, X_test):
    """CatBoost on all rows alike."""
    X, y, _ = stacked(task)
    return answers(catboost(), X, y, X_test, task.n_classes)


def catboost_target(task, X_test):
    """CatBoost on the target's rows."""
    return catboost_pooled(task.only([]), X_test)


def catboost_domain(task, X_test):
    """CatBoost on all rows, with their domain as a category."""
    X, y, domain = stacked(task)
    names = ["target", *(f"source {k}" for k in range(len(task.sources)))]
    seen = pd.DataFrame(X).add_prefix("x").assign(domain=np.array(names)[domain])
    asked = pd.DataFrame(X_test).add_prefix("x").assign(domain="target")
    return answers(catboost(cat_features=["domain"]), seen, y, asked, task.n_classes)


def boosted_pooled(task, X_test):
    """Boosted trees on all rows alike."""
    X, y, _ = stacked(task)
    model = HistGradientBoostingClassifier(max_iter=100, random_state=0)
    return answers(model, X, y, X_test, task.n_classes)


def boosted_target(task, X_test):
    """Boosted trees on the target's rows."""
    return boosted_pooled(task.only([]), X_test)


def boosted_domain(task, X_test, weight=1.0):
    """Boosted trees on all rows, with their domain as a category; source rows have a weight."""
    X, y, domain = stacked(task if weight else task.only([]))
    model = HistGradientBoostingClassifier(
        max_iter=100, random_state=0, categorical_features=[X.shape[1]]
    )
    X, X_test = np.column_stack([X, domain]), np.column_stack([X_test, np.zeros(len(X_test))])
    weights = np.where(domain == 0, 1.0, weight)
    return answers(model, X, y, X_test, task.n_classes, sample_weight=weights)


def boosted_weight_by_cv(task, X_test):
    """Boosted trees with the domain, source rows at the best of four weights."""
    methods = [partial(boosted_domain, weight=weight) for weight in (0.0, 0.01, 0.1, 1.0)]
    return best_of(methods, task)(task, X_test)


def gpboost(task, X_test):
    """Boosted trees and a random effect of the domain; several classes one against the rest."""
    X, y, domain = stacked(task)
    options = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 0}
    p = np.zeros((len(X_test), task.n_classes))
    for c in range(1 if task.n_classes == 2 else 0, task.n_classes):
        effects = gpb.GPModel(group_data=domain, likelihood="binary", num_parallel_threads=1)
        rows = gpb.Dataset(X, (y == c).astype(float), params={"verbose": -1})
        model = gpb.train(options, rows, num_boost_round=GPBOOST_ROUNDS, gp_model=effects)
        of_target = np.zeros(len(X_test), dtype=int)
        found = model.predict(X_test, group_data_pred=of_target, pred_latent=False)
        p[:, c] = found["response_mean"]
    if task.n_classes == 2:
        p[:, 0] = 1 - p[:, 1]
    return proper(p)


def two_step_glm(task, X_test):
    """Transfer GLM: a pooled fit over sources that do no harm, corrected on the target's rows."""
    task = task.only(harmless(task))
    methods = [partial(corrected, penalty=penalty) for penalty in np.geomspace(1000, 0.1, 9)]
    return best_of(methods, task)(task, X_test)


def harmless(task):
    """Sources that held-out target rows do not mind beside the target's own."""

    def fold_losses(sources):
        some = task.only(sources)
        found = []
        for train, test in folds(task.y, 3):
            fit = weighted_fit(some.subset(train), np.ones(len(sources)))
            found.append(losses(proper(fit(task.X[test])), task.y[test]).mean())
        return np.array(found)

    alone = fold_losses([])
    most = alone.mean() + max(alone.std(ddof=1), 0.01)
    return [source for source in task.sources if fold_losses([source]).mean() <= most]


def corrected(task, X_test, penalty):
    """A pooled logistic regression, its scores corrected by a ridge softmax of target rows."""
    pooled = weighted_fit(task, np.ones(len(task.sources)))
    offset = np.log(proper(pooled(task.X)))
    X = np.column_stack([task.X, np.ones(len(task.X))])
    X_test = np.column_stack([X_test, np.ones(len(X_test))])
    shape = X.shape[1], task.n_classes
    shrink = np.full((shape[0], 1), penalty)
    shrink[-1] = INTERCEPT_PENALTY
    hit = np.eye(task.n_classes)[task.y]

    def objective(flat):
        B = flat.reshape(shape)
        log_p = log_softmax(offset + X @ B, axis=1)
        slope = X.T @ (np.exp(log_p) - hit) + shrink * B
        return (shrink * B**2).sum() / 2 - (hit * log_p).sum(), slope.ravel()

    B = minimize(objective, np.zeros(np.prod(shape)), jac=True, method="L-BFGS-B").x.reshape(shape)
    return softmax(np.log(proper(pooled(X_test[:, :-1]))) + X_test @ B, axis=1)


def own_slopes_at(variance):
    """Common slopes of variance 1, deviations of each domain, and an intercept of each."""

    def method(task, X_test):
        parts = [X for X, _ in [(task.X, task.y), *task.sources]]
        X, y, _ = stacked(task)
        columns = augmented(X, parts, variance)
        # The target's are the first of each kind of column; the other domains' are zero.
        empty = [np.zeros((0, X.shape[1])) for _ in task.sources]
        asked = augmented(X_test, [X_test, *empty], variance)
        return answers(logistic(), columns, y, asked, task.n_classes)

    return method


def augmented(X, parts, variance):
    """Sparse columns: all rows, those of each domain, and which domain it is."""
    own = sparse.block_diag(parts)
    which = sparse.block_diag([np.ones((len(part), 1)) for part in parts])
    return sparse.hstack([sparse.csr_array(X), np.sqrt(variance) * own, which]).tocsr()


def own_slopes(task, X_test):
    """Own slopes of each domain, of the best of five variances."""
    methods = [own_slopes_at(variance) for variance in (0.01, 0.03, 0.1, 0.3, 1.0)]
    return best_of(methods, task)(task, X_test)


def super_learner(task, X_test):
    """The mixture of five simple fits that makes held-out target rows most likely."""
    simple = [RIVALS[name] for name in ("target only", "pooled", "equal mass")]
    methods = [*simple, own_slopes_at(0.1), boosted_domain]
    rows = np.arange(len(task.y))
    likelihood = np.array([held_out(task, method)[rows, task.y] for method in methods])
    weights = np.full(len(methods), 1 / len(methods))
    for _ in range(1000):  # Expectation-maximisation of the shares of a mixture.
        weights *= (likelihood / (weights @ likelihood)).mean(axis=1)
    fits = [proper(method(task, X_test)) for method in methods]
    return np.tensordot(weights, fits, axes=1)


STRONG = {
    "CatBoost, target only": catboost_target,
    "CatBoost, pooled": catboost_pooled,
    "CatBoost, domain": catboost_domain,
    "boosted trees, target only": boosted_target,
    "boosted trees, pooled": boosted_pooled,
    "boosted trees, domain": boosted_domain,
    "boosted trees, weight by CV": boosted_weight_by_cv,
    "GPBoost": gpboost,
    "two-step GLM": two_step_glm,
    "own slopes": own_slopes,
    "super learner": super_learner,
    "ART": RIVALS["ART aggregation"],
}
