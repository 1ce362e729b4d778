"""Training on a target and weighted sources: batches that hold both, a loss that knows weights."""

import numpy as np
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetRegressor

from skuowq._data.dataset_rows import DatasetRows

from ._divergence import domains_in_words
from ._domain_batches import DomainBatches, WeightedRows
from ._head import head_name
from ._inputs import as_inputs
from ._reading import sample_of, stack_inputs
from ._shapes import check_lone_row, check_outputs
from ._training import OwnRowsMixin, merge_duplicates, row_losses, train


def train_weighted(
    net,
    target,
    sources,
    source_weights,
    *,
    seed,
    verbose=0,
    start=None,
    epoch_rows=0,
    rule=None,
    checkpoint=None,
    final=True,
    frozen=(),
    n_classes=None,
    with_head=False,
):
    """Train a copy of a net on all rows, with a weight for each source.

    Parameters
    ----------
    net : NeuralNetClassifier or NeuralNetRegressor
        Not changed. A regressor learns numbers, by a criterion such as ``torch.nn.MSELoss``.
    target : Domain
        Labels are class indices, or numbers.
    sources : list of Domain
    source_weights : array-like of shape (n_sources,)
        A target row has weight 1.
    seed : int
        Of initialisation, batches and dropout; the global generators are left as they were.
    verbose : int, default=0
        The net's own verbosity during training.
    start : dict, default=None
        State of the module to start from; None initialises it.
    epoch_rows : int, default=0
        An epoch has as many steps as the rows of positive weight fill batches, or this many.
    rule : object, default=None
        Its `after_epoch` is called with the net and the number of epochs done, and returns new
        source weights, or None to keep them.
    checkpoint : str or Path, default=None
        Folder in which every epoch is saved. A training found there goes on where it stopped, one
        that is finished is taken as it is. The files are pickles, which can run code when they are
        read: let only those write there whom you trust.
    final : bool, default=True
        Whether an interrupted training is worth having. If not, the interruption is passed on.
    frozen : sequence of str, default=()
        Names of layers that learn nothing.
    n_classes : int, default=None
        Outputs that the net must have; None is as many as the rows have classes.
    with_head : bool, default=False
        Whether the net must end in a linear layer.

    Returns
    -------
    net : NeuralNetClassifier or NeuralNetRegressor
        Fitted; of the class of `net`.

    Raises
    ------
    FailedFit
        If the training diverged.
    """

    def make_rows(initialised):
        return stacked_rows(initialised, target, sources, source_weights, seed, epoch_rows)

    def check(initialised):
        check_outputs(initialised, initialised.rows, n_classes)
        if with_head:
            head_name(initialised, sample_of(initialised.rows.X))

    return train(
        net,
        make_rows,
        _WeightedRowsMixin,
        on=domains_in_words(target, sources),
        seed=seed,
        verbose=verbose,
        start=start,
        rule=rule,
        checkpoint=checkpoint,
        final=final,
        frozen=frozen,
        check=check,
        sizes=(row_size(target.X), n_classes or _count_classes([target, *sources])),
        reads=isinstance(target.X, DatasetRows),
    )


def row_size(X):
    """Numbers in a row of an array, or of data sets."""
    shape = X.row_shape if isinstance(X, DatasetRows) else X.shape[1:]
    return int(np.prod(shape))


def _count_classes(domains):
    return int(max(domain.y.max() for domain in domains)) + 1


def stacked_rows(net, target, sources, source_weights, seed, epoch_rows):
    """All rows as inputs and labels of the dtypes that the net takes."""
    domains = [merge_duplicates(target, seed), *sources]
    X = stack_inputs([as_inputs(net, domain.X, domain.label) for domain in domains])
    y = torch.tensor(np.concatenate([domain.y for domain in domains]))
    if isinstance(net, NeuralNetRegressor):
        y = y.to(X.dtype)[:, None]  # skorch wants a column.
    else:
        # Two classes by one logit take labels as numbers.
        y = y.float() if isinstance(net, NeuralNetBinaryClassifier) else y.long()
    own_weight = np.concatenate([domain.sample_weight for domain in domains])
    sizes = [len(domain.y) for domain in domains]
    domain = torch.repeat_interleave(torch.tensor(sizes))
    own_weight = torch.tensor(own_weight, dtype=torch.float32)
    return WeightedRows(X, y, own_weight, domain, source_weights, epoch_rows)


class _WeightedRowsMixin(OwnRowsMixin):
    def get_iterator(self, dataset, training=False):
        if not training:
            return super().get_iterator(dataset, training=training)
        size = self.get_params_for("iterator_train").get("batch_size", self.batch_size)
        size = len(dataset) if size == -1 else size
        if size < 2 and dataset.n_target < len(dataset):
            raise ValueError(
                f"batch_size is {size}, and a batch holds target and source rows: pass 2 or more"
            )
        if min(size, len(dataset)) == 1:
            check_lone_row(self, self.module_, dataset.X)
        accelerator = getattr(self, "accelerator", None)
        if accelerator is None:
            return DomainBatches(dataset, size)
        return DomainBatches(dataset, size, accelerator.process_index, accelerator.num_processes)

    def _initialize_accelerator(self):
        # A criterion has no parameters to keep alike in all processes, and torch refuses to.
        criteria, self._criteria = self._criteria, []
        try:
            return super()._initialize_accelerator()
        finally:
            self._criteria = criteria

    def get_loss(self, y_pred, y_true, *args, **kwargs):
        weight = getattr(y_true, "row_weight", None)
        if weight is None and kwargs.get("training"):
            raise ValueError(
                f"{self.own_class.__name__} hands other labels to the loss than its batch has, and "
                "their weights are lost: leave the batch's y as it is in train_step"
            )
        if weight is None:
            return super().get_loss(y_pred, y_true, *args, **kwargs)
        losses = row_losses(self, super().get_loss, len(weight), y_pred, y_true, *args, **kwargs)
        return losses @ weight.to(losses)
