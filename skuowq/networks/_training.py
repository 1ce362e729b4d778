"""Training a skorch net on rows of several domains, by skorch's own loop.

The net stays the user's: for the time of the training some methods of its class are replaced (which
rows are trained on and which validate, the batches, the loss of a batch), and it gets its own class
back at the end. Callbacks, schedulers, early stopping and the history are skorch's.
"""

import contextlib
import re
import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import torch
from sklearn.base import clone
from skorch.callbacks import PrintLog
from skorch.dataset import Dataset, ValidSplit

from skuowq._data.dataset_rows import DatasetRows
from skuowq._utils._progress import is_watched
from skuowq._utils._warn import warn

from ._checkpoint import Checkpoint, by_content
from ._divergence import all_finite, diverged, finite_numbers, predicts_finite
from ._honoured import check_honoured
from ._reading import ReadInputs, sample_of
from ._threads import threads_for_training

# Numbers in the features of a target whose rows are put in order.
_MAX_SORTED = 1_000_000
_COLOUR = re.compile(r"\033\[\d+m")


def train(
    net,
    make_rows,
    methods,
    *,
    on,
    seed,
    verbose=0,
    start=None,
    rule=None,
    checkpoint=None,
    final=True,
    frozen=(),
    check=None,
    sizes=None,
    beside=None,
    reads=False,
):
    """Train a copy of a net.

    Parameters
    ----------
    net : NeuralNetClassifier
        Not changed.
    make_rows : callable
        Rows to train on, a `WeightedRows`, for the initialised net.
    methods : type
        Subclass of `OwnRowsMixin`: methods that replace the net's own during the training.
    on : str
        The domains in a message's words.
    seed, verbose, start, rule, checkpoint, final, frozen
        As in `train_weighted`.
    check : callable, default=None
        Called with the net before the training: refuses what it cannot use.
    sizes : tuple of int, default=None
        Numbers in a row and classes, for nets that take their sizes from the data.
    beside : Beside, default=None
        What is trained beside the module.
    reads : bool, default=False
        Whether rows are read from data sets.

    Returns
    -------
    net : NeuralNetClassifier
        Fitted; of the class of `net`.

    Raises
    ------
    FailedFit
        If its parameters or its outputs for the target are not finite in the end.
    """
    check_honoured(net, methods.replaced, reads=reads)
    device = best_device() if net.device == "auto" else net.device
    with _own_randomness(seed, device):
        trained = clone(net).set_params(device=device, verbose=verbose)
        own_class = type(trained)
        weighted_class = type(own_class.__name__, (methods, own_class), {})
        trained.__class__, trained.own_class = weighted_class, own_class
        trained.beside_ = beside
        if hasattr(trained, "take_sizes"):
            trained.take_sizes(*sizes)
        try:
            trained.initialize()
            rows = make_rows(trained)
            file = None
            if checkpoint is not None:
                numbers = start and {name: value.cpu().numpy() for name, value in start.items()}
                kept = by_content(beside)
                origin = (numbers, rows.epoch_rows, getattr(rule, "key", None), tuple(frozen), kept)
                file = Checkpoint(checkpoint, trained, rows, seed, origin)
            saved = None if file is None else file.load()
            if saved is not None:
                trained = saved["net"]
                trained.__class__, trained.own_class = weighted_class, own_class
                trained.beside_ = beside
                if rule is not None:
                    rule.progress = saved["rule"]
                rows.set_source_weights(saved["source_weights"])
            trained.prepare(rows, start if saved is None else None, rule, file, frozen, check)
            if saved is None:
                trained.partial_fit(rows.X, rows.y)
            elif not saved["finished"]:
                file.restore_random(saved)
                trained.go_on(rows.X, rows.y)
            interrupted, infinite = trained.interrupted, trained.not_finite()
            if file is not None and not interrupted and not infinite:
                trained.save(finished=True)
        except Exception as error:
            # Losses and scores that are given NaN say so in words of their own.
            infinite = trained.not_finite() if trained.finite_at_first else None
            if not infinite:
                raise
            raise diverged(trained, on, infinite) from error
        finally:
            trained.let_learn(True)
            trained.__class__ = own_class
            for name in methods.training_attributes:
                trained.__dict__.pop(name, None)
        if interrupted and not final:
            raise KeyboardInterrupt
        if infinite:
            raise diverged(trained, on, infinite)
    if interrupted:
        warn(
            f"training was interrupted in epoch {len(trained.history)}: the network is as it "
            "was then" + ("" if file is None else "; fit again to go on from the checkpoint"),
            RuntimeWarning,
        )
    trained.verbose = net.verbose
    if not final:
        # Only its predictions are wanted: the optimiser's memory is three times the network.
        trained.optimizer_.state.clear()
        trained.optimizer_.zero_grad(set_to_none=True)
    return trained


