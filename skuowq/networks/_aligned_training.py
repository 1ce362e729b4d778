"""Training on a target and sources whose rows are weighed one by one, and whose features meet.

The objective is ``mean_target l + sum_k trust_k (N_k / N_S) mean_k [w l]``, two means rather than
one sum over all rows, and an alignment beside it. One loop for all objectives.

The user's net is trained as it is. What an objective needs beside the network (a discriminator, the
heads of the sources) is a second module of the same net, so that its optimizer trains both.
"""

import contextlib
from dataclasses import dataclass

import numpy as np
import torch
from skorch import NeuralNetClassifier

from skuowq._data.dataset_rows import DatasetRows

from ._divergence import domains_in_words
from ._domain_batches import WeightedRows, cycle
from ._inputs import as_inputs
from ._joint_loss import JointObjective
from ._reading import reader_of, sample_of, stack_inputs
from ._shapes import CALL_ERRORS, check_lone_row, check_outputs
from ._split import split_classifier
from ._training import OwnRowsMixin, merge_duplicates, row_losses, train
from ._weighted_training import row_size

# Of an epoch: twenty target rows alone would be done with a single step.
_FEWEST_BATCHES = 10


def train_aligned(
    net,
    target,
    sources,
    row_weights,
    trust,
    X_unlabeled=None,
    *,
    objective,
    seed,
    labelled=True,
    verbose=0,
    checkpoint=None,
    final=True,
):
    """Train a copy of a net on batches of target and sources.

    Parameters
    ----------
    net : NeuralNetClassifier
        Its module is a classifier that ends in a linear layer. Not changed.
    target : Domain
        Labels are class indices.
    sources : list of Domain
        With none that is trusted, and unlabelled rows, the target's labelled rows are aligned with
        these.
    row_weights : list of ndarray
        A weight for each row of each source.
    trust : array-like of shape (n_sources,)
        A factor for each source; 0 leaves it out.
    X_unlabeled : ndarray or DatasetRows, default=None
        Target rows without labels.
    objective : GatedObjective or JointObjective
        What is minimised.
    seed
        As in `train_weighted`.
    labelled : bool, default=True
        Whether the target's labels are known. Else they are not read: its rows are the unlabelled
        ones, and the classes those of the sources.
    verbose, checkpoint, final
        As in `train_weighted`.

    Returns
    -------
    net : NeuralNetClassifier
        Fitted; ``objective_`` holds what was trained beside the module.

    Raises
    ------
    FailedFit
        If the training diverged.
    ValueError
        For nets that the training cannot honour, and without labels where there is nothing to learn
        from.
    """
    _check_net(net)
    if not labelled:
        _check_learns_from_sources(objective, trust)

    def make_rows(initialised):
        ours = merge_duplicates(target, seed) if labelled else target
        rows = _aligned_rows(initialised, ours, sources, row_weights, trust, X_unlabeled)
        rows.labelled = labelled
        return rows

    return train(
        net,
        make_rows,
        _AlignedMixin,
        on=domains_in_words(
            target, [source for source, w in zip(sources, trust, strict=True) if w > 0]
        ),
        seed=seed,
        verbose=verbose,
        checkpoint=checkpoint,
        final=final,
        check=_AlignedMixin.check_objective,
        sizes=(row_size(target.X), objective.n_classes),
        beside=Beside(objective, target.X[:2]),
        reads=isinstance(target.X, DatasetRows),
    )


@dataclass(frozen=True)
class Beside:
    """What is trained beside a network.

    Attributes
    ----------
    objective : GatedObjective or JointObjective
    sample : ndarray or DatasetRows
        Some inputs, by which features are counted.
    """

    objective: object
    sample: object


