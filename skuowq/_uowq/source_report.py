"""The table that tells a user what was found about each source."""

from dataclasses import dataclass

import numpy as np

from skuowq._utils._report import ShownAsTable, Table, named

_COLUMNS = ("source", "rows", "discrepancy", "std error", "weight", "share", "worth")
_MEANINGS = (
    "discrepancy: squared parameter discrepancy per parameter, with the standard error that "
    "sampling noise gives it; weight: of one source row (a target row = 1); share: of all source "
    "weight; worth: target rows the source is worth, as real data have it; pale, dashed bar: no "
    "clear difference from the target yet"
)
# Of the target's rows, or of the theory's weight: a share that makes no difference.
_HARDLY = 0.05
# A source with this share of the weight decides.
_MOST = 0.8
# Of a source's columns: with this share constant in the target, much of it cannot be checked.
_MUCH_UNSEEN = 0.25
# With fewer rows of the target the calibration of the worth was not tried.
_FEW_ROWS = 10


@dataclass(frozen=True, eq=False, repr=False)
class SourceReport(ShownAsTable):
    """What was found about each source; prints as a table.

    Attributes
    ----------
    names : list of str
    n_samples, discrepancy, discrepancy_std_error, source_weights, mixture_weights, rows_worth : \
            ndarray (n_sources,)
        Rows (sum of weights), own discrepancy ``G_ii`` and its standard error, weight of one row,
        share of the mixture, and the target rows that the source is worth: this share of
        `total_worth`.
    n_target : float
        Rows of the target.
    total_worth : float
        Target rows that all sources together are worth.
    expected_error, target_only_error : float
        Asymptotic errors with the sources and without.
    model : str
        What they are the errors of.
    likely_worth : tuple of float or None
        The least and the most that `total_worth` was on real data in four cases of five. None for
        rules that are not calibrated.
    kept : float or None
        Share of the theory's source weight that held-out rows of the target kept. None where no
        rows were held out.
    """

    names: list
    n_samples: np.ndarray
    discrepancy: np.ndarray
    discrepancy_std_error: np.ndarray
    source_weights: np.ndarray
    mixture_weights: np.ndarray
    n_target: float
    total_worth: float
    expected_error: float
    target_only_error: float
    model: str = "softmax"
    likely_worth: tuple | None = None
    kept: float | None = None
    unseen: np.ndarray | None = None

    @property
    def rows_worth(self):
        return self.mixture_weights * self.total_worth

    _columns = _COLUMNS

    def _numbers(self):
        return (
            self.n_samples,
            self.discrepancy,
            self.discrepancy_std_error,
            self.source_weights,
            self.mixture_weights,
            self.rows_worth,
        )

    @property
    def notes(self):
        """What was decided and why, as a list of sentences."""
        return [*self._notes_on_the_sum(), *self._notes_on_sources()] if self.names else []

    def _notes_on_the_sum(self):
        if self.n_target < _FEW_ROWS:
            yield f"With fewer than {_FEW_ROWS} target rows, what the sources are worth is a guess."
        if self.total_worth < _HARDLY * self.n_target:
            yield "The sources hardly count: this is nearly a fit to the target alone."
        elif self.likely_worth is not None:
            least, most = (f"{float(f'{rows:.2g}'):,.0f}" for rows in self.likely_worth)
            yield (
                f"The worth of all sources is rough: on real tables it was between {least} and "
                f"{most} rows in four of five such cases."
            )
        if self.kept is None:
            return
        if abs(self.kept - 1) <= _HARDLY:
            yield "Held-out target rows support the weights that the theory gives."
        elif self.kept < 1:
            yield f"Held-out target rows kept {self.kept:.0%} of the weight that the theory gives."
        else:
            yield (
                f"Held-out target rows gave the sources {self.kept:.2g} times the weight that the "
                "theory gives."
            )

    def _notes_on_sources(self):
        used = self.n_samples > 0
        if not np.all(used):
            yield f"Left out, as a warning of the fit says: {named(self.names, ~used)}."
        main = np.asarray(self.mixture_weights) >= _MOST
        if np.any(main) and len(self.names) > 1:
            share = self.mixture_weights[main].max()
            yield f"{share:.0%} of the source weight is on {named(self.names, main)}."
        unseen = self._unseen
        if np.any(unseen):
            share = np.max(self.unseen[unseen])
            yield (
                f"Up to {share:.0%} of the columns that vary in {named(self.names, unseen)} do not "
                "vary in the target's rows, which cannot check what these say."
            )
        if np.any(self._alike):
            yield f"No clear difference from the target: {named(self.names, self._alike)}."

    @property
    def _unseen(self):
        """Which sources count, and have many columns that the target does not show."""
        share = np.zeros(len(self.names)) if self.unseen is None else self.unseen
        return (share >= _MUCH_UNSEEN) & (np.asarray(self.rows_worth) > _HARDLY * self.n_target)

    @property
    def _alike(self):
        """Which sources are not known to differ from the target."""
        used = self.n_samples > 0
        error = np.where(used, self.discrepancy_std_error, 0.0)
        return used & (error > 0) & (self.discrepancy < error)

    def _headline(self):
        """Lines above the table."""
        if not self.names:
            return [f"{self.n_target:g} target rows, no sources"]
        promise = f"{self.expected_error / self.target_only_error:.2g}"
        worth = f"{self.total_worth:.3g}"
        return [
            f"{self.n_target:g} target rows; the sources are worth about {worth} more.",
            f"In theory the KL error of the {self.model} model is {promise} times that of the "
            "target alone.",
        ]

    def _cells(self):
        for i, name in enumerate(self.names):
            yield (
                name,
                f"{self.n_samples[i]:,.6g}",
                f"{self.discrepancy[i]:.3g}",
                f"{self.discrepancy_std_error[i]:.2g}",
                f"{self.source_weights[i]:.3g}",
                f"{self.mixture_weights[i]:.1%}",
                f"{self.rows_worth[i]:.1f}",
            )

    def _table(self):
        cells = list(self._cells())
        lengths = self.source_weights
        return Table(
            self._headline(), _COLUMNS, cells, lengths, self.notes, _MEANINGS, unsure=self._alike
        )
