"""The table that tells a user what was found about each source."""

from dataclasses import dataclass
from html import escape

import numpy as np

from skuowq._utils._optional import import_optional

_COLUMNS = ("source", "rows", "discrepancy", "std error", "weight", "share", "worth")
_MEANINGS = (
    "discrepancy: squared parameter discrepancy per parameter, with the standard error that "
    "sampling noise gives it; weight: of one source row (a target row = 1); share: of all source "
    "weight; worth: target rows the source is worth, as real data have it"
)


@dataclass(frozen=True, eq=False)
class SourceReport:
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

    @property
    def rows_worth(self):
        return self.mixture_weights * self.total_worth

    def to_frame(self):
        """The table as a pandas DataFrame, indexed by the sources' names."""
        pd = import_optional("pandas", "to_frame")
        columns = (
            self.n_samples,
            self.discrepancy,
            self.discrepancy_std_error,
            self.source_weights,
            self.mixture_weights,
            self.rows_worth,
        )
        data = dict(zip(_COLUMNS[1:], columns, strict=True))
        return pd.DataFrame(data, index=pd.Index(self.names, name=_COLUMNS[0]))

    def _headline(self):
        if not self.names:
            return f"{self.n_target:g} target rows, no sources"
        promise = self.expected_error / self.target_only_error
        return (
            f"{self.n_target:g} target rows; the sources are worth about {self.total_worth:.3g} "
            f"more; in theory the KL error of the {self.model} model is {promise:.2g} times "
            "target-only's"
        )

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

    def __repr__(self):
        if not self.names:
            return self._headline()
        rows = [_COLUMNS, *self._cells()]
        widths = [max(len(row[j]) for row in rows) for j in range(len(_COLUMNS))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
            )
            for row in rows
        ]
        return "\n".join([self._headline(), *lines])

    def _repr_html_(self):
        head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._cells()
        )
        return (
            f"<table><caption>{self._headline()}</caption><tr>{head}</tr>{body}</table>"
            f"<small>{_MEANINGS}</small>"
        )
