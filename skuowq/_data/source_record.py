"""What a source may be in place of its rows: statistics at a point, or a fitted model."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from numbers import Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import is_regressor

from .labels import plain_labels
from .record_checks import check_factor, check_units, fields_of_json
from .regression_record import RegressionRecord, check_record

# Two points are one up to the rounding of a change of centre.
_SAME_POINT = 1e-8


@dataclass(frozen=True, eq=False)
class SourceRecord:
    """Statistics of a source's softmax regression at a point; all that must travel.

    To second order around the point they are the source's likelihood. Made by
    :func:`skuowq.fisher.source_record` where the rows live. ``a + b`` is the record of the rows of
    both, computed at one point; ``c * a`` counts every row c times.

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

    # An array times a record is not an array of records.
    __array_ufunc__ = None

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

    def __add__(self, other):
        if not isinstance(other, SourceRecord):
            return NotImplemented
        if not np.array_equal(self.classes, other.classes):
            raise ValueError(
                f"the records have the classes {plain_labels(self.classes)} and "
                f"{plain_labels(other.classes)}: pass the same classes= to source_record"
            )
        if self.n_features != other.n_features:
            raise ValueError(
                f"the records have {self.n_features} and {other.n_features} features: records of "
                "one source have the same columns"
            )
        n_samples = self.n_samples + other.n_samples

        def mean(ours, theirs):
            return (self.n_samples * ours + other.n_samples * theirs) / n_samples

        centre = mean(_centre_of(self), _centre_of(other))
        ours, theirs = moved(self, centre), moved(other, centre)
        close = _SAME_POINT * (1 + np.abs(ours.theta).max())
        if not np.allclose(ours.theta, theirs.theta, rtol=0, atol=close):
            raise ValueError(
                "the records were computed at different points, so their sum is not a record: "
                "compute both at one point, such as source_record(X, y, point=first)"
            )
        return replace(
            ours,
            n_samples=n_samples,
            score=mean(ours.score, theirs.score),
            information=mean(ours.information, theirs.information),
        )

    def __radd__(self, other):
        return self if isinstance(other, Real) and other == 0 else NotImplemented  # As in sum.

    def __mul__(self, factor):
        if not isinstance(factor, Real):
            return NotImplemented
        check_factor(factor)
        return replace(self, n_samples=float(factor * self.n_samples))

    __rmul__ = __mul__

    def in_units(self, scale: ArrayLike, origin: ArrayLike = 0.0) -> SourceRecord:
        """Express the record in other units of the columns, ``(X - origin) / scale``.

        Parameters
        ----------
        scale : float or array-like of shape (n_features,)
            Such as ``scale_`` of the `StandardScaler` that the target goes through.
        origin : float or array-like of shape (n_features,), default=0.0
            Such as its ``mean_``.

        Returns
        -------
        record : SourceRecord
            The one that `source_record` would make of such columns at the same point.
        """
        scale, origin = check_units(self.n_features, scale, origin)
        units = np.append(np.broadcast_to(scale, self.n_features), 1.0)[:, None]
        along = np.repeat(units, self.theta.shape[1])
        return replace(
            self,
            theta=self.theta * units,
            score=self.score / units,
            information=self.information / along[:, None] / along,
            centre=(_centre_of(self) - origin) / scale,
        )

    def to_json(self) -> str:
        """Write the record as JSON, to the last digit.

        Returns
        -------
        text : str
            `from_json` reads it.
        """
        fields = {"classes": _labels_to_json(self.classes), "n_samples": self.n_samples}
        for name in ("theta", "score", "information", "centre"):
            value = getattr(self, name)
            fields[name] = None if value is None else value.tolist()
        return json.dumps({"skuowq_record": 1, **fields})

    @classmethod
    def from_json(cls, text: str) -> SourceRecord:
        """Read a record that `to_json` has written.

        Parameters
        ----------
        text : str

        Returns
        -------
        record : SourceRecord

        Raises
        ------
        ValueError
            If the text is something else.
        """
        fields = fields_of_json(text, "skuowq_record", cls.__name__)
        classes, centre = fields["classes"], fields["centre"]
        return cls(
            classes=np.array(classes["labels"], dtype=classes["dtype"]),
            n_samples=fields["n_samples"],
            theta=np.array(fields["theta"]),
            score=np.array(fields["score"]),
            information=np.array(fields["information"]),
            centre=None if centre is None else np.array(centre),
        )

    def __repr__(self):
        p, c = self.theta.shape
        return (
            f"SourceRecord({self.n_samples:,.6g} rows, {p - 1} features, {c + 1} classes, "
            f"{self.nbytes:,} bytes)"
        )


def _centre_of(record):
    return np.zeros(record.n_features) if record.centre is None else record.centre


def _labels_to_json(classes):
    """Labels as JSON holds them, and the dtype they have as an array; times as text."""
    dtype = classes.dtype.str if classes.dtype.kind != "O" else "O"
    labels = classes.astype("U") if classes.dtype.kind == "M" else classes
    labels = labels.astype(np.int64) if classes.dtype.kind == "m" else labels
    if classes.dtype.kind == "S":
        raise ValueError("the classes are bytes, which JSON does not hold: make them strings")
    return {"labels": labels.tolist(), "dtype": dtype}


def about(theta: NDArray, centre: NDArray | None, new_centre: NDArray) -> NDArray:
    """Express a point about another centre of the columns.

    Parameters
    ----------
    theta : ndarray of shape (n_features + 1, n_classes - 1)
        Effects and, last, intercepts where the columns are at `centre`.
    centre : ndarray of shape (n_features,) or None
        None means 0.
    new_centre : ndarray of shape (n_features,)

    Returns
    -------
    theta : ndarray of shape (n_features + 1, n_classes - 1)
        The same effects, and intercepts where the columns are at `new_centre`.
    """
    away = new_centre if centre is None else new_centre - centre
    return np.vstack([theta[:-1], theta[-1:] + away @ theta[:-1]])


def moved(record: SourceRecord, centre: NDArray) -> SourceRecord:
    """Express a record about another centre of the columns.

    Parameters
    ----------
    record : SourceRecord
    centre : ndarray of shape (n_features,)
        Rounding costs least where it is near the record's own.

    Returns
    -------
    record : SourceRecord
        Of the same rows less `centre`.
    """
    away = centre if record.centre is None else centre - record.centre
    score = record.score.copy()
    score[:-1] -= away[:, None] * score[-1]
    p, c = score.shape
    J = record.information.reshape(p, c, p, c).copy()
    J[:-1] -= away[:, None, None, None] * J[-1]
    J[:, :, :-1] -= away[:, None] * J[:, :, -1:]
    return replace(
        record,
        theta=about(record.theta, record.centre, centre),
        score=score,
        information=J.reshape(p * c, p * c),
        centre=centre,
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
    """A record or a `SourceModel` from what a user passed for a source, or None: it has rows.

    Raises ValueError for a model that is not fitted, or without a number of rows.
    """
    if isinstance(pair, RegressionRecord):
        check_record(pair, label)
        return pair
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
    if is_regressor(model):
        raise ValueError(
            f"{label} is a {type(model).__name__}, a regressor, and models stand for rows of "
            "classifications only: pass the rows it was fitted to, or fisher.regression_record of "
            "them"
        )
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
