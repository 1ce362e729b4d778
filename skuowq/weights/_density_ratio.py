"""How much more likely a source row is in the target than in its source.

The ratio of the two densities comes from a classifier of domains, the discriminator. If both
domains count as equally large, its odds are ``p_target(x, y) / p_source(x, y)`` (Wang et al., CVPR
2019, equation 8). With few target rows a flexible discriminator overfits: it separates twenty rows
from a thousand perfectly, and all odds are 0. So everything here is cross-fitted: the odds of a row
come from a model that was not fitted to it.
"""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from operator import itemgetter

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_array, check_consistent_length, check_random_state, column_or_1d

from skuowq._data.domains import check_names, column_names
from skuowq._data.folds import folds_of
from skuowq._data.held_together import held_together
from skuowq._data.labels import distinct_labels, label_kind
from skuowq._data.types import Matrix, Seed
from skuowq._utils._sklearn import _check_sample_weight, _set_random_states

DISCRIMINATORS = ("plausibility", "interactions", "boosted")
# Lower bound for the probability of a label, so that no label makes the odds 0.
_LEAST_PROBABILITY = 1e-3
_LEAST_ODDS = 1e-4
_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def density_ratio(
    X_target: Matrix,
    y_target: ArrayLike,
    X_source: Matrix,
    y_source: ArrayLike,
    *,
    discriminator: str | BaseEstimator = "plausibility",
    labels: bool = True,
    balanced: bool = True,
    clip: float = 20.0,
    target_weight: ArrayLike | None = None,
    source_weight: ArrayLike | None = None,
    cv: int = 5,
    random_state: Seed = None,
) -> NDArray:
    """Estimate ``p_target(x, y) / p_source(x, y)`` at the rows of a source.

    Used as weights, the ratios make the source rows look like target rows: rows that do not occur
    in the target, or have wrong labels, get a weight near 0.

    Parameters
    ----------
    X_target : {array-like, sparse matrix} of shape (n_target, n_features)
        Rows of the target. Scale the columns first: the classifiers used here have a penalty.
    y_target : array-like of shape (n_target,)
        Labels of the target.
    X_source : {array-like, sparse matrix} of shape (n_source, n_features)
        Rows of the source, with the same columns.
    y_source : array-like of shape (n_source,)
        Labels of the source.
    discriminator : {"plausibility", "interactions", "boosted"} or classifier, \
            default="plausibility"
        The classifier that tells the domains apart.

        - "plausibility": a logistic regression on two features: the log probability of the label
          given x in the target, and the same in the source. Each comes from a softmax regression.
          Twenty target rows are enough to find wrong labels and changed relations. It does not see
          features that are rarer in the target but have the same labels. For a model of the labels
          given the features such rows do no harm.
        - "interactions": a logistic regression on x, y and all their products. The penalty is
          chosen by cross-validation. It is exact if the classes are Gaussian with one covariance
          matrix, and needs many target rows.
        - "boosted": gradient-boosted trees on x and y.
        - Any classifier with ``predict_proba`` and ``sample_weight``. It is fitted to x and to
          indicators of y.
    labels : bool, default=True
        Whether the discriminator uses the labels. If False, the result is the ratio of the
        densities of the features. "plausibility" is then a logistic regression on x.
    balanced : bool, default=True
        Whether both domains count as equally large. Only then the odds are the ratio of the
        densities. False returns smaller odds, by the factor ``n_target / n_source``.
    clip : float, default=20.0
        Upper bound for the ratio. Increasing it lets single rows have more influence.
    target_weight, source_weight : array-like of shapes (n_target,) and (n_source,), default=None
        Weights of the rows. A row of weight 2 counts as two rows, so their scale matters.
    cv : int, default=5
        Number of folds for cross-fitting.
    random_state : int, RandomState instance or None, default=None
        Assigns the rows to the folds.

    Returns
    -------
    ratio : ndarray of shape (n_source,)
        From 1e-4 to `clip`. With ``balanced=False`` it is multiplied by ``n_target / n_source``.

    Raises
    ------
    ValueError
        If the discriminator is unknown, or the two domains do not fit together.

    See Also
    --------
    skuowq.DiscriminatorGateClassifier : Fits a classifier with these weights.

    References
    ----------
    Wang, Dai, Poczos, Carbonell, "Characterizing and avoiding negative transfer", CVPR 2019,
    equations 8 and 9.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq.weights import density_ratio
    >>> rng = np.random.RandomState(0)
    >>> X, X_source = rng.normal(size=(40, 2)), rng.normal(size=(400, 2))
    >>> y, y_source = (X[:, 0] > 0).astype(int), (X_source[:, 0] > 0).astype(int)
    >>> y_source[:100] = 1 - y_source[:100]  # Wrong labels.
    >>> ratio = density_ratio(X, y, X_source, y_source, random_state=0)
    >>> bool(ratio[:100].mean() < 0.2 * ratio[100:].mean())
    True
    """
    check_names(X_source, column_names(X_target), "X_source")
    X_target = check_array(X_target, accept_sparse="csr", dtype=np.float64, input_name="X_target")
    X_source = check_array(X_source, accept_sparse="csr", dtype=np.float64, input_name="X_source")
    y_target, y_source = column_or_1d(y_target), column_or_1d(y_source)
    check_consistent_length(X_target, y_target)
    check_consistent_length(X_source, y_source)
    if X_target.shape[1] != X_source.shape[1]:
        raise ValueError(
            f"X_source has {X_source.shape[1]} features, X_target has {X_target.shape[1]}: pass "
            "the same columns in the same order"
        )
    if len(y_source) < 2:
        raise ValueError(
            "X_source has 1 row, and no row is judged by a model that has seen it: pass 2 or more"
        )
    if not (isinstance(clip, Real) and clip > 0):
        raise ValueError(f"clip is {clip!r}: pass the largest ratio, a number above 0")
    if not (isinstance(cv, Integral) and cv >= 2):
        raise ValueError(f"cv is {cv!r}: pass the number of folds, 2 or more")
    kinds = label_kind(y_target), label_kind(y_source)
    if kinds[0] != kinds[1]:
        raise ValueError(
            f"y_target holds {kinds[0]} and y_source {kinds[1]}: label both domains alike"
        )
    classes, y = distinct_labels(np.concatenate([y_target, y_source]), "y_target or y_source")
    if np.any(y < 0):
        raise ValueError("y_target or y_source has missing values: leave those rows out")
    y_target, y_source = np.split(y, [len(y_target)])
    weights = [
        _check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)
        for weight, X in ((target_weight, X_target), (source_weight, X_source))
    ]
    target_weight, source_weight = weights
    gate = SourceGate(
        X_source,
        y_source,
        source_weight,
        len(classes),
        discriminator=discriminator,
        labels=labels,
        n_folds=cv,
        seed=check_random_state(random_state).randint(2**31 - 1),
    )
    odds = gate.odds(X_target, y_target, target_weight, clip)
    return odds if balanced else odds * (target_weight.sum() / source_weight.sum())