def _check_net(net):
    if not isinstance(net, NeuralNetClassifier):
        raise ValueError(
            f"estimator is a {type(net).__name__}, and features of a classifier with an output for "
            "each class are trained: pass a skorch NeuralNetClassifier"
        )
    if getattr(net, "accelerator", None) is not None:
        raise ValueError(
            f"estimator is a {type(net).__name__} with an accelerator, and the features of target "
            "and sources are compared within one process: pass a net without it"
        )
    if net.compile:
        raise ValueError(
            "estimator has compile=True, and the features before its last layer are read during "
            "the training, which a compiled module does not show: leave it out"
        )


def _check_learns_from_sources(objective, trust):
    if isinstance(objective, JointObjective):
        raise ValueError(
            "labelled is False, and a JointObjective has a head for the target's own labels: pass "
            "a GatedObjective"
        )
    if not any(factor > 0 for factor in trust):
        raise ValueError(
            "no row of the target is labelled, and no source takes part: pass labels, or a trust "
            "above 0 for a source that is not left out"
        )


def online_odds(net, X, y, source):
    """Odds that a fitted net's discriminator gives to rows of source number `source`.

    Parameters
    ----------
    net : NeuralNetClassifier
        Trained with the objective of an online gate.
    X : ndarray of shape (n_rows, ...) or DatasetRows
    y : ndarray of int of shape (n_rows,)
        Class indices.
    source : int

    Returns
    -------
    odds : ndarray of shape (n_rows,)
    """
    device = device_of(net.module_)
    net.module_.eval()
    net.objective_.eval()
    rows = as_inputs(net, X).to(device)
    labels = torch.as_tensor(y, device=device)
    classifier = split_classifier(net.module_, sample_of(rows).to(device))
    found, done = [], 0
    for part in rows.split(1024):
        of_part = labels[done : done + len(part)]
        done += len(part)
        found.append(net.objective_.odds(classifier, part, of_part, source))
    return torch.cat(found).cpu().double().numpy()


@dataclass(frozen=True)
class BatchParts:
    """What the rows of a batch are; rides on its labels.

    Attributes
    ----------
    n_target, n_unlabeled : int
        Rows of the target, labelled and not; the sources' follow.
    weight, plays : Tensor
        Of labelled rows, the target's and the sources': in the classification, and in the game with
        the discriminator, where each domain's are 1 on average.
    source : Tensor of int
        Which source each source row is of.
    shares : Tensor of shape (n_sources,)
        Shares of the sources among all source rows.
    size_ratio : float
        Target rows over source rows.
    strength : float
        Of the alignment, from 0 to 1 in the course of the training.
    labelled : bool, default=True
        Whether the target's labels are known.
    """

    n_target: int
    n_unlabeled: int
    weight: torch.Tensor
    plays: torch.Tensor
    source: torch.Tensor
    shares: torch.Tensor
    size_ratio: float
    strength: float
    labelled: bool = True


class AlignedRows(WeightedRows):
    """Rows of target and sources, and unlabelled ones beside them.

    Attributes
    ----------
    counts : Tensor of shape (n_rows,)
        The rows' own weights, as `weight` holds gate, trust and sizes as well.
    copied : bool
        Whether the source rows are the target's once more.
    labelled : bool
        Whether the target's labels are known.
    unlabeled : Tensor, ReadInputs or None
    progress, epoch_share : float
        Share of the training that is done, and that an epoch is.
    """

    counts = unlabeled = None
    copied = False
    labelled = True
    progress = epoch_share = 0.0

    def of(self, chosen):
        if self.copied:
            kept = chosen[chosen < self.n_target]
            chosen = torch.cat([kept, kept + self.n_target])
        some = super().of(chosen)
        some.counts, some.copied = self.counts[chosen], self.copied
        some.unlabeled, some.labelled = self.unlabeled, self.labelled
        return some


