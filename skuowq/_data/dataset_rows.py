"""Rows of torch data sets: a view that reads nothing until a row is asked for.

A domain may be a map-style data set, whose rows are read by a network's data loader, batch by
batch. Here such rows are numbers of rows. They are split, weighed and counted as other rows are,
and nothing but their labels is in memory.
"""

import sys
from functools import cached_property

import numpy as np

from .labels import as_column


def is_dataset(X):
    """Whether rows come as a torch data set, without loading torch to find out."""
    if isinstance(X, DatasetRows):
        return True
    data = sys.modules.get("torch.utils.data")
    slices = getattr(sys.modules.get("skorch.helper"), "SliceDataset", ())
    return data is not None and isinstance(X, (data.Dataset, slices))


class DatasetRows:
    """Rows of one or several data sets, by number.

    Parameters
    ----------
    datasets : tuple of Dataset
        Map-style.
    labels : tuple of str
        What messages call each.
    number, index : ndarray of int of shape (n_rows,)
        Of every row: which data set it is of, and its index there.
    """

    def __init__(self, datasets, labels, number, index):
        self.datasets, self.labels = datasets, labels
        self.number, self.index = number, index

    @classmethod
    def of(cls, dataset, label):
        """All rows of a data set; a subset's or a union's are those of the data sets below.

        Parameters
        ----------
        dataset : Dataset, SliceDataset or DatasetRows
        label : str
            What messages call it.
        """
        if isinstance(dataset, cls):
            return dataset
        data = sys.modules["torch.utils.data"]
        if isinstance(dataset, data.IterableDataset) or not hasattr(dataset, "__len__"):
            raise TypeError(
                f"{label} is a {type(dataset).__name__}, whose rows have no numbers: pass a "
                "map-style data set, with __getitem__ and __len__"
            )
        if type(dataset) is data.ConcatDataset:
            return stack([cls.of(part, label) for part in dataset.datasets])
        if type(dataset) is data.Subset:
            return cls.of(dataset.dataset, label)[np.asarray(dataset.indices, dtype=int)]
        if _is_plain_slice(dataset, label):
            return cls.of(dataset.dataset, label)[np.asarray(dataset.indices_, dtype=int)]
        index = np.arange(len(dataset))
        return cls((dataset,), (label,), np.zeros_like(index), index)

    def __len__(self):
        return len(self.index)

    def __repr__(self):
        kinds = dict.fromkeys(type(dataset).__name__ for dataset in self.datasets)
        return f"DatasetRows({len(self):,} rows of {', '.join(kinds)})"

    @property
    def shape(self):
        """By which scikit-learn counts rows, and takes some of them."""
        return (len(self),)

    def __getitem__(self, chosen):
        return DatasetRows(self.datasets, self.labels, self.number[chosen], self.index[chosen])

    def __array__(self, dtype=None, copy=None):
        raise self.in_memory("an array")

    def in_memory(self, what, *, a_net_reads=True):
        """The error of what cannot read rows batch by batch, though it may around a network."""
        net = "a skorch net as estimator, which reads them batch by batch, or " * a_net_reads
        return TypeError(
            f"{self.labels[0]} is a data set, and {what} needs its rows in memory: pass {net}an "
            "array of features, as skuowq.networks.extract_features(dataset, module) makes it"
        )

    def item(self, row):
        """What the data set yields for a row."""
        return self.datasets[self.number[row]][int(self.index[row])]

    def x(self, row):
        """The input of a row."""
        item = self.item(row)
        if not isinstance(item, (tuple, list)):
            if isinstance(item, dict):
                raise TypeError(f"{self.labels[self.number[row]]} yields a dict: {_PAIRS}")
            return item
        if len(item) not in (1, 2):
            raise TypeError(
                f"{self.labels[self.number[row]]} yields {len(item)} values for a row: {_PAIRS}"
            )
        return item[0]

    @cached_property
    def row_shape(self):
        """Shape of a row's input; () where it has none before rows are collated."""
        return tuple(getattr(self.x(0), "shape", ()))

    @property
    def n_columns(self):
        """What an array of these rows would have for a second axis."""
        return self.row_shape[0] if self.row_shape else 1

    @property
    def keys(self):
        """A number for every row, one for every row of a data set."""
        offsets = np.cumsum([0, *map(len, self.datasets)])
        return offsets[self.number] + self.index