class SourceGate:
    """The odds of the rows of one source, for one or several targets.

    Cross-validation asks for many targets. So what depends on the source alone is computed once.

    Only `discriminator` is checked.

    Parameters
    ----------
    X : {ndarray, CSR matrix} of shape (n_source, n_features)
        Rows of the source, two or more.
    y : ndarray of int of shape (n_source,)
        Class indices 0 to n_classes - 1.
    weight : ndarray of shape (n_source,)
        At least 0, and not all 0.
    n_classes : int
    discriminator, labels
        As in `density_ratio`.
    n_folds : int
        2 or more.
    seed : int
    """

    def __init__(
        self,
        X: NDArray | csr_matrix,
        y: NDArray,
        weight: NDArray,
        n_classes: int,
        *,
        discriminator: str | BaseEstimator,
        labels: bool,
        n_folds: int,
        seed: int,
    ) -> None:
        if isinstance(discriminator, str) and discriminator not in DISCRIMINATORS:
            raise ValueError(
                f"discriminator is {discriminator!r}: pass one of {', '.join(DISCRIMINATORS)}, or "
                "a classifier"
            )
        if isinstance(discriminator, type):
            raise TypeError(
                f"discriminator is the class {discriminator.__name__}: pass an instance, "
                f"{discriminator.__name__}()"
            )
        self.X, self.y, self.weight = X, y, weight
        self.n_classes, self.n_folds, self.seed = n_classes, n_folds, seed
        self.discriminator, self.labels = discriminator, labels
        self.plausible = labels and discriminator == "plausibility"
        if self.plausible:
            self.own, self.model = self._plausibility(X, y, weight, held_together(X))

    def odds(
        self,
        X: NDArray | csr_matrix,
        y: NDArray,
        weight: NDArray,
        clip: float,
        groups: NDArray | None = None,
    ) -> NDArray:
        """Odds of the source's rows, given rows of a target.

        Parameters
        ----------
        X, y, weight
            Rows of the target, as those of the source.
        clip : float
            Largest ratio.
        groups : ndarray of int of shape (n_target,), default=None
            Rows with one number are held out together. None holds copies of a row together.

        Returns
        -------
        odds : ndarray of shape (n_source,)
        """
        groups = held_together(X) if groups is None else groups
        if np.all(groups == groups[0]):
            log_odds = np.zeros(len(self.y))  # Nothing to hold out.
        elif self.plausible:
            log_odds = self._odds_of_plausibility(X, y, weight, groups)
        else:
            log_odds = self._odds_of_rows(X, y, weight, groups)
        return np.exp(np.clip(log_odds, np.log(_LEAST_ODDS), np.log(clip)))

    def _plausibility(self, X, y, weight, groups):
        """Cross-fitted log probabilities of the labels, and the model fitted to all rows."""
        model_of_all = _softmax(X, y, weight)
        # With a single group there is nothing to hold out.
        log_p = _log_probability(model_of_all, X, y)
        for fitted, held in folds_of(y, self.n_folds, self.seed, groups):
            model = _softmax(X[fitted], y[fitted], weight[fitted])
            log_p[held] = _log_probability(model, X[held], y[held])
        return log_p, model_of_all

    def _odds_of_plausibility(self, X, y, weight, groups):
        own, model = self._plausibility(X, y, weight, groups)
        theirs = np.column_stack([own, _log_probability(self.model, X, y)])
        ours = np.column_stack([_log_probability(model, self.X, self.y), self.own])
        domains = _domain_labels(weight, self.weight)
        counts = np.append(weight, self.weight)
        fitted, features = _on_few_columns(np.vstack([theirs, ours]), *domains, counts)
        return fitted.decision_function(features[len(y) :])

    def _odds_of_rows(self, X, y, weight, groups):
        """Log odds of a discriminator of the rows themselves, cross-fitted over both domains."""
        kind = self.discriminator
        linear = kind in ("plausibility", "interactions")
        design = self._products if linear else self._indicators
        features = _stack([design(X, y), design(self.X, self.y)])
        is_target, balance = _domain_labels(weight, self.weight)
        # A row may have copies in both domains.
        named = np.append(groups, groups.max() + 1 + np.arange(len(self.y)))
        groups = held_together(_stack([X, self.X]), named)
        folds = folds_of(is_target, self.n_folds, self.seed, groups)
        if linear:
            found = [
                self._held_out(LogisticRegression(C=C), features, is_target, balance, folds)
                for C in _PENALTIES
            ]
            return min(found, key=itemgetter(0))[1][len(y) :]
        model = kind
        if kind == "boosted":
            # Few leaves: larger trees overfit twenty target rows.
            model = HistGradientBoostingClassifier(max_leaf_nodes=8, random_state=self.seed)
            features = features.toarray() if sparse.issparse(features) else features
        _, log_odds = self._held_out(model, features, is_target, balance, folds)
        counts = np.append(weight, self.weight)
        return _calibrated(log_odds, is_target, balance, counts)[len(y) :]

    def _held_out(self, model, features, is_target, balance, folds):
        """Cross-validated log loss of a discriminator, and its log odds."""
        log_odds = np.zeros(len(is_target))
        model = clone(model)
        _set_random_states(model, check_random_state(self.seed))
        for fitted, held in folds:
            if len(np.unique(is_target[fitted])) < 2:
                continue  # With one domain alone there are no odds to learn: they stay 1.
            fold = clone(model).fit(
                features[fitted], is_target[fitted], sample_weight=balance[fitted]
            )
            p = fold.predict_proba(features[held])
            log_odds[held] = np.log(np.maximum(p[:, 1], 1e-12) / np.maximum(p[:, 0], 1e-12))
        loss = np.average(np.logaddexp(0, np.where(is_target, -1, 1) * log_odds), weights=balance)
        return loss, log_odds

    def _indicators(self, X, y):
        return _stack_columns([X, np.eye(self.n_classes)[y]]) if self.labels else X

    def _products(self, X, y):
        if not self.labels:
            return X
        indicators = np.eye(self.n_classes)[y]
        if sparse.issparse(X):
            parts = [sparse.diags(column) @ X for column in indicators.T]
        else:
            parts = [X * column[:, None] for column in indicators.T]
        return _stack_columns([X, indicators, *parts])


