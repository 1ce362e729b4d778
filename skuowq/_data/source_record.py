"""What a source may be in place of its rows: statistics at a point, or a fitted model."""

from dataclasses import dataclass
from numbers import Real

import numpy as np


@dataclass(frozen=True, eq=False)
class SourceRecord:
    """Statistics of a source's softmax regression at a point; all that must travel.

    To second order around the point they are the source's likelihood. Made by
    :func:`skuowq.fisher.source_record` where the rows live.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Sorted.
    n_samples : float
        Rows, counted by their weights.
    theta : ndarray of shape (n_features + 1, n_classes - 1)
        The point: effects and, last, intercepts at `centre`, along
        :func:`skuowq.fisher.contrast_basis`.
    score : ndarray of shape (n_features + 1, n_classes - 1)
        Mean score there of a row less `centre`.
    information : ndarray of shape (n_parameters, n_parameters)
        Fisher information there of a row less `centre`,
        ``n_parameters = (n_features + 1) (n_classes - 1)``.
    centre : ndarray of shape (n_features,) or None
        About the means of the source's columns. About 0, which is what None means, the information
        of columns whose means are 1e7 times their spread would be that of the means alone.
    """

    classes: np.ndarray
    n_samples: float
    theta: np.ndarray
    score: np.ndarray
    information: np.ndarray
    centre: np.ndarray | None = None

    @property
    def n_features(self):
        """Columns of the rows that it stands for."""
        return len(self.theta) - 1

    @property
    def nbytes(self):
        """Size of the numbers.

        ``8 n_parameters (n_parameters + 2) + 8 n_features``, the number of rows and the classes.
        """
        parts = [self.classes, self.theta, self.score, self.information]
        parts += [] if self.centre is None else [self.centre]
        return sum(part.nbytes for part in parts) + 8

    def __repr__(self):
        p, c = self.theta.shape
        return (
            f"SourceRecord({self.n_samples:,.6g} rows, {p - 1} features, {c + 1} classes, "
            f"{self.nbytes:,} bytes)"
        )


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A fitted probabilistic classifier, and how many rows it was fitted to."""

    model: object
    n_samples: float

    @property
    def classes(self):
        """Classes that the model knows."""
        return np.asarray(self.model.classes_)


def as_record_or_model(pair, label):
    """`SourceRecord` or `SourceModel` from what a user passed for a source, or None: it has rows.

    Raises ValueError for a model that is not fitted, or without a number of rows.
    """
    if isinstance(pair, (SourceRecord, SourceModel)):
        return pair
    if isinstance(pair, (list, tuple)) and pair and isinstance(pair[0], type):
        raise TypeError(
            f"{label} is the class {pair[0].__name__}: pass a fitted model, an instance of it, and "
            "the number of rows it was fitted to"
        )
    if hasattr(pair, "predict_proba"):
        raise ValueError(
            f"{label} is a {type(pair).__name__} alone: pass (model, number of rows it was fitted "
            "to), which decides what it is worth"
        )
    if not (isinstance(pair, (list, tuple)) and len(pair) == 2):
        return None
    model, n_samples = pair
    if not hasattr(model, "predict") or hasattr(model, "shape"):
        return None
    if not hasattr(model, "predict_proba"):
        raise ValueError(
            f"{label} is a {type(model).__name__}, which has no predict_proba: pass a "
            "probabilistic classifier, such as CalibratedClassifierCV around it"
        )
    if isinstance(n_samples, bool) or not (isinstance(n_samples, Real) and 0 < n_samples < np.inf):
        raise ValueError(
            f"{label}: the number of rows that {type(model).__name__} was fitted to is "
            f"{n_samples!r}: pass a number above 0"
        )
    if not hasattr(model, "classes_"):
        raise ValueError(
            f"{label}: {type(model).__name__} is not fitted: fit it where its rows are"
        )
    return SourceModel(model, float(n_samples))
