"""Find the fitted estimator in a search or a pipeline."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted


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
