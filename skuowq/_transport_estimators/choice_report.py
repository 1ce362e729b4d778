"""The table that tells a user which target rows a model was tuned on."""

from dataclasses import dataclass

import numpy as np

from skuowq._data.labels import label_names
from skuowq._utils._report import ShownAsTable, Table, cell, named
from skuowq.transport.checked import class_scores, far_classes

_COLUMNS = ("class", "rows", "chosen", "distance", "kind", "nearest")
_MEANINGS = (
    "rows: of the target, to choose from; chosen: tuned on; distance: of the class from the "
    "sources' classes; kind: how it counts for the choice; nearest: the sources' class that is "
    "nearest to it"
)
# Strategies that tell far classes from near ones.
_BY_DISTANCE = ("mixed", "far", "near")


@dataclass(frozen=True, eq=False, repr=False)
class ChoiceReport(ShownAsTable):
    """Which target rows a model was tuned on; prints as a table.

    Attributes
    ----------
    names : list of str
        Classes of the target.
    n_samples, n_chosen : ndarray of int of shape (n_classes,)
        Target rows of each class, and those of them that the model was tuned on.
    distances : ndarray of shape (n_classes,)
        Of each class from the sources'; NaN where the strategy asks for none.
    kinds : list of str
        "far" or "near"; "-" where the strategy asks for neither.
    nearest : list of str
        The sources' class that is nearest; "-" where no distances were measured.
    strategy : str
    source_names : list of str
        Of all sources that were given.
    source_sizes : ndarray of shape (n_sources,)
        Their rows (sum of weights); 0 for a source that was left out.
    new : ndarray of bool of shape (n_classes,)
        Which classes no source has.
    """

    names: list
    n_samples: np.ndarray
    n_chosen: np.ndarray
    distances: np.ndarray
    kinds: list
    nearest: list
    strategy: str
    source_names: list
    source_sizes: np.ndarray
    new: np.ndarray

    _columns = _COLUMNS

    def _numbers(self):
        return self.n_samples, self.n_chosen, self.distances, self.kinds, self.nearest

    @property
    def notes(self):
        """What was decided and why, as a list of sentences."""
        return [*self._notes_on_rows(), *(self._notes_on_sources() if self.source_names else [])]

    def _notes_on_rows(self):
        n_chosen = np.sum(self.n_chosen)
        if n_chosen == np.sum(self.n_samples):
            yield "All rows were chosen, so the strategy made no difference."
        elif not np.any(self.source_sizes > 0):
            yield "Without sources the rows are drawn as 'stratified' does."
        elif self.strategy in _BY_DISTANCE and np.ptp(self.n_chosen) <= 1:
            yield "As many rows of each class: 'stratified' draws such numbers without distances."
        forgotten = self.n_chosen == 0
        if np.any(forgotten):
            yield f"No row was chosen, and the tuning may forget: {named(self.names, forgotten)}."

    def _notes_on_sources(self):
        used = self.source_sizes > 0
        if not np.all(used):
            yield f"Left out, as a warning of the fit says: {named(self.source_names, ~used)}."
        if not np.any(used):
            return
        if np.any(self.new):
            new = named(self.names, self.new)
            yield f"Learnt from the chosen rows alone, as no source has it: {new}."
        yield (
            "Not compared with the target alone: skuowq.metrics.negative_transfer_gap does so on "
            "held-out rows."
        )

    def _headline(self):
        rows = f"{np.sum(self.n_samples)} target rows"
        if not np.any(self.source_sizes > 0):
            return [f"{rows}, no sources; fitted to {np.sum(self.n_chosen)} of them."]
        sizes = f"{np.sum(self.source_sizes):,.6g} rows of sources"
        lines = [f"Trained on {sizes}, then tuned on {np.sum(self.n_chosen)} of {rows}."]
        far = np.array(self.kinds) == "far"
        if self.strategy in _BY_DISTANCE:
            lines.append(
                f"Strategy {self.strategy!r}: {np.sum(self.n_chosen[far])} rows of classes far "
                f"from the sources', {np.sum(self.n_chosen[~far])} of near ones."
            )
        else:
            lines.append(f"Strategy {self.strategy!r}: no distances were asked for.")
        return lines

    def _table(self):
        rows = [
            (name, f"{n}", f"{chosen}", cell(distance, ".3g"), kind, nearest)
            for name, n, chosen, distance, kind, nearest in zip(
                self.names, *self._numbers(), strict=True
            )
        ]
        return Table(self._headline(), _COLUMNS, rows, self.n_chosen, self.notes, _MEANINGS)


def choice_report(options, task, labels, distances, chosen):
    """The report of a fit.

    Parameters
    ----------
    options : ChoiceOptions
    task : Task
    labels : SourceLabels
    distances : ndarray or None
    chosen : ndarray of int
        Rows of the target.

    Returns
    -------
    report : ChoiceReport
    """
    n_classes = len(labels.target)
    scores, kinds, nearest = np.full(n_classes, np.nan), ["-"] * n_classes, ["-"] * n_classes
    if distances is not None:
        scores = class_scores(distances, options.aggregate)
        far = np.isin(np.arange(n_classes), far_classes(scores, options.n_far))
        kinds = np.where(far, "far", "near").tolist()
        theirs = label_names(labels.sources)
        nearest = [theirs[k] for k in distances.argmin(axis=0)]
    return ChoiceReport(
        names=label_names(labels.target),
        n_samples=np.bincount(task.target.y, minlength=n_classes),
        n_chosen=np.bincount(task.target.y[chosen], minlength=n_classes),
        distances=scores,
        kinds=kinds,
        nearest=nearest,
        strategy=options.strategy,
        source_names=list(task.names),
        source_sizes=task.left.among_all(
            np.array([domain.n_samples for domain in task.domains]), 0.0
        ),
        new=np.isin(np.arange(n_classes), labels.unknown),
    )
