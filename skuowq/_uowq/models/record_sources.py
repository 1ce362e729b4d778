"""Records of sources, whatever these are given as: records, fitted models or rows."""

import numpy as np
from scipy import sparse
from sklearn.covariance import oas
from sklearn.utils import check_array

from skuowq._data.domains import check_columns
from skuowq._data.labels import label_kind, plain_labels
from skuowq._data.source_record import SourceModel, SourceRecord, about, moved
from skuowq._data.sources import source_label
from skuowq._utils._logistic import is_logistic, is_plain, ridge_of
from skuowq.fisher import (
    contrast_basis,
    fit_softmax,
    softmax_fisher_information,
    softmax_mean_score,
    source_record,
)
from skuowq.fisher.checked import (
    class_probabilities,
    record_penalty,
    theta_of,
    with_constant,
)


def records_of(sources, X, classes, centre, ridge, columns):
    """A record of every source, of all classes and about one centre.

    Parameters
    ----------
    sources : Sources
        Records, models or rows, mixed.
    X : ndarray of shape (n_rows, n_features)
        Rows of the target.
    classes : ndarray of shape (n_classes,)
        Of target and sources together.
    centre : ndarray of shape (n_features,)
    ridge : float
        Penalty of a squared coefficient.
    columns : list or None
        Names of the target's columns.

    Returns
    -------
    records : list of SourceRecord
    """
    usual = _usual_rows(X, sources.X_unlabeled, columns)
    return [
        moved(_as_record(entry, classes, usual, centre, ridge, source_label(name), columns), centre)
        for entry, name in zip(sources._entries, sources.names, strict=True)
    ]


def all_classes(target_classes, sources):
    found = [target_classes]
    for entry, name in zip(sources._entries, sources.names, strict=True):
        own = np.unique(entry[1]) if isinstance(entry, tuple) else entry.classes
        kinds = [label_kind(part) for part in (own, found[0])]
        if kinds[0] != kinds[1]:
            raise ValueError(
                f"the labels of {source_label(name)} are {kinds[0]}, those of the target are "
                f"{kinds[1]}: label both alike"
            )
        found.append(own)
    return np.unique(np.concatenate(found))


def _usual_rows(X, X_unlabeled, columns):
    """Rows on which a model without an information of its own is looked at."""
    if X_unlabeled is not None:
        check_columns(X_unlabeled, X.shape[1], columns, "X_unlabeled")
        free = X_unlabeled.toarray() if sparse.issparse(X_unlabeled) else X_unlabeled
        X = np.vstack([X, check_array(free, dtype=np.float64, input_name="X_unlabeled")])
    return X


def _as_record(entry, classes, usual, centre, ridge, label, columns):
    n_features = usual.shape[1]
    if isinstance(entry, SourceModel):
        return _record_of_model(entry, classes, usual, centre, ridge, label, columns)
    if isinstance(entry, SourceRecord):
        if not np.array_equal(entry.classes, classes):
            raise ValueError(
                f"{label} is a record of the classes {plain_labels(entry.classes)}, and target and "
                f"sources together have {plain_labels(classes)}: make it with "
                f"classes={plain_labels(classes)}"
            )
        if entry.n_features != n_features:
            raise ValueError(
                f"{label} has {entry.n_features} features, the target has {n_features}: pass the "
                "same columns in the same order."
            )
        return entry
    X, y, weight = entry
    check_columns(X, n_features, columns, label)
    C = 1 / ridge if ridge else np.inf
    return source_record(X, y, classes=classes, C=C, sample_weight=weight)


def _record_of_model(entry, classes, usual, centre, ridge, label, columns):
    model, n, n_features = entry.model, entry.n_samples, usual.shape[1]
    names = getattr(model, "feature_names_in_", None)
    if columns is not None and names is not None and list(names) != columns:
        raise ValueError(
            f"{label} is a model of the columns {list(names)}, the target has {columns}: pass "
            "models of the target's columns in the target's order."
        )
    known = getattr(model, "n_features_in_", n_features)
    if known != n_features:
        raise ValueError(
            f"{label} is a model of {known} features, the target has {n_features}: pass models of "
            "the same columns in the same order."
        )
    rows = with_constant(usual - centre)
    linear = is_logistic(model) and is_plain(model) and model.fit_intercept
    if linear and np.array_equal(model.classes_, classes):
        theta = about(theta_of(model.coef_, model.intercept_), None, centre)
        # At the optimum of a penalised likelihood its slope is the penalty's, on effects alone.
        own = (2 if len(classes) == 2 else 1) * ridge_of(model)
        score = np.vstack([own * theta[:-1], np.zeros((1, theta.shape[1]))]) / n
    else:
        # What it predicts, as rows: every row once for each class.
        p = np.zeros((rows.shape[0], len(classes)))
        p[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(
            _as_the_model_has_it(usual, names)
        )
        labels = np.tile(np.arange(len(classes)), len(rows))
        weight = p.ravel() * (n / len(rows))
        repeated = np.repeat(rows, len(classes), axis=0)
        penalty = record_penalty(repeated, weight, centre, len(classes), ridge)
        theta = fit_softmax(repeated, labels, len(classes), weight, penalty)
        score = softmax_mean_score(repeated, labels, theta, weight)
    return SourceRecord(
        classes=classes,
        n_samples=n,
        theta=theta,
        score=score,
        information=_information_of_usual_rows(rows, theta),
        centre=centre,
    )


def _as_the_model_has_it(X, names):
    """A data frame for a model that was fitted to one; it may choose columns by their names."""
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=list(names))


def _information_of_usual_rows(rows, theta):
    """Of a row like these, which may be fewer than the features.

    What few rows do not show they must not deny, or a source would know nothing there: as far as
    their covariance is shrunk towards its diagonal (OAS; Chen et al., 2010) they are taken for rows
    of unrelated columns, and of the metric that these have on average. A column that does not vary
    stays unknown: nothing tells its units.
    """
    X = rows[:, :-1]
    centre, scale = X.mean(axis=0), X.std(axis=0)
    standard = (X - centre) / np.where(scale > 0, scale, 1.0)
    shrinkage = oas(standard)[1] if len(X) > 1 else 1.0
    p, _ = class_probabilities(rows, theta)
    basis = contrast_basis(len(p))
    metric = basis.T @ (np.diag(p.mean(axis=1)) - p @ p.T / len(rows)) @ basis
    mean = np.append(centre, 1.0)
    unrelated = np.kron(np.diag(np.append(scale**2, 0.0)) + np.outer(mean, mean), metric)
    observed = softmax_fisher_information(rows, theta)
    return (1 - shrinkage) * observed + shrinkage * unrelated