def merge_duplicates(domain, seed):
    """Equal rows as one with the sum of their weights, in an order that the seed decides.

    So a row of weight 2 trains like the row twice, and the order of the target's rows is nothing.
    Targets too large to sort in a moment are left as they are: there neither matters. So are rows
    of data sets, which are not read for it.
    """
    if isinstance(domain.X, DatasetRows):
        return domain
    flat = domain.X.reshape(len(domain.y), -1)
    if flat.size > _MAX_SORTED:
        return domain
    _, first, place = np.unique(
        np.column_stack([domain.y, flat]), axis=0, return_index=True, return_inverse=True
    )
    weight = np.bincount(place.ravel(), domain.sample_weight)
    # Sorted rows would be dealt into folds of unlike rows.
    order = np.random.RandomState(seed).permutation(len(first))
    first = first[order]
    return replace(domain, X=domain.X[first], y=domain.y[first], sample_weight=weight[order])


class OwnRowsMixin:
    """Methods of a net that trains on rows of several domains, and its attributes for that time."""

    training_attributes = (
        "rows",
        "begin_at",
        "rule",
        "file",
        "frozen",
        "own_class",
        "interrupted",
        "trains",
        "check",
        "finite_at_first",
        "beside_",
        "classifier",
    )
    # Methods of a net that are not called while it is trained, so that it must not have its own.
    replaced: tuple[str, ...] = ("get_dataset", "get_split_datasets", "get_iterator")
    frozen = finite_at_first = ()

    def prepare(self, rows, begin_at, rule, file, frozen, check):
        self.rows, self.begin_at, self.rule, self.file = rows, begin_at, rule, file
        self.interrupted, self.trains, self.frozen = False, rows, tuple(frozen)
        self.check = check

    def frozen_layers(self):
        return [self.module_.get_submodule(name) for name in self.frozen]

    def let_learn(self, learns):
        """Freeze the frozen layers, or thaw them; their own parameters alone, not their parts'."""
        for layer in self.frozen_layers():
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(learns)

    def _set_training(self, training=True):
        # It is called in every step, and most find all layers as they should be.
        layers = (layer for module in self.torch_modules().values() for layer in module.modules())
        frozen = set(self.frozen_layers())
        if all(layer.training == (training and layer not in frozen) for layer in layers):
            return
        super()._set_training(training)
        # A frozen layer that normalises batches would learn all the same.
        for layer in self.frozen_layers():
            layer.training = False

    def fit_loop(self, X, y=None, epochs=None, **fit_params):
        # Here, and not before: callbacks may fit the module's shape to the data as training begins.
        if self.begin_at is not None:
            accelerator = getattr(self, "accelerator", None)
            wrapped = self.module_
            module = wrapped if accelerator is None else accelerator.unwrap_model(wrapped)
            module.load_state_dict(self.begin_at)
        self.let_learn(False)
        if self.check is not None:
            self.check(self)
        self.finite_at_first = finite_numbers(self.torch_modules())
        n_rows = len(X) if self.batch_size == -1 else self.batch_size
        with threads_for_training(self, sample_of(self.rows.X), n_rows), _colours_if_watched(self):
            return super().fit_loop(X, y, epochs=epochs, **fit_params)

    def torch_modules(self):
        """The net's modules by their names: the user's, and what is trained beside it."""
        return {name: getattr(self, f"{name}_") for name in self._modules}

    def is_finite(self):
        """Whether what was finite before the training still is."""
        return all_finite(self.torch_modules(), self.finite_at_first)

    def not_finite(self):
        """What is not finite, the parameters or the outputs for the target, or None."""
        if not self.is_finite():
            return "parameters"
        rows = self.rows
        return None if predicts_finite(self, rows.X[torch.arange(rows.n_target)]) else "outputs"

    def go_on(self, X, y):
        """The epochs that are left, of a training that has begun."""
        with contextlib.suppress(KeyboardInterrupt):  # As skorch does; early stopping is one, too.
            self.fit_loop(X, y, epochs=self.max_epochs - len(self.history))
        self.notify("on_train_end", X=X, y=y)

    def run_single_epoch(self, *args, **kwargs):
        try:
            return super().run_single_epoch(*args, **kwargs)
        except KeyboardInterrupt:
            self.interrupted = True
            raise

    def notify(self, method_name, **kwargs):
        try:
            super().notify(method_name, **kwargs)
        except KeyboardInterrupt:
            # At an epoch's end it is a callback that stops the training.
            self.interrupted = self.interrupted or method_name != "on_epoch_end"
            raise
        if method_name != "on_epoch_end":
            return
        if not self.is_finite():
            # As early stopping does: callbacks may put better parameters back as training ends.
            raise KeyboardInterrupt
        # After all callbacks, so that what is saved has heard of the epoch.
        if self.rule is not None:
            weights = self.rule.after_epoch(self, len(self.history))
            if weights is not None:
                self.trains.set_source_weights(weights)
        if self.file is not None:
            self.save(finished=False)

    def save(self, *, finished):
        weights = self.trains.source_weights[1:].tolist()
        rule = None if self.rule is None else self.rule.progress
        self.file.save(self, weights, rule, finished=finished)

    def __getstate__(self):
        state = super().__getstate__()
        return {
            name: value for name, value in state.items() if name not in self.training_attributes
        }

    def __reduce_ex__(self, protocol):
        # As the user's net: nobody else knows this class.
        return _blank, (self.own_class,), self.__getstate__()

    def get_split_datasets(self, X, y=None, **fit_params):
        rows = self.rows
        n = rows.n_target
        split = _feasible_split(self.train_split, rows.y[:n])
        if not split:
            return rows, None
        labels = rows.y[:n].numpy()
        ours = rows.X[torch.arange(n)]
        if isinstance(ours, ReadInputs):
            ours = ours.labelled(rows.y[:n])
        else:
            ours = Dataset(ours, rows.y[:n])
        train, valid = split(ours, labels, **fit_params)
        # A split that is not of the target's rows leaves all of them in the training.
        kept = torch.as_tensor(np.asarray(getattr(train, "indices", range(n))))
        chosen = torch.cat([kept, torch.arange(n, len(rows))])
        self.trains = rows.of(chosen)
        return self.trains, valid


