"""The one door to scikit-learn's private names."""

import sys

from sklearn.base import _fit_context
from sklearn.ensemble._base import _set_random_states
from sklearn.pipeline import _name_estimators
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import HasMethods as _HasMethods
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._user_interface import _print_elapsed_time
from sklearn.utils.metadata_routing import _routing_enabled
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "_check_sample_weight",
    "_fit_context",
    "_name_estimators",
    "_print_elapsed_time",
    "_routing_enabled",
    "_safe_indexing",
    "_set_random_states",
    "helper_that_codes",
    "helper_that_transforms",
]

# Functions that fit a classifier to labels coded as 0, 1, ..., and who calls them, as far as that
# can be told in a process of their own.
_CODING = {
    "_fit_and_predict": "cross_val_predict",
    "_fit_single_estimator": "VotingClassifier or StackingClassifier",
    "_parallel_build_estimators": "BaggingClassifier",
}


def helper_that_codes():
    """Who among the callers hands y on as 0, 1, ...; None where nobody does."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_name
        theirs = frame.f_globals.get("__name__", "").startswith("sklearn.")
        # cross_val_predict codes for the methods that have a column for each class.
        if theirs and name in _CODING and frame.f_locals.get("method") != "predict":
            return _estimator_that_calls(frame) or _CODING[name]
        frame = frame.f_back
    return None


def _estimator_that_calls(frame):
    """The class of scikit-learn whose fit is the nearest among the callers, or None."""
    while frame is not None and not _is_fit_of(frame, "sklearn."):
        frame = frame.f_back
    return None if frame is None else type(frame.f_locals["self"]).__name__


class HasMethods(_HasMethods):
    """Objects that have methods; scikit-learn's lets classes pass, whose methods lack `self`."""

    def is_satisfied_by(self, val):
        return not isinstance(val, type) and super().is_satisfied_by(val)

    def __str__(self):
        return f"{super().__str__()} (an instance, such as LogisticRegression(), not its class)"


def helper_that_transforms():
    """What transforms the target on its way to a fit, and the sources not.

    Returns
    -------
    helper : {"Pipeline", "TransformedTargetRegressor"} or None
        The nearest among the callers of the fit. None where this package calls it.
    """
    frame = sys._getframe(1)
    while frame is not None and not _is_fit_of(frame, "skuowq."):
        frame = frame.f_back
    while frame is not None and (_is_fit_of(frame, "skuowq.") or _is_wrapper(frame)):
        frame = frame.f_back
    while frame is not None and not frame.f_globals.get("__name__", "").startswith("skuowq."):
        if _is_fit_of(frame, "sklearn.pipeline") and _has_transformers(frame.f_locals["self"]):
            return "Pipeline"
        if _is_fit_of(frame, "sklearn.compose._target"):
            helper = frame.f_locals["self"]
            if helper.func is not None or helper.transformer is not None:
                return "TransformedTargetRegressor"
        frame = frame.f_back
    return None


def _is_fit_of(frame, module):
    here = frame.f_globals.get("__name__", "").startswith(module)
    return here and frame.f_code.co_name == "fit" and "self" in frame.f_locals


def _is_wrapper(frame):
    return frame.f_code.co_name in ("wrapper", "with_numpy")


def _has_transformers(pipeline):
    return any(step not in (None, "passthrough") for _, step in pipeline.steps[:-1])