def _calibrated(log_odds, is_target, balance, counts):
    """Held-out log odds, recalibrated by a logistic regression; 0 if it would reverse them.

    Trees that overfit the few target rows are too sure that unseen rows are not the target's. The
    held-out target rows show this.
    """
    fitted, column = _on_few_columns(log_odds[:, None], is_target, balance, counts)
    if fitted.coef_[0, 0] < 0:
        return np.zeros(len(log_odds))
    return fitted.decision_function(column)


def _on_few_columns(features, is_target, balance, counts):
    """A logistic regression of the domain on a few standardised columns, and these columns.

    `counts` holds how often each row counts in the standardisation.
    """
    features = features - np.average(features, axis=0, weights=counts)
    spread = np.sqrt(np.average(features**2, axis=0, weights=counts))
    features = features / np.where(spread > 0, spread, 1.0)
    return LogisticRegression().fit(features, is_target, sample_weight=balance), features


def _softmax(X, y, weight):
    """A softmax regression; if there is a single class, this class."""
    if len(np.unique(y)) < 2:
        return int(y[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            return LogisticRegression(max_iter=200, tol=1e-3).fit(X, y, sample_weight=weight)
        except ConvergenceWarning:
            return _softmax_about_mean(X, y, weight)


def _softmax_about_mean(X, y, weight):
    """The same of rows that lie far from 0, which are few steps from the optimum once centred."""
    X = X.toarray() if sparse.issparse(X) else X
    centre = np.average(X, axis=0, weights=weight)
    with warnings.catch_warnings():
        # What is left to gain then is less than the odds can tell.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=1000, tol=1e-3)
        model.fit(X - centre, y, sample_weight=weight)
    model.intercept_ = model.intercept_ - model.coef_ @ centre
    return model


def _log_probability(model, X, y):
    """Log probability of the label of each row, with a lower bound."""
    if isinstance(model, int):
        probability = (y == model).astype(float)
    else:
        place = np.searchsorted(model.classes_, y)
        known = np.isin(y, model.classes_)
        columns = np.where(known, place, 0)
        probability = model.predict_proba(X)[np.arange(len(y)), columns] * known
    return np.log(np.maximum(probability, _LEAST_PROBABILITY))


def _domain_labels(target_weight, source_weight):
    """1 for target rows, and weights that give both domains the total weight of the target."""
    is_target = np.repeat([1, 0], [len(target_weight), len(source_weight)])
    total = target_weight.sum()
    balance = np.concatenate([target_weight, source_weight * (total / source_weight.sum())])
    return is_target, balance


def _stack(parts):
    sparse_part = any(sparse.issparse(part) for part in parts)
    return sparse.vstack(parts, format="csr") if sparse_part else np.vstack(parts)


def _stack_columns(parts):
    sparse_part = any(sparse.issparse(part) for part in parts)
    return sparse.hstack(parts, format="csr") if sparse_part else np.hstack(parts)
