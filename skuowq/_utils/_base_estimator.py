"""What an estimator that a user hands over can do."""

import inspect
from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from ._array_api import in_numpy
from ._sklearn import _routing_enabled, _set_random_states

# Of `check_array`, for networks: arrays of any number of axes, integers where they look them up.
NETWORK_CHECKS = {
    "accept_sparse": False,
    "ensure_all_finite": True,
    "dtype": "numeric",
    "allow_nd": True,
}


def sample_weight_name(estimator, *, regressor=False):
    """The name under which ``fit`` takes row weights: through a pipeline, ``step__sample_weight``.

    Raises ValueError where it takes none: sources could not be weighed.
    """
    if regressor and is_classifier(estimator):
        raise ValueError(f"estimator={estimator!r} is a classifier: pass a regressor.")
    if is_regressor(estimator) and not regressor:
        raise ValueError(f"estimator={estimator!r} is a regressor: pass a classifier.")
    if is_network(estimator):
        raise ValueError(
            "a skorch network inside another estimator cannot be weighed: pass it as estimator "
            "itself, and scale before with make_transfer_pipeline(StandardScaler(), "
            "UOWQClassifier(net))"
        )
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if hasattr(estimator, "steps"):
        name, last = estimator.steps[-1]
        inner = sample_weight_name(last, regressor=regressor)
        return "sample_weight" if _routing_enabled() else f"{name}__{inner}"
    # Meta-estimators hand fit parameters on: they take what all their parts take.
    takes_any = any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD
        for parameter in inspect.signature(estimator.fit).parameters.values()
    )
    parts = [getattr(estimator, "estimator", None), getattr(estimator, "final_estimator", None)]
    parts += [part for _, part in getattr(estimator, "estimators", None) or []]
    names = {
        sample_weight_name(part, regressor=regressor) for part in parts if hasattr(part, "fit")
    }
    if takes_any and len(names) == 1:
        return names.pop()
    raise ValueError(
        f"{type(estimator).__name__}.fit takes no sample_weight, so its sources cannot be weighed: "
        + (
            "use a regressor that does, such as Ridge or HistGradientBoostingRegressor."
            if regressor
            else "use a classifier that does, such as LogisticRegression, RandomForestClassifier "
            "or HistGradientBoostingClassifier."
        )
    )


def is_network(estimator):
    """Whether an estimator is a skorch net, without loading skorch to find out."""
    return any(kind.__module__.partition(".")[0] == "skorch" for kind in type(estimator).__mro__)


def array_checks(estimator):
    """Arguments of `check_array`: missing values and sparse matrices where the estimator may.

    A pipeline or search passes judgement to its parts, whose tags do not tell: it may. Networks
    take arrays of any number of axes, and integers where they look them up.
    """
    if is_network(estimator):
        return NETWORK_CHECKS
    tags = get_tags(estimator).input_tags
    parts = estimator.get_params(deep=True).values()
    composite = any(hasattr(part, "fit") and not isinstance(part, type) for part in parts)
    return {
        "accept_sparse": "csr" if tags.sparse or composite else False,
        "ensure_all_finite": "allow-nan" if tags.allow_nan or composite else True,
        "dtype": np.float64,
    }


def seeded(estimator, random_state):
    """A clone whose random states are set, so that all its clones do the same; None sets none."""
    estimator = clone(estimator)
    if random_state is not None:
        _set_random_states(estimator, check_random_state(random_state))
    return estimator


# What a check of X learns.
_OF_COLUMNS = ("n_features_in_", "feature_names_in_")


def learnt_by(checked):
    """What a check of X learnt, on a copy of an estimator: a fit that fails learns nothing."""
    return {name: getattr(checked, name) for name in _OF_COLUMNS if hasattr(checked, name)}


class CarefulFitMixin:
    """What a ``fit`` checks, what it takes over when all of it went well, and what rows may be."""

    _fitted_on_frames = False

    @in_numpy
    def _check_rows(self, X):
        """Rows for a fitted estimator: frames as they are where it was fitted to frames."""
        check_is_fitted(self)
        if self._fitted_on_frames:
            validate_data(self, X, reset=False, skip_check_array=True)
            return X
        return validate_data(self, X, reset=False, **self._row_checks())

    def _row_checks(self):
        return array_checks(self.estimator_)

    def _learn(self, columns):
        """The columns' number and, where they have them, names."""
        for name in _OF_COLUMNS:
            if name in columns:
                setattr(self, name, columns[name])
            elif hasattr(self, name):
                delattr(self, name)

    def _check_checkpoint(self):
        check_checkpoint(self.checkpoint, self.random_state)


def check_checkpoint(checkpoint, random_state):
    """Refuse to save what could not be found again."""
    if checkpoint is not None and not isinstance(random_state, Integral):
        raise ValueError(
            f"random_state is {random_state!r}, and a checkpoint is found again by an "
            "integer only: pass random_state=0, say"
        )


class AnyClassifierMixin(CarefulFitMixin):
    """An estimator around `estimator`, any classifier, a logistic regression where it is None."""

    def _base_estimator(self):
        return LogisticRegression() if self.estimator is None else self.estimator

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if not isinstance(self.estimator, type):  # A class has none, and the fit refuses it.
            base = get_tags(self._base_estimator()).input_tags
            tags.input_tags.sparse = base.sparse
            tags.input_tags.allow_nan = base.allow_nan
        return tags


def aligned_columns(columns, known, classes, fill=0.0):
    """Columns of the classes that an estimator knows, put where all classes have them."""
    if len(known) == len(classes):
        return columns
    aligned = np.full((len(columns), len(classes)), fill, dtype=columns.dtype)
    aligned[:, np.searchsorted(classes, known)] = columns
    return aligned
