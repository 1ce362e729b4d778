"""How an estimator's `fit` reads what it receives."""

from copy import copy

from sklearn.base import is_classifier
from sklearn.utils.validation import (
    _num_samples,
    check_consistent_length,
    check_is_fitted,
    validate_data,
)

from skuowq._utils._base_estimator import NETWORK_CHECKS, learnt_by
from skuowq._utils._sklearn import helper_that_transforms
from skuowq._utils._warn import warn

from .bind_sources import BindSourcesMixin
from .coded_labels import coded_like
from .dataset_rows import DatasetRows, is_dataset
from .domains import check_frame, column_names
from .sources import as_sources
from .task import TargetRows


class FitInputMixin(BindSourcesMixin):
    """Sources and target of a fit; what the checks learn stays on a copy.

    Attributes
    ----------
    _networks_read_datasets : bool
        Whether networks of this estimator read rows from torch data sets.
    """

    _networks_read_datasets = True

    def _sources_of(self, sources, X, y):
        """The sources of this fit, as `Sources` or None."""
        sources = as_sources(self._fit_sources(sources), _num_samples(X))
        if sources is not None:
            _warn_of_helpers(sources)
            sources.check_records(type(self).__name__, is_classifier(self))
        if sources is None or y is None or not is_classifier(self):
            return sources
        return coded_like(sources, y)

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
        if is_dataset(X):
            return self._read_dataset(X, y, checks)
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

    def _read_dataset(self, X, y, checks):
        """As `_read_target`, for the rows of a data set."""
        self._check_reads_datasets(X, checks)
        check_consistent_length(X, y)
        return TargetRows(X, y, len(X), None, False, checks, {"n_features_in_": X.n_columns})

    def _check_reads_datasets(self, X, checks):
        if checks is not NETWORK_CHECKS or not self._networks_read_datasets:
            base = getattr(self, "estimator", None)
            estimator = self if base is None or not self._networks_read_datasets else base
            name = type(estimator).__name__
            raise X.in_memory(name, a_net_reads=self._networks_read_datasets)

    def _check_rows(self, X):
        """Rows for a fitted estimator; those of a data set are read as it predicts."""
        if not is_dataset(X):
            return super()._check_rows(X)
        check_is_fitted(self)
        X = DatasetRows.of(X, "X")
        self._check_reads_datasets(X, self._row_checks())
        if X.n_columns != self.n_features_in_:
            raise ValueError(
                f"X has rows of shape {X.row_shape}, and {type(self).__name__} was fitted to rows "
                f"whose first axis has {self.n_features_in_}: bring them to one shape"
            )
        return X


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
