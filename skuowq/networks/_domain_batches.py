"""Batches in which the target is always present.

The loss of all rows is ``sum_j v_j l_j / M``, ``v_j`` a row's weight and ``M`` their sum. Every
batch holds target and source rows, each part scaled up to the rows it stands for, so that its loss
is that of all rows on average, and twenty target rows are heard at every step beside a million.
"""

import torch

from ._reading import reader_of


class WeightedRows:
    """Rows of target and sources as tensors, the target's first.

    Attributes
    ----------
    X : Tensor or ReadInputs
    y : Tensor
    own_weight : Tensor of shape (n_rows,)
        The rows' own weights.
    domain : Tensor of shape (n_rows,)
        0 for the target, i for source i.
    weight : Tensor of shape (n_rows,)
        Own weights times their domain's.
    n_target : int
        Rows of the target.
    epoch_rows : int
        An epoch is at least as long as one of so many rows.
    """

    def __init__(self, X, y, own_weight, domain, source_weights, epoch_rows=0):
        self.X = X
        self.y = y
        self.own_weight = own_weight
        self.domain = domain
        self.n_target = int((domain == 0).sum())
        self.epoch_rows = epoch_rows
        self.set_source_weights(source_weights)

    def set_source_weights(self, source_weights):
        """Weigh the sources anew, from the next epoch on."""
        self.source_weights = torch.tensor([1.0, *source_weights], dtype=torch.float32)
        self.weight = self.own_weight * self.source_weights[self.domain]

    def of(self, chosen):
        """Some of the rows."""
        weights = self.source_weights[1:].tolist()
        X, y, own_weight = self.X[chosen], self.y[chosen], self.own_weight[chosen]
        return type(self)(X, y, own_weight, self.domain[chosen], weights, self.epoch_rows)

    def __len__(self):
        return len(self.y)


class DomainBatches:
    """Iterate over an epoch: as many batches as the rows of positive weight fill, or `epoch_rows`.

    A batch's share of target rows is their share of all weight, but at least one row.
    The order comes from torch's global generator, so that a training is one stream of random
    numbers.

    Parameters
    ----------
    rows : WeightedRows
    batch_size : int
        Of all processes together.
    process, n_processes : int, default=0, 1
        Where several processes train together each takes its part of every batch, and the mean of
        their losses is that of the batch.
    """

    def __init__(self, rows, batch_size, process=0, n_processes=1):
        self.rows = rows
        self.process = process
        self.n_processes = n_processes
        self.batch_size = batch_size
        self.read = reader_of(rows.X)

    def __len__(self):
        used = self.rows.n_target + int((self.rows.weight[self.rows.n_target :] > 0).sum())
        used = max(used, self.rows.epoch_rows)
        return -(-used // min(self.batch_size, used))

    def __iter__(self):
        weight, n = self.rows.weight, self.rows.n_target
        total = float(weight.sum())
        ours = torch.arange(n)
        theirs = n + torch.nonzero(weight[n:] > 0)[:, 0]
        size = min(self.batch_size, n + len(theirs))
        n_ours = size
        if len(theirs):
            expected = round(size * float(weight[:n].sum()) / total)
            # No source row twice in a batch, where the target has rows enough.
            n_ours = max(1, min(max(expected, size - len(theirs)), n, size - 1))
        # What a row of a batch stands for, in rows, over the weight of all.
        scale = torch.full((size,), n / (n_ours * total))
        scale[n_ours:] = len(theirs) / (max(size - n_ours, 1) * total)
        parts = [cycle(ours, n_ours, len(self)), cycle(theirs, size - n_ours, len(self))]
        chosen = torch.cat(parts, dim=1)
        # All processes draw the same batches, as they have the same seed; each takes its part.
        mine = slice(self.process % size, None, self.n_processes)
        chosen, scale = chosen[:, mine], self.n_processes * scale[mine]
        labels, weights = self.rows.y[chosen], weight[chosen] * scale
        for X, y, row_weight in zip(self.read(chosen), labels, weights, strict=True):
            # On the labels themselves, so that callbacks which read a batch find X and y as ever.
            y.row_weight = row_weight
            yield X, y


def cycle(rows, size, n_batches):
    """For every batch, `size` of the rows: in random order, again and again."""
    needed = n_batches * size
    passes = [rows[torch.randperm(len(rows))] for _ in range(-(-needed // max(len(rows), 1)))]
    order = torch.cat(passes) if passes else rows
    return order[:needed].reshape(n_batches, size)
