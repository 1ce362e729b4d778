"""The public attributes of a fit, in one mapping."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from skuowq._data.target_range import put_among_all

from .promise import calibrated_rows, likely_rows
from .source_report import SourceReport


@dataclass(frozen=True, eq=False)
class DiscrepancyOfAll:
    """The discrepancy of all sources, a matrix only when it is asked for.

    Infinite for a source that took no part, of which nothing in common is known.

    Attributes
    ----------
    among_kept : {ndarray, FactorForm} of shape (n_kept, n_kept)
    kept : ndarray of bool of shape (n_sources,)
    """

    among_kept: object
    kept: np.ndarray

    def diagonal(self):
        """Every source's own discrepancy."""
        own = np.full(len(self.kept), np.inf)
        own[self.kept] = self.among_kept.diagonal()
        return own

    def matrix(self):
        """All of it."""
        if self.kept.all():
            return np.asarray(self.among_kept)
        full = np.diag(np.where(self.kept, 0.0, np.inf))
        full[np.ix_(self.kept, self.kept)] = self.among_kept
        return full


def attributes_of(weighing, left, names, model, rule):
    """Everything that is known of the sources.

    Parameters
    ----------
    weighing : Weighing
        Of the sources that took part.
    left : RowsInRange
        Which sources took part, and with which rows.
    names : list of str
        Of all sources.
    model : str
        What the errors are those of.
    rule : Rule

    Returns
    -------
    attributes : dict
        By name. Sources that took no part have no rows, no weight, an infinite discrepancy and no
        standard error.
    """
    kept = left.kept
    among_all = partial(put_among_all, kept)
    sizes, weights = weighing.sizes, weighing.weights
    found = {
        "n_target_": sizes.n_target,
        "source_n_samples_": among_all(sizes.n_rows, 0.0),
        "source_names_": names,
        "n_sources_": len(kept),
        "source_weights_": among_all(weights.source_weights, 0.0),
        "mixture_weights_": among_all(weights.mixture_weights, 0.0),
        "effective_source_size_": weights.effective_source_size,
        "calibrated_source_size_": _worth(weighing, rule),
        "optimality_gap_": weights.gap,
        "_discrepancy": DiscrepancyOfAll(weighing.discrepancy, kept),
        "discrepancy_std_error_": among_all(weighing.std_error, np.nan),
        "n_parameters_": weighing.n_parameters,
        "history_": among_all(weighing.history.T, 0.0).T,
    } | _errors(weighing)
    likely = None
    if rule.cross_validates:
        likely = likely_rows(sizes.n_target, found["calibrated_source_size_"])
    report = _report(found, model, likely, weighing.kept, left.unseen)
    return found | {"source_report_": report} | weighing.model.attributes(among_all)


def _worth(weighing, rule):
    """Target rows that the sources are worth; rules to reproduce the theory keep its own number."""
    rows = weighing.weights.effective_source_size
    return calibrated_rows(weighing.sizes.n_target, rows) if rule.cross_validates else rows


def _errors(weighing):
    """Promised errors, with the sources and without."""
    alone = error = 0.5 * weighing.n_parameters / weighing.sizes.n_target
    if len(weighing.sizes.n_rows):
        error = weighing.error(weighing.weights.source_weights)
    return {"target_only_error_": alone, "expected_error_": error}


def _report(found, model, likely_worth, kept, unseen):
    return SourceReport(
        names=found["source_names_"],
        n_samples=found["source_n_samples_"],
        discrepancy=found["_discrepancy"].diagonal(),
        discrepancy_std_error=found["discrepancy_std_error_"],
        source_weights=found["source_weights_"],
        mixture_weights=found["mixture_weights_"],
        n_target=found["n_target_"],
        total_worth=found["calibrated_source_size_"],
        expected_error=found["expected_error_"],
        target_only_error=found["target_only_error_"],
        model=model,
        likely_worth=likely_worth,
        kept=kept,
        unseen=unseen,
    )