_PAIRS = "let it yield (x, label) or x"


def stack(parts):
    """Rows of several, one below the other.

    Parameters
    ----------
    parts : list of DatasetRows
    """
    offsets = np.cumsum([0, *(len(part.datasets) for part in parts)])
    numbers = [part.number + offset for part, offset in zip(parts, offsets, strict=False)]
    return DatasetRows(
        tuple(dataset for part in parts for dataset in part.datasets),
        tuple(label for part in parts for label in part.labels),
        np.concatenate(numbers),
        np.concatenate([part.index for part in parts]),
    )


def rows_and_labels(X, y, label="the target", *, optional=False):
    """A data set as rows, with the labels given or its own; other rows as they are.

    Parameters
    ----------
    X : rows
    y : labels or None
    label : str, default="the target"
    optional : bool, default=False
        Whether a data set may have no labels.

    Returns
    -------
    X : DatasetRows or the same
    y : labels or None
    """
    if not is_dataset(X):
        return X, y
    rows = DatasetRows.of(X, label)
    if len(rows) == 0:
        raise ValueError(f"{label} is an empty data set: leave it out, or pass one that has rows")
    if y is None and (not optional or has_labels(rows)):
        y = labels_of(rows)
    return rows, y


def has_labels(rows):
    """Whether any of the data sets knows labels, or yields a pair for its first row."""
    _, first = np.unique(rows.number, return_index=True)
    return any(
        _known_labels(rows.datasets[rows.number[row]]) is not None or _is_pair(rows.item(row))
        for row in first
    )


def labels_of(rows):
    """Labels of the rows: from `targets` or `labels` of a data set, else by reading every row once.

    Parameters
    ----------
    rows : DatasetRows

    Returns
    -------
    y : ndarray of shape (n_rows,)
    """
    found = np.empty(len(rows), dtype=object)
    for number, dataset in enumerate(rows.datasets):
        places = np.flatnonzero(rows.number == number)
        known = _known_labels(dataset)
        for place in places.tolist():
            label = _label_of(rows, place) if known is None else known[rows.index[place]]
            found[place] = _plain(label, rows.labels[number])
    return as_column(found.tolist())


def _known_labels(dataset):
    """What a data set knows of its labels without reading a row, or None."""
    if getattr(dataset, "target_transform", None) is not None:
        return None  # It yields others.
    for name in ("targets", "labels"):
        known = getattr(dataset, name, None)
        if hasattr(known, "__len__") and len(known) == len(dataset):
            return known
    return None


def _label_of(rows, place):
    item = rows.item(place)
    if _is_pair(item):
        return item[1]
    raise ValueError(
        f"{rows.labels[rows.number[place]]} yields no label, and has neither targets nor labels: "
        "pass them as y, in fit(dataset, y) or as the pair (dataset, y) of a source"
    )


def _is_pair(item):
    return isinstance(item, (tuple, list)) and len(item) == 2


def _plain(label, name):
    """A label as Python has it."""
    if not hasattr(label, "item"):
        return label
    if getattr(label, "ndim", 0) and np.prod(label.shape) != 1:
        raise ValueError(
            f"{name} has a label of shape {tuple(label.shape)}: a row needs one class; pass y"
        )
    return label.item()


def _is_plain_slice(dataset, label):
    """Whether it is skorch's `SliceDataset` of inputs, as that comes."""
    slices = getattr(sys.modules.get("skorch.helper"), "SliceDataset", None)
    if slices is None or not isinstance(dataset, slices):
        return False
    if dataset.idx != 0 or type(dataset).transform is not slices.transform:
        raise TypeError(
            f"{label} is a SliceDataset of its own kind: pass SliceDataset(dataset), with idx=0 "
            "and without a transform; a data set transforms its rows itself"
        )
    return True
