"""Rows of data sets as inputs of a network: read by torch's DataLoader, batch by batch.

What is in memory at a time is a batch, and those that workers read ahead. A row is converted to the
network's precision before it leaves the CPU, so no number in double precision reaches a device.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, default_collate

from skuowq._data.dataset_rows import stack

# Rows of a batch where the net asks for one batch.
_ALL = 2**31


@dataclass(frozen=True)
class Reading:
    """How a net reads rows.

    Attributes
    ----------
    dtype : torch.dtype
        Of its parameters.
    looks_up : bool
        Whether integers stay integers.
    train, valid : dict
        Options of the loaders, as the net has them under ``iterator_train`` and ``iterator_valid``.
    batch_size : int
        Of rows that are not trained on.
    """

    dtype: torch.dtype
    looks_up: bool
    train: dict
    valid: dict
    batch_size: int

    def cast(self, X):
        """A tensor in the network's precision."""
        if self.looks_up and not X.is_floating_point():
            return X.long()
        return X.to(self.dtype)


class ReadInputs(Dataset):
    """Inputs that are read when they are asked for; a data set for skorch, too.

    Parameters
    ----------
    rows : DatasetRows
    reading : Reading
    labels : Tensor, default=None
        What is yielded beside the rows; None is their numbers.
    device : str or torch.device, default="cpu"
        Where `split` puts batches.
    """

    def __init__(self, rows, reading, labels=None, device="cpu"):
        self.rows, self.reading, self.labels, self.device = rows, reading, labels, device

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, chosen):
        if isinstance(chosen, (int, np.integer)):
            return self._row(chosen), chosen if self.labels is None else self.labels[chosen]
        chosen = chosen.numpy() if isinstance(chosen, torch.Tensor) else chosen
        labels = None if self.labels is None else self.labels[chosen]
        return ReadInputs(self.rows[chosen], self.reading, labels, self.device)

    @property
    def shape(self):
        """As a tensor of all rows would have it."""
        return (len(self), *self.sample(1).shape[1:])

    def to(self, device):
        """The same, its batches on a device."""
        return ReadInputs(self.rows, self.reading, self.labels, device)

    def labelled(self, labels):
        """The same, with labels beside the rows."""
        return ReadInputs(self.rows, self.reading, labels, self.device)

    def sample(self, n_rows):
        """The first rows as a tensor on the CPU."""
        numbers = range(min(n_rows, len(self)))
        collate = self.reading.train.get("collate_fn") or default_collate
        try:
            batch = collate([self[number] for number in numbers])
        except (TypeError, RuntimeError) as error:
            raise TypeError(
                f"{self.rows.labels[self.rows.number[0]]}: its rows make no batch: let the data "
                "set yield tensors of one shape, or arrays, or pass the net "
                f"iterator_train__collate_fn. It said: {error}"
            ) from error
        return self._inputs_of(batch, None)

    def reader(self):
        """A function that yields the inputs of given rows, for every batch, as training needs them.

        It has one loader, whose workers may persist.
        """
        order = []
        loader = DataLoader(self, batch_sampler=order, **self.reading.train)

        def read(chosen):
            order[:] = chosen.tolist()
            for numbers, batch in zip(chosen, loader, strict=True):
                yield self._inputs_of(batch, numbers)

        return read

    def split(self, n_rows):
        """All rows in batches on the device, of at most so many rows and at most the net's size."""
        options = self.reading.valid
        size = min(n_rows, self.reading.batch_size, len(self))
        numbers = torch.arange(len(self))
        loader = DataLoader(self, batch_size=size, **options)
        for expected, batch in zip(numbers.split(size), loader, strict=True):
            yield self._inputs_of(batch, expected).to(self.device)

    def _row(self, number):
        x = self.rows.x(number)
        if isinstance(x, (np.ndarray, np.number, float, int)):
            x = torch.tensor(x)
        if not isinstance(x, torch.Tensor):
            return x  # The net's own collate_fn knows what to do.
        x = self.reading.cast(x)
        if not _all_finite(x):
            label = self.rows.labels[self.rows.number[number]]
            raise ValueError(
                f"{label}: row {self.rows.index[number]} holds numbers that are not finite in "
                f"{str(x.dtype).removeprefix('torch.')}: leave it out, or mend it in the data set"
            )
        return x

    def _inputs_of(self, batch, numbers):
        """A batch's inputs; a collate_fn may change them, and nothing else."""
        pair = isinstance(batch, (tuple, list)) and len(batch) == 2
        if not (pair and isinstance(batch[0], torch.Tensor)):
            found = type(batch[0] if pair else batch).__name__
            raise TypeError(
                f"a batch of the data sets is a {found}: the collate_fn of the net must return "
                "(X, y), X a tensor"
            )
        X, seen = batch
        if numbers is not None and not torch.equal(torch.as_tensor(seen).long(), numbers):
            raise ValueError(
                "the net's collate_fn changes labels or the order of rows, whose weights would be "
                "lost: return the labels as they come, and mix rows nowhere"
            )
        return self.reading.cast(X)


def _all_finite(x):
    """Whether all numbers are finite; their sum says it faster, unless it is too large itself."""
    return math.isfinite(x.sum()) or bool(torch.isfinite(x).all())


def reading_of(net, dtype, looks_up):
    """How a net reads rows.

    Parameters
    ----------
    net : NeuralNet
    dtype, looks_up
        As in `Reading`.
    """
    train, valid = (dict(net.get_params_for(f"iterator_{part}")) for part in ("train", "valid"))
    size = valid.get("batch_size", net.batch_size)
    for name in ("batch_size", "shuffle", "drop_last"):
        train.pop(name, None)
        valid.pop(name, None)
    return Reading(dtype, looks_up, train, valid, size if size > 0 else _ALL)


def stack_inputs(parts):
    """Inputs of several domains, one below the other.

    Parameters
    ----------
    parts : list of Tensor or list of ReadInputs
    """
    if isinstance(parts[0], torch.Tensor):
        return torch.cat(parts)
    if parts[0].reading.train.get("collate_fn") is None:
        _check_one_shape(parts)
    return ReadInputs(stack([part.rows for part in parts]), parts[0].reading)


def _check_one_shape(parts):
    first = parts[0].shape[1:]
    for part in parts[1:]:
        if part.shape[1:] != first:
            raise ValueError(
                f"{part.rows.labels[part.rows.number[0]]} has rows of shape "
                f"{tuple(part.shape[1:])}, those of {parts[0].rows.labels[0]} have {tuple(first)}: "
                "bring them to one shape"
            )


def sample_of(X, n_rows=2):
    """Some inputs as a tensor: the first of those in memory, or of those to be read.

    Parameters
    ----------
    X : Tensor or ReadInputs
    n_rows : int, default=2
    """
    return X.sample(n_rows) if isinstance(X, ReadInputs) else X[:n_rows]


def reader_of(X):
    """A function that yields the inputs of given rows, for every batch.

    Parameters
    ----------
    X : Tensor or ReadInputs
    """
    if isinstance(X, ReadInputs):
        return X.reader()
    return lambda chosen: (X[rows] for rows in chosen)
