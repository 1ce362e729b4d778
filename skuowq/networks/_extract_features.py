"""Features of a data set by a module, batch by batch, kept on disk."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from copy import deepcopy
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import torch
from numpy.typing import NDArray

from skuowq._data.dataset_rows import DatasetRows, is_dataset

from ._checkpoint import by_content
from ._inputs import module_dtype, module_looks_up
from ._reading import Reading, ReadInputs
from ._shapes import CALL_ERRORS, described
from ._training import best_device


def extract_features(
    dataset: torch.utils.data.Dataset,
    module: torch.nn.Module,
    *,
    batch_size: int = 64,
    device: str | torch.device | None = None,
    num_workers: int = 0,
    collate_fn: Callable[[list], Any] | None = None,
    cache: str | Path | None = None,
) -> NDArray[np.float32]:
    """What a module makes of the rows of a data set, as an array for any estimator.

    The rows are read and pass the module in batches, in evaluation mode and without gradients. So
    the memory holds the features and a batch, and with `cache` a batch alone.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset
        Map-style; yields ``(x, label)`` or ``x``. The labels are not used. Without random
        transforms, or the features are random, too.
    module : torch.nn.Module
        Its output for a row is the row's features, flattened. Of a classifier these are class
        scores: replace its last layer by ``torch.nn.Identity()`` to get what that layer sees. The
        module is left as it was.
    batch_size : int, default=64
        Increasing it is faster up to a point, at the cost of memory.
    device : str or torch.device, default=None
        Where the module computes. None is a GPU where there is one.
    num_workers : int, default=0
        Processes that read rows.
    collate_fn : callable, default=None
        Makes a batch of ``(x, number)`` pairs, as for torch's ``DataLoader``.
    cache : str or Path, default=None
        Folder with a file of features for each module and data set, made if it does not exist. A
        later call with the same ones reads that file. They are told apart by the module's class and
        numbers, and by what the data set object holds: after changing code, or files that the data
        set reads, delete the folder.

    Returns
    -------
    features : ndarray of float32 of shape (n_rows, n_features)
        In the order of the rows. With `cache` they stay on disk, and are read where they are used
        (a ``numpy.memmap``).

    Raises
    ------
    TypeError, ValueError
        If `dataset` is no map-style data set or has no rows, the module cannot be called with them
        or returns no row of finite numbers for each, or `cache` cannot tell them from others.

    See Also
    --------
    predict_features : Of a fitted net, what its last layer sees.

    Examples
    --------
    >>> import torch
    >>> from skuowq.networks import extract_features
    >>> dataset = torch.utils.data.TensorDataset(torch.ones(5, 3, 4, 4), torch.arange(5))
    >>> backbone = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    >>> extract_features(dataset, backbone).shape
    (5, 3)
    """
    rows = _checked_rows(dataset)
    _check_arguments(module, batch_size, num_workers)
    device = best_device() if device is None else device
    options = {"num_workers": num_workers, "collate_fn": collate_fn}
    reading = Reading(module_dtype(module), module_looks_up(module), options, options, batch_size)
    inputs = ReadInputs(rows, reading, device=device)
    if cache is None:
        return _computed(inputs, module, np.empty)
    file = _file_of(cache, module, rows)
    if not file.exists():
        part = file.with_suffix(f".{os.getpid()}.part")
        found = _computed(inputs, module, _on_disk(part))
        found.flush()
        del found
        # At one stroke: a file of this name is a whole one.
        os.replace(part, file)
    return _read(file)


def _checked_rows(dataset):
    if not is_dataset(dataset):
        raise TypeError(
            f"dataset is a {type(dataset).__name__}: pass a map-style torch data set, such as "
            "torch.utils.data.TensorDataset(torch.tensor(X)) of an array"
        )
    rows = DatasetRows.of(dataset, "dataset")
    if len(rows) == 0:
        raise ValueError("dataset is empty: pass one that has rows")
    return rows


def _check_arguments(module, batch_size, num_workers):
    if not isinstance(module, torch.nn.Module):
        raise TypeError(
            f"module is a {type(module).__name__}: pass a torch module, of a fitted skorch net its "
            "module_"
        )
    for name, value, least in (("batch_size", batch_size, 1), ("num_workers", num_workers, 0)):
        if not isinstance(value, Integral) or value < least:
            raise ValueError(f"{name} is {value!r}, and must be an integer of at least {least}")


def _computed(inputs, module, make):
    """Features in an array that `make(shape, dtype)` makes once their number is known."""
    module = deepcopy(module).to(inputs.device).eval()
    found, done = None, 0
    with torch.no_grad():
        for X in inputs.split(len(inputs)):
            features = _features_of(module, X)
            if found is None:
                found = make((len(inputs), features.shape[1]), np.float32)
            found[done : done + len(X)] = features
            done += len(X)
    return found


def _features_of(module, X):
    """Of one batch, on the CPU."""
    name = type(module).__name__
    try:
        output = module(X)
    except CALL_ERRORS as error:
        raise ValueError(
            f"module: {name} cannot be called with inputs of shape {tuple(X.shape)}: let the data "
            f"set yield what it takes. It said: {error}"
        ) from error
    if not isinstance(output, torch.Tensor) or output.ndim == 0 or len(output) != len(X):
        raise ValueError(
            f"module: {name} turns {len(X)} rows into {described(output)}: return a tensor with a "
            "row for each"
        )
    features = output.reshape(len(X), -1).cpu().float()
    if not torch.isfinite(features).all():
        raise ValueError(f"module: {name} returns numbers that are not finite")
    return features.numpy()


def _on_disk(file):
    def make(shape, dtype):
        return np.lib.format.open_memmap(file, mode="w+", dtype=dtype, shape=shape)

    return make


def _file_of(cache, module, rows):
    folder = Path(cache)
    if folder.is_file():
        raise ValueError(f"cache={str(cache)!r} is a file: pass a folder, new or old")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        key = joblib.hash(by_content([module, rows]))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"cache tells data sets apart by what they hold, and dataset cannot be pickled "
            f"({error}): define it and its transforms at the top of a module, without lambdas, or "
            "leave cache out"
        ) from error
    return folder / f"{key}.npy"


def _read(file):
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(
            f"cache: {file} cannot be read ({error}): delete it to compute the features anew"
        ) from error