class AlignedBatches:
    """An epoch: batches of target rows, unlabelled rows and source rows, in equal numbers.

    As many as it takes to see the rows of the larger side once, target or all sources that there
    are, used or not: what is trained without a source is trained as long as with it.
    """

    def __init__(self, rows, batch_size):
        self.rows = rows
        self.batch_size = batch_size
        self.n_source = len(rows) - rows.n_target
        self.read = reader_of(rows.X)
        self.read_unlabeled = None if rows.unlabeled is None else reader_of(rows.unlabeled)

    def fewest_together(self, apart):
        """Rows that pass the features at once; `apart`: the source's may pass them alone."""
        unlabeled = self.rows.unlabeled
        n_free = 0 if unlabeled is None else len(unlabeled)
        sizes = [min(n, self.batch_size) for n in (self.rows.n_target, n_free, self.n_source)]
        return sum(sizes[:2]) if apart else sum(sizes)

    def __len__(self):
        most = max(self.rows.n_target, self.rows.epoch_rows)
        return max(-(-most // self.batch_size), _FEWEST_BATCHES)

    def __iter__(self):
        rows, n = self.rows, self.rows.n_target
        unlabeled = rows.unlabeled
        n_free = 0 if unlabeled is None else len(unlabeled)
        n_unlabeled = min(self.batch_size, n_free)
        n_theirs = min(self.batch_size, self.n_source)
        ours = cycle(torch.arange(n), min(self.batch_size, n), len(self))
        theirs = cycle(torch.arange(n, n + self.n_source), n_theirs, len(self))
        free = cycle(torch.arange(n_free), n_unlabeled, len(self))
        counts = rows.counts
        shares = torch.bincount(rows.domain, counts, minlength=len(rows.source_weights))[1:]
        n_rows = float(shares.sum())
        shares = shares / max(n_rows, 1e-30)
        total = float(counts[:n].sum())
        plays = torch.cat([counts[:n] * (n / total), counts[n:] * (self.n_source / (n_rows or 1))])
        labelled = self.read(torch.cat([ours, theirs], dim=1))
        unlabelled = self.read_unlabeled(free) if n_unlabeled else [None] * len(self)
        batches = zip(ours, theirs, labelled, unlabelled, strict=True)
        for number, (a, c, X, X_free) in enumerate(batches):
            done = rows.progress + rows.epoch_share * number / len(self)
            if n_unlabeled:
                X = torch.cat([X[: len(a)], X_free, X[len(a) :]])
            y = torch.cat([rows.y[a], rows.y.new_zeros(n_unlabeled), rows.y[c]])
            # On the labels themselves, so that callbacks which read a batch find X and y as ever.
            y.parts = BatchParts(
                n_target=len(a),
                n_unlabeled=n_unlabeled,
                weight=rows.weight[torch.cat([a, c])],
                plays=plays[torch.cat([a, c])],
                source=rows.domain[c] - 1,
                shares=shares,
                size_ratio=total / (n_rows or 1),
                strength=float(2 / (1 + np.exp(-10 * done)) - 1),
                labelled=rows.labelled,
            )
            yield X, y


def _aligned_rows(net, target, sources, row_weights, trust, X_unlabeled):
    # Factors and means are over all sources: one that is shut off makes no other heavier.
    total = sum(source.n_samples for source in sources)
    used = [k for k, factor in enumerate(trust) if factor > 0]
    parts = [(target, target.sample_weight / target.n_samples, 0)]
    for k in used:
        weight = trust[k] * row_weights[k] * sources[k].sample_weight / total
        parts.append((sources[k], weight, k + 1))
    copied = not used and X_unlabeled is not None
    if copied:
        # Without sources the labelled rows meet the unlabelled ones, and train once.
        parts.append((target, np.zeros(len(target.y)), 1))
    domains, weights, numbers = zip(*parts, strict=True)
    sizes = [len(domain.y) for domain in domains]
    n, n_source = sizes[0], sum(sizes[1:])
    # A batch's mean of weighted losses is the objective on average.
    weight = np.concatenate([n * weights[0], *(n_source * part for part in weights[1:])])
    rows = AlignedRows(
        stack_inputs([as_inputs(net, domain.X, domain.label) for domain in domains]),
        torch.tensor(np.concatenate([domain.y for domain in domains])).long(),
        torch.tensor(weight, dtype=torch.float32),
        torch.repeat_interleave(torch.tensor(numbers), torch.tensor(sizes)),
        np.ones(max(len(sources), 1)),
        epoch_rows=sum(len(source.y) for source in sources),
    )
    counts = np.concatenate([domain.sample_weight for domain in domains])
    rows.counts = torch.tensor(counts, dtype=torch.float32)
    rows.copied = copied
    if X_unlabeled is not None:
        rows.unlabeled = as_inputs(net, X_unlabeled, "X_unlabeled")
    return rows


class _AlignedMixin(OwnRowsMixin):
    replaced = (*OwnRowsMixin.replaced, "infer", "train_step_single")

    def initialize_module(self):
        super().initialize_module()
        # Callbacks may fit the module's shape to the data as training begins, which comes here
        # again; what is not right by then is an error.
        with contextlib.suppress(*CALL_ERRORS):
            self.objective_ = self.build_objective()

    def build_objective(self):
        """What is trained beside the module."""
        objective, sample = self.beside_.objective, self.beside_.sample
        device = device_of(self.module_)
        inputs = sample_of(as_inputs(self, sample, "the target")).to(device)
        return objective.build(split_classifier(self.module_, inputs), inputs)

    def check_objective(self):
        """Refuse a module that is no classifier on features, and keep it in parts."""
        n_classes = self.beside_.objective.n_classes
        check_outputs(self, self.rows, n_classes)
        sample = sample_of(self.rows.X).to(device_of(self.module_))
        self.classifier = split_classifier(self.module_, sample)
        if not hasattr(self, "objective_"):
            self.build_objective()  # Says what is wrong.
            raise ValueError(
                f"estimator: {type(self.module_).__name__} did not fit the data before a callback "
                "changed it: change it by net.set_params(module__...) in on_train_begin"
            )

    def get_iterator(self, dataset, training=False):
        if not training:
            return super().get_iterator(dataset, training=training)
        size = self.get_params_for("iterator_train").get("batch_size", self.batch_size)
        batches = AlignedBatches(dataset, len(dataset) if size == -1 else size)
        if batches.fewest_together(self.objective_.encodes_apart) == 1:
            check_lone_row(self, self.module_, dataset.X)
        return batches

    def notify(self, method_name, **kwargs):
        if method_name == "on_epoch_begin":
            rows = self.trains
            done = len(self.history) / self.max_epochs
            rows.progress, rows.epoch_share = done, 1 / self.max_epochs
            ours = torch.arange(rows.n_target)
            free = rows.X[ours] if rows.unlabeled is None else rows.unlabeled
            device = device_of(self.module_)
            try:
                self.objective_.begin_epoch(self.classifier, free.to(device), done)
            except KeyboardInterrupt:
                self.interrupted = True
                raise
        if method_name == "on_batch_end" and kwargs.get("training"):
            # Scores of the training are those of the target's labelled rows, or of the sources'.
            X, y = kwargs["batch"]
            n = y.parts.n_target
            scored = slice(n) if y.parts.labelled else slice(n, None)
            kwargs |= {"batch": (X[scored], y[scored]), "y_pred": kwargs["y_pred"][scored]}
        super().notify(method_name, **kwargs)

    def train_step_single(self, batch, **fit_params):
        self._set_training(True)
        X, y = batch
        device = device_of(self.module_)

        def losses_of_rows(outputs, labels):
            return row_losses(self, self.get_loss, len(labels), outputs, labels, training=True)

        loss, outputs = self.objective_.loss(
            self.classifier, X.to(device), y.to(device), _on(y.parts, device), losses_of_rows
        )
        loss.backward()
        return {"loss": loss, "y_pred": outputs}


def device_of(module):
    """Where a module's parameters lie."""
    return next((value.device for value in module.parameters()), torch.device("cpu"))


def _on(parts, device):
    if device.type == "cpu":
        return parts
    moved = {
        name: value.to(device) if isinstance(value, torch.Tensor) else value
        for name, value in vars(parts).items()
    }
    return BatchParts(**moved)
