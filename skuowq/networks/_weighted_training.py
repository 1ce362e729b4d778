"""Training a skorch net on a target and weighted sources, by skorch's own loop.

The net stays the user's: for the time of the training some methods of its class are replaced (which
rows are trained on and which validate, the batches, the loss of a batch), and it gets its own class
back at the end. Callbacks, schedulers, early stopping and the history are skorch's.
"""

import contextlib
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from sklearn.base import clone
from skorch.classifier import NeuralNetBinaryClassifier
from skorch.dataset import Dataset, ValidSplit

from ._domain_batches import DomainBatches, WeightedRows

# Numbers in the features of a target whose rows are put in order.
_MAX_SORTED = 1_000_000


def train_weighted(
    net, target, sources, source_weights, *, seed, verbose=0, start=None, update=None
):
    """Train a copy of a net on all rows, with a weight for each source.

    Parameters
    ----------
    net : NeuralNetClassifier
        Not changed.
    target : Domain
        Labels are class indices.
    sources : list of Domain
    source_weights : array-like of shape (n_sources,)
        A target row has weight 1.
    seed : int
        Of initialisation, batches and dropout; the global generators are left as they were.
    verbose : int, default=0
        The net's own verbosity during training.
    start : dict, default=None
        State of the module to start from; None initialises it.
    update : callable, default=None
        Called after every epoch with the net and the number of epochs done; returns new source
        weights, or None to keep them.

    Returns
    -------
    net : NeuralNetClassifier
        Fitted; of the class of `net`.
    """
    original = clone(net)
    device = _device(original)
    with _own_randomness(seed, device):
        trained = clone(net).set_params(device=device, verbose=verbose)
        own_class = type(trained)
        trained.__class__ = type(own_class.__name__, (_WeightedRowsMixin, own_class), {})
        try:
            trained.initialize()
            rows = stacked_rows(trained, target, sources, source_weights)
            trained.weighted_rows, trained.start_state, trained.update_weights = rows, start, update
            trained.partial_fit(rows.X, rows.y)
        finally:
            trained.__class__ = own_class
            for name in ("weighted_rows", "start_state", "update_weights"):
                trained.__dict__.pop(name, None)
    trained.verbose = original.verbose
    return trained


def stacked_rows(net, target, sources, source_weights):
    """All rows as tensors of the dtypes that the net takes."""
    domains = [merge_duplicates(target), *sources]
    X = as_inputs(net, np.concatenate([domain.X for domain in domains]))
    y = torch.tensor(np.concatenate([domain.y for domain in domains]))
    # Two classes by one logit take labels as numbers.
    y = y.float() if isinstance(net, NeuralNetBinaryClassifier) else y.long()
    own_weight = np.concatenate([domain.sample_weight for domain in domains])
    sizes = [len(domain.y) for domain in domains]
    domain = torch.repeat_interleave(torch.tensor(sizes))
    own_weight = torch.tensor(own_weight, dtype=torch.float32)
    return WeightedRows(X, y, own_weight, domain, source_weights)


def merge_duplicates(domain):
    """Rows in lexicographic order, equal ones as one with the sum of their weights.

    So a row of weight 2 trains like the row twice, and the order of the target's rows is nothing.
    Targets too large to sort in a moment are left as they are: there neither matters.
    """
    flat = domain.X.reshape(len(domain.y), -1)
    if flat.size > _MAX_SORTED:
        return domain
    _, first, place = np.unique(
        np.column_stack([domain.y, flat]), axis=0, return_index=True, return_inverse=True
    )
    weight = np.bincount(place.ravel(), domain.sample_weight)
    return replace(domain, X=domain.X[first], y=domain.y[first], sample_weight=weight)


def as_inputs(net, X):
    """A tensor of the dtype of the net's parameters; integers for a net that looks them up."""
    looks_up = any(isinstance(layer, torch.nn.Embedding) for layer in net.module_.modules())
    if looks_up and np.issubdtype(X.dtype, np.integer):
        return torch.tensor(X, dtype=torch.long)
    floating = [p.dtype for p in net.module_.parameters() if p.dtype.is_floating_point]
    return torch.tensor(X, dtype=floating[0] if floating else torch.float32)


class _WeightedRowsMixin:
    """Methods of a net that trains on `weighted_rows`, from `start_state`."""

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        super().on_epoch_end(net, dataset_train, dataset_valid, **kwargs)
        if self.update_weights is None:
            return
        weights = self.update_weights(self, len(self.history))
        if weights is not None:
            dataset_train.set_source_weights(weights)

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        # Here, and not before: callbacks may fit the module's shape to the data as training begins.
        if self.start_state is not None:
            self.module_.load_state_dict(self.start_state)
        _check_outputs(self, self.weighted_rows)
        return super().fit_loop(X, y, epochs=epochs, **fit_params)

    def get_split_datasets(self, X, y=None, **fit_params):
        rows = self.weighted_rows
        n = rows.n_target
        split = _feasible_split(self.train_split, rows.y[:n])
        if not split:
            return rows, None
        labels = rows.y[:n].numpy()
        train, valid = split(Dataset(rows.X[:n], rows.y[:n]), labels, **fit_params)
        # A split that is not of the target's rows leaves all of them in the training.
        kept = torch.as_tensor(np.asarray(getattr(train, "indices", range(n))))
        chosen = torch.cat([kept, torch.arange(n, len(rows))])
        return rows.of(chosen), valid

    def get_iterator(self, dataset, training=False):
        if not training:
            return super().get_iterator(dataset, training=training)
        size = self.get_params_for("iterator_train").get("batch_size", self.batch_size)
        return DomainBatches(dataset, len(dataset) if size == -1 else size)

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        weight = getattr(y_true, "row_weight", None)
        if weight is None:
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        reduction = self.criterion_.reduction
        self.criterion_.reduction = "none"
        try:
            losses = super().get_loss(y_pred, y_true, *args, **kwargs)
        finally:
            self.criterion_.reduction = reduction
        return losses @ weight.to(losses)


def _feasible_split(split, labels):
    """The net's own split, in as many parts as every class of the target has rows."""
    if not isinstance(split, ValidSplit) or not isinstance(split.cv, int) or not split.stratified:
        return split
    fewest = min(Counter(labels.tolist()).values())
    if fewest >= split.cv:
        return split
    return ValidSplit(fewest, stratified=True) if fewest > 1 else None


def _check_outputs(net, rows):
    """A network with fewer outputs than classes would fail deep inside, or learn nonsense."""
    if not hasattr(net.criterion_, "reduction"):
        raise ValueError(
            f"the criterion {type(net.criterion_).__name__} has no `reduction`, so rows cannot be "
            "weighed: use one of torch's, such as torch.nn.CrossEntropyLoss"
        )
    net.module_.eval()
    with torch.no_grad():
        output = net.infer(rows.X[:2])
    output = output[0] if isinstance(output, tuple) else output
    n_classes = int(rows.y.max()) + 1
    binary = isinstance(net, NeuralNetBinaryClassifier)
    n_outputs = 2 if binary else output.shape[-1]
    if n_outputs < n_classes:
        raise ValueError(
            f"{type(net.module_).__name__} has {n_outputs} outputs, and there are {n_classes} "
            "classes: give it one output for each class"
        )


def _device(net):
    if net.device != "auto":
        return net.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextlib.contextmanager
def _own_randomness(seed, device):
    """Seeded generators for the time of a training, and the old ones back after it."""
    devices = [torch.cuda.current_device()] if str(device).startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
