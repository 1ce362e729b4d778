"""The table that tells a user how the joint training went."""

from dataclasses import dataclass

import numpy as np

from skuowq._utils._report import ShownAsTable, Table, cell, named

_COLUMNS = ("source", "rows", "loss", "chance", "transport", "part")
_MEANINGS = (
    "loss: log loss of the source's own head on its rows; chance: log loss of its class shares; "
    "transport: cost of carrying what its head says of target rows to the target's predictions, or "
    "labels; part: of the whole loss, loss and transport of this source with their factors. All "
    "are means over all rows after the training"
)
# Of the loss of chance: a head with more has learnt nothing.
_LEARNT = 0.95


@dataclass(frozen=True, eq=False, repr=False)
class JointReport(ShownAsTable):
    """How the joint training went; prints as a table.

    Attributes
    ----------
    names : list of str
    n_samples : ndarray of shape (n_sources,)
        Rows that took part (sum of weights).
    losses, chance : ndarray of shape (n_sources,)
        Log loss of each source's head on its rows, and that of the shares of its classes. NaN for
        sources that were left out.
    transport : ndarray of shape (n_sources,)
        Mean cost of carrying what the source's head says of the target's rows. NaN where nothing is
        carried.
    n_target, target_loss : float
        Rows of the target, and the mean loss of its head on them.
    source_loss_weight, transport_weight : float
        Factors of the two terms.
    history : list of dict
        "train_loss" and "valid_loss" of each epoch, where the net records them.
    """

    names: list
    n_samples: np.ndarray
    losses: np.ndarray
    chance: np.ndarray
    transport: np.ndarray
    n_target: float
    target_loss: float
    source_loss_weight: float
    transport_weight: float
    history: list

    _columns = _COLUMNS

    @property
    def parts(self):
        """Of the whole loss, each source's, as an array of shape (n_sources,)."""
        own, carried = self._terms()
        return (own + carried) / (self.target_loss + np.sum(own + carried) or 1.0)

    def _terms(self):
        """What each source adds to the loss: by its own classification, and by the transport."""
        share = self.n_samples / (np.sum(self.n_samples) or 1.0)
        own = self.source_loss_weight * share * np.nan_to_num(self.losses)
        return own, self.transport_weight * share * np.nan_to_num(self.transport)

    def _numbers(self):
        return self.n_samples, self.losses, self.chance, self.transport, self.parts

    @property
    def notes(self):
        """What was decided and why, as a list of sentences."""
        return [*self._notes_on_training(), *self._notes_on_sources()]

    def _notes_on_training(self):
        found = [epoch["train_loss"] for epoch in self.history if "train_loss" in epoch]
        if len(found) > 1:
            yield (
                f"In {len(found)} epochs the training loss went from {found[0]:.3g} to "
                f"{found[-1]:.3g}."
            )
        found = [epoch["valid_loss"] for epoch in self.history if "valid_loss" in epoch]
        if len(found) > 1:
            best = int(np.argmin(found))
            yield (
                "On the target rows that the net's split holds out the loss was least after "
                f"{best + 1} of {len(found)} epochs: {found[best]:.3g}, and {found[-1]:.3g} in the "
                "end."
            )

    def _notes_on_sources(self):
        used = self.n_samples > 0
        if not np.all(used):
            yield f"Left out, as a warning of the fit says: {named(self.names, ~used)}."
        if not np.any(used):
            return
        if self.source_loss_weight == 0 and self.transport_weight == 0:
            yield "The sources were not used: source_loss_weight and transport_weight are 0."
            return
        blind = used & (self.losses > _LEARNT * self.chance)
        if self.source_loss_weight > 0 and np.any(blind):
            yield f"The network predicts hardly better than chance: {named(self.names, blind)}."
        yield (
            "Not compared with the target alone: skuowq.metrics.negative_transfer_gap does so on "
            "held-out rows."
        )

    def _headline(self):
        first = f"{self.n_target:g} target rows"
        if not self.names:
            return [f"{first}, no sources"]
        own, carried = (np.sum(term) for term in self._terms())
        total = self.target_loss + own + carried or 1.0
        return [
            f"{first}; {self.n_samples.sum():,.6g} rows of sources, trained jointly.",
            f"Of the loss after the training, {self.target_loss / total:.0%} is the target's, "
            f"{own / total:.0%} the sources' own and {carried / total:.0%} transport.",
        ]

    def _table(self):
        specs = (",.6g", ".3g", ".3g", ".3g", ".1%")
        rows = [
            (name, *map(cell, numbers, specs))
            for name, *numbers in zip(self.names, *self._numbers(), strict=True)
        ]
        return Table(self._headline(), _COLUMNS, rows, self.parts, self.notes, _MEANINGS)


def joint_report(options, net, task):
    """The report of a fit.

    Parameters
    ----------
    options : JointOptions
    net : NeuralNetClassifier
        Trained.
    task : Task

    Returns
    -------
    report : JointReport
    """
    from skuowq.networks import joint_terms

    domains, among_all = task.domains, task.left.among_all
    terms = joint_terms(net, task.target, domains)
    nothing = np.full(len(domains), np.nan)
    return JointReport(
        names=list(task.names),
        n_samples=among_all(np.array([domain.n_samples for domain in domains]), 0.0),
        losses=among_all(terms.source_losses, np.nan),
        chance=among_all(np.array([_chance(domain) for domain in domains]), np.nan),
        transport=among_all(nothing if terms.transport is None else terms.transport, np.nan),
        n_target=task.target.n_samples,
        target_loss=terms.target_loss,
        source_loss_weight=options.source_loss_weight,
        transport_weight=options.transport_weight,
        history=[
            {key: epoch[key] for key in ("train_loss", "valid_loss") if key in epoch}
            for epoch in net.history
        ],
    )


def _chance(domain):
    """Log loss of the shares of the classes."""
    shares = np.bincount(domain.y, domain.sample_weight) / domain.n_samples
    shares = shares[shares > 0]
    return -np.sum(shares * np.log(shares))
