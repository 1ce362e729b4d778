"""What every estimator that weighs sources tells about them."""

import numpy as np

from skuowq._utils._checks import check_discrepancy
from skuowq.weights.checked import error_of_rows, std_error_of_checked

from .source_report import SourceReport


class WeighedSourcesMixin:
    """Fitted attributes of the weights, and the line an update prints."""

    def _set_result(
        self, result, n_target, n_samples, sources, relative=1.0, model="softmax", left=None
    ):
        """Everything that is known of the sources.

        Parameters
        ----------
        result : SoftmaxWeights or LinearWeights
            Of the sources that took part.
        n_target : float
        n_samples : ndarray of shape (n_kept,)
            Rows that took part, counted by their weights.
        sources : Sources or None
            All of them.
        relative : float or ndarray of shape (n_kept,), default=1.0
            Information of a source row, in target rows.
        model : str, default="softmax"
            What the errors are those of.
        left : RowsInRange or None, default=None
            Which sources took part; None is all.
        """
        weights = result.weights
        self.n_target_ = n_target
        self.source_n_samples_ = n_samples
        self.source_names_ = [] if sources is None else list(sources.names)
        self.n_sources_ = len(n_samples)
        self.source_weights_ = weights.source_weights
        self.mixture_weights_ = weights.mixture_weights
        self.effective_source_size_ = weights.effective_source_size
        self.optimality_gap_ = weights.gap
        self.discrepancy_ = result.discrepancy
        self.n_parameters_ = result.n_parameters
        self.history_ = result.history
        self.target_only_error_ = 0.5 * self.n_parameters_ / self.n_target_
        self.expected_error_ = self.target_only_error_
        # A discrepancy that the user gives is known.
        self.discrepancy_std_error_ = np.zeros(self.n_sources_)
        information = n_samples * relative
        if self.n_sources_ and isinstance(self.discrepancy, str):
            self.discrepancy_std_error_ = std_error_of_checked(
                self.discrepancy_,
                self.n_target_,
                information,
                self.n_parameters_,
                self.discrepancy,
            )
        if self.n_sources_:
            rows = self.source_weights_ * self.source_n_samples_
            self.expected_error_ = float(
                error_of_rows(
                    self.n_target_, information, rows, self.discrepancy_, self.n_parameters_
                )
            )
        if left is not None and not left.kept.all():
            self._list_those_left_out(left)
        self.source_report_ = SourceReport(
            names=self.source_names_,
            n_samples=self.source_n_samples_,
            discrepancy=np.diag(self.discrepancy_),
            discrepancy_std_error=self.discrepancy_std_error_,
            source_weights=self.source_weights_,
            mixture_weights=self.mixture_weights_,
            n_target=self.n_target_,
            expected_error=self.expected_error_,
            target_only_error=self.target_only_error_,
            model=model,
        )

    def _list_those_left_out(self, left):
        """Sources that took no part have no rows, no weight and an infinite discrepancy."""
        self.n_sources_ = len(left.kept)
        for name, absent in (
            ("source_n_samples_", 0.0),
            ("source_weights_", 0.0),
            ("mixture_weights_", 0.0),
            ("discrepancy_std_error_", np.nan),
        ):
            setattr(self, name, left.among_all(getattr(self, name), absent))
        self.history_ = left.among_all(self.history_.T, 0.0).T
        discrepancy = np.diag(np.where(left.kept, 0.0, np.inf))
        discrepancy[np.ix_(left.kept, left.kept)] = self.discrepancy_
        self.discrepancy_ = discrepancy

    def _leave_out_sources(self, kept):
        """Of a discrepancy that was given, what concerns the sources that are left."""
        if len(kept) and not isinstance(self.discrepancy, str):
            self.discrepancy = check_discrepancy(self.discrepancy, len(kept))[np.ix_(kept, kept)]

    def _print_update(self, update, weights):
        if self.verbose:
            listed = np.array2string(weights.source_weights, precision=3, threshold=8)
            print(
                f"[UOWQ] update {update} of {self.n_updates}: sources worth "
                f"{weights.effective_source_size:.4g} target rows, weights {listed}",
                flush=True,
            )