def row_losses(net, get_loss, n_rows, *args, **kwargs):
    """Losses of rows by a net's criterion, one for each row.

    Parameters
    ----------
    net : NeuralNet
        Initialised.
    get_loss : callable
        The net's own.
    n_rows : int
    *args, **kwargs
        Of `get_loss`.
    """
    reduction = net.criterion_.reduction
    net.criterion_.reduction = "none"
    try:
        losses = get_loss(*args, **kwargs)
    finally:
        net.criterion_.reduction = reduction
    if losses.shape == (n_rows, 1):  # Of a regression on one number.
        losses = losses[:, 0]
    if losses.shape != (n_rows,):
        raise ValueError(
            f"the loss has shape {tuple(losses.shape)}, and rows can be weighed only in one of "
            f"shape {(n_rows,)}: use a criterion of torch's that has a loss for each row with "
            "reduction='none'"
        )
    return losses


def _blank(kind):
    """An object of a class, without its attributes: what unpickling starts from."""
    return kind.__new__(kind)


def _feasible_split(split, labels):
    """The net's own split, in as many parts as there are rows, and stratified where it can be."""
    if not isinstance(split, ValidSplit) or not isinstance(split.cv, int):
        return split
    n_rows, fewest = len(labels), min(Counter(labels.flatten().tolist()).values())
    if split.stratified and fewest > 1:
        return ValidSplit(min(split.cv, fewest), stratified=True)
    return ValidSplit(min(split.cv, n_rows)) if n_rows > 1 else None


def best_device():
    """A GPU where there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@contextlib.contextmanager
def _colours_if_watched(net):
    """A log has skorch's table of epochs without the control characters of its colours."""
    logs = [part for _, part in net.callbacks_ if isinstance(part, PrintLog)]
    # A checkpoint may have been saved with either.
    logs = [log for log in logs if log.sink in (print, _print_plain)]
    plain = net.verbose and not is_watched(sys.stdout)
    for log in logs:
        log.sink = _print_plain if plain else print
    try:
        yield
    finally:
        for log in logs:
            log.sink = print


def _print_plain(line):
    print(_COLOUR.sub("", line), flush=True)


@contextlib.contextmanager
def _own_randomness(seed, device):
    """Seeded generators for the time of a training, and the old ones back after it."""
    devices = [torch.cuda.current_device()] if str(device).startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield
