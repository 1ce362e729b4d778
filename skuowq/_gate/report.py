"""The table that tells a user what the gate made of each source."""

from dataclasses import dataclass

import numpy as np

from skuowq._utils._report import ShownAsTable, Table, named

_COLUMNS = ("source", "rows", "gate weight", "effective size", "trust")
_MEANINGS = (
    "gate weight: mean over the rows; effective size: rows of equal weight that tell as much; "
    "trust: factor of the source, or, where the estimator weighs the sources, the weight of one "
    "of its rows"
)
# Of a source's rows.
_FEW = 0.5


@dataclass(frozen=True, eq=False, repr=False)
class GateReport(ShownAsTable):
    """What the gate made of each source; prints as a table.

    Attributes
    ----------
    names : list of str
    n_samples, gate_weights, effective_sizes, trust : ndarray of shape (n_sources,)
        Rows that took part (sum of weights), mean weight that the gate gives them, rows of equal
        weight that tell as much, and the source's factor.
    n_target : float
        Rows of the target.
    gated : bool
        Whether there is a gate.
    gate_share : float
        Of the trust, what goes to rows as the gate weighs them.
    held_out : bool
        Whether held-out rows of the target decided about trust and gate.
    exponents : ndarray of shape (2,) or None
        Of the network with the sources and of that of the target alone, where they are pooled.
    labelled : bool
        Whether rows of the target are labelled.
    """

    names: list
    n_samples: np.ndarray
    gate_weights: np.ndarray
    effective_sizes: np.ndarray
    trust: np.ndarray
    n_target: float
    gated: bool
    gate_share: float
    held_out: bool
    exponents: np.ndarray | None = None
    labelled: bool = True

    _columns = _COLUMNS

    def _numbers(self):
        return self.n_samples, self.gate_weights, self.effective_sizes, self.trust

    @property
    def notes(self):
        """What was decided and why, as a list of sentences."""
        return list(self._notes()) if self.names else []

    def _notes(self):
        if not self.labelled:
            gate = "the gate sees features alone" if self.gated else "there is no gate"
            yield (
                "No row of the target is labelled: nothing could be held out to choose the trust, "
                f"and {gate}."
            )
        used = self.n_samples > 0
        if not np.all(used):
            yield f"Left out, as a warning of the fit says: {named(self.names, ~used)}."
        off = used & (self.trust == 0)
        if np.any(off):
            yield f"Not used, as the trust is 0: {named(self.names, off)}."
        if self.held_out and self.gated:
            yield (
                f"Held-out target rows give the gate's weights a share of {self.gate_share:.0%}; "
                "in the rest all rows of a source count alike."
            )
        few = used & (self.effective_sizes < _FEW * self.n_samples)
        if np.any(few):
            yield f"The gate leaves less than half of: {named(self.names, few)}."
        if self.exponents is not None:
            with_sources, alone = self.exponents
            yield (
                f"Predictions pool the network with the sources (exponent {with_sources:.2f}) and "
                f"one of the target alone (exponent {alone:.2f})."
            )

    def _headline(self):
        first = f"{self.n_target:g} target rows" + ", none of them labelled" * (not self.labelled)
        if not self.names:
            return [f"{first}, no sources"]
        rows = f"{first}; {self.n_samples.sum():,.6g} rows of sources"
        if not self.gated:
            return [f"{rows}, not gated."]
        return [f"{rows}, gated to an effective size of {self.effective_sizes.sum():,.4g}."]

    def _table(self):
        rows = [
            (name, f"{n:,.6g}", f"{weight:.3g}", f"{size:.4g}", f"{trust:.3g}")
            for name, n, weight, size, trust in zip(self.names, *self._numbers(), strict=True)
        ]
        return Table(self._headline(), _COLUMNS, rows, self.gate_weights, self.notes, _MEANINGS)


def report_of(task, gate, trust, weights, found):
    """The report of a fit.

    Parameters
    ----------
    task : GateTask
    gate : CrossFittedGate
    trust : Trust
    weights : list of ndarray
        Of the rows that took part.
    found : dict
        Fitted attributes.

    Returns
    -------
    report : GateReport
    """
    counts = [domain.sample_weight for domain in task.domains]
    means = [np.average(w, weights=n) for w, n in zip(weights, counts, strict=True)]
    return GateReport(
        names=list(task.names),
        n_samples=task.left.among_all(np.array([n.sum() for n in counts]), 0.0),
        gate_weights=task.left.among_all(np.array(means), 0.0),
        effective_sizes=found["effective_sample_size_"],
        trust=found["trust_"],
        n_target=float(task.target.n_samples),
        gated=gate.used,
        gate_share=trust.gate_share,
        held_out=bool(trust.losses),
        exponents=trust.exponents,
        labelled=task.labelled,
    )
