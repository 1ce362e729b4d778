"""How an estimator's `fit` reads what it receives."""

from copy import copy

from sklearn.base import is_classifier
from sklearn.utils.validation import _num_samples, check_consistent_length, validate_data

from skuowq._utils._base_estimator import learnt_by
from skuowq._utils._sklearn import helper_that_transforms
from skuowq._utils._warn import warn

from .bind_sources import BindSourcesMixin
from .coded_labels import coded_like
from .domains import check_frame, column_names
from .sources import as_sources
from .task import TargetRows


class FitInputMixin(BindSourcesMixin):
    """Sources and target of a fit; what the checks learn stays on a copy."""

    def _sources_of(self, sources, X, y):
        """The sources of this fit, as `Sources` or None."""
        sources = as_sources(self._fit_sources(sources), _num_samples(X))
        if sources is not None:
            _warn_of_helpers(sources)
        return coded_like(sources, y) if sources is not None and is_classifier(self) else sources

    def _read_target(self, X, y, *, frames, checks):
        """X and y as scikit-learn checks them.

        Parameters
        ----------
        X, y : as ``fit`` received them
        frames : bool
            Leave X, a data frame, as it is.
        checks : dict
            What the base estimator takes, as arguments of `check_array`.

        Returns
        -------
        rows : TargetRows
        """
        columns, n_given = column_names(X), _num_samples(X)
        checked = copy(self)  # A fit that fails leaves the last one whole.
        if frames:
            validate_data(checked, X, skip_check_array=True)
            if y is None:
                raise ValueError("y is None, but the target's labels are required.")
            check_consistent_length(X, y)
            check_frame(X, checks["ensure_all_finite"] == "allow-nan", "the target")
        else:
            X, y = validate_data(checked, X, y, multi_output=True, **checks)
        return TargetRows(X, y, n_given, columns, frames, checks, learnt_by(checked))


def _warn_of_helpers(sources):
    """Of what transforms the target alone."""
    helper = helper_that_transforms()
    if helper == "Pipeline":
        warn(
            "A Pipeline transforms the target's columns, and not the sources': build it with "
            "make_transfer_pipeline, which transforms both."
        )
    if helper == "TransformedTargetRegressor" and sources._has_own_y:
        warn(
            "TransformedTargetRegressor transforms the target's y, and not the sources': wrap them "
            "as Sources(sources, transform_y=func), with its func."
        )
