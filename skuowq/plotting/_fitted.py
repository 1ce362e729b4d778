"""Find the fitted estimators, in a search or a pipeline, one or several by name."""

from collections.abc import Mapping

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._matplotlib import not_empty


def fitted_by_name(estimators, attribute, what):
    """Several fitted estimators by their names, or None where there is one without a name."""
    if not isinstance(estimators, Mapping):
        return None
    named = not_empty("estimator", estimators).items()
    return {name: fitted_with(one, attribute, what) for name, one in named}


def fitted_with(estimator, attribute, what):
    """The estimator itself, the best one of a search, or the last step of a pipeline.

    Raises NotFittedError, or ValueError if `attribute` is missing or empty.
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    check_is_fitted(estimator)
    value = getattr(estimator, attribute, None)
    if value is None or np.size(value) == 0:
        raise ValueError(
            f"This {type(estimator).__name__} has no {what} to draw: fit an estimator that weighs "
            "its sources, with fit(X, y, sources=...)."
        )
    return estimator
