"""Sources on Dask: collections, delayed objects and futures, and how they are asked.

The only file that knows Dask. Each question is one `dask.compute`, so it runs where the user's Dask
runs: on the cluster of the present client, or in threads here. Nothing is kept on the cluster
between two questions: what the user has persisted is read from there, all else is made again.
"""

from __future__ import annotations

import numpy as np

from skuowq._utils._sklearn import _safe_indexing

from .elsewhere import RowsElsewhere
from .labels import as_column, distinct_labels, find_labels, label_names, plain_labels

_PACKAGES = ("dask", "dask_expr", "distributed")
# Answers that are added up at once.
_BRANCHES = 8


class DaskEngine:
    """Functions go to the parts as delayed calls."""

    def ask(self, function, parts, shared, own):
        """See `Engine`."""
        import dask

        shared = dask.delayed(_Told((function, shared)), traverse=False)
        call, total = dask.delayed(_answer, traverse=False), dask.delayed(_total, traverse=False)
        answers = []
        for parts_k, own_k in zip(parts, own, strict=True):
            found = [call(part, shared, _Told((where, own_k))) for part, where in parts_k]
            while len(found) > 1:
                found = [total(found[i : i + _BRANCHES]) for i in range(0, len(found), _BRANCHES)]
            answers.append(found[0])
        return list(dask.compute(*answers))

    def map_parts(self, parts, function):
        """See `Engine`."""
        import dask

        call = dask.delayed(_map, traverse=False)
        return tuple(call(part, _Told(function)) for part in parts)


_ENGINE = DaskEngine()


class _Told:
    """Arguments into which Dask does not look: a task each would cost more than the call."""

    def __init__(self, arguments):
        self.arguments = arguments


def _map(part, told):
    return told.arguments(part)


def _answer(part, shared, own):
    function, shared = shared.arguments
    where, own = own.arguments
    return function(part, where, shared, own)


def _total(answers):
    first, *others = answers
    for answer in others:
        first = first + answer
    return first


def is_of_dask(data):
    """Whether an object is one of Dask's, without loading Dask to find out."""
    return _is_promise(data) or _is_table(data)


def _is_promise(data):
    """Whether it is a delayed object or a future: nobody knows of what."""
    return any(_is_class(kind, ("Delayed", "Future")) for kind in type(data).__mro__)


def _is_table(data):
    """Whether a collection has rows: an array, a frame or a series."""
    # A delayed object has whatever attribute it is asked for.
    of_dask = type(data).__module__.partition(".")[0] in _PACKAGES
    return of_dask and not _is_promise(data) and hasattr(data, "to_delayed")


def _is_class(kind, names):
    return kind.__name__ in names and kind.__module__.partition(".")[0] in _PACKAGES


def as_dask_source(pair, label):
    """A `RowsElsewhere` from what a user passed for a source, or None: it has nothing of Dask's.

    Raises TypeError where it is not clear what is meant.
    """
    if _is_promise(pair):
        return RowsElsewhere((pair,), _ENGINE, _kind(pair))
    if _is_table(pair):
        raise TypeError(
            f"{label} is a {_kind(pair)} alone: pass (X, y), or for a data frame (frame, name of "
            "the column with the labels)"
        )
    if not isinstance(pair, (list, tuple)) or not any(map(is_of_dask, pair)):
        return None
    if all(map(_is_promise, pair)):
        if isinstance(pair, tuple):
            raise TypeError(
                f"{label} is a tuple of delayed objects or futures: pass one that gives (X, y), or "
                "a list of those, one for each part of the source"
            )
        return RowsElsewhere(tuple(pair), _ENGINE, f"{len(pair)} parts, each a {_kind(pair[0])}")
    if len(pair) not in (2, 3):
        raise TypeError(f"{label} has {len(pair)} items: pass (X, y) or (X, y, sample_weight)")
    return RowsElsewhere(tuple(_aligned_parts(*pair, label=label)), _ENGINE, _kind(pair[0]))


def _kind(data):
    return f"{type(data).__name__} of dask"


def _aligned_parts(X, y, weight=None, *, label):
    """Delayed ``(X, y)`` or ``(X, y, weight)``, one for each partition of the rows."""
    import dask

    if not _is_table(X):
        raise TypeError(f"{label}: X is a {type(X).__name__}, and y is of dask: pass both alike")
    if isinstance(y, str):
        if y not in getattr(X, "columns", ()):
            raise ValueError(f"{label} has no column {y!r}, which is to hold the labels")
        X, y = X.drop(columns=y), X[y]
    columns = [X, y] if weight is None else [X, y, weight]
    for name, data in zip(("X", "y", "sample_weight"), columns, strict=False):
        if not _is_table(data):
            raise TypeError(
                f"{label}: X is a {_kind(X)}, and {name} a {type(data).__name__}: pass both as "
                "collections of dask with the same partitions"
            )
    parts = [_partitions(data) for data in columns]
    if len({len(part) for part in parts}) > 1:
        raise ValueError(
            f"{label}: X and the labels have {[len(part) for part in parts]} partitions: bring "
            "them to the same ones"
        )
    triple = dask.delayed(_as_tuple, traverse=False)
    return [triple(*part) for part in zip(*parts, strict=True)]


def _as_tuple(*part):
    return part


def _partitions(data):
    """A delayed object for each partition of the rows."""
    if hasattr(data, "numblocks") and data.ndim > 1:
        data = data.rechunk(dict.fromkeys(range(1, data.ndim), -1))
    return list(np.ravel(data.to_delayed()))


def split_domains(X, y, sample_domain, target):
    """Target and sources of a collection that is stacked over domains.

    Parameters
    ----------
    X : array or data frame of dask
    y, sample_domain : array or series of dask, or str
        A name is that of a column of X.
    target : scalar

    Returns
    -------
    X_target, y_target : rows and labels of the target, here
    sources : dict
        Of `RowsElsewhere`, by name.
    """
    import dask

    names = list(getattr(X, "columns", ()))
    columns, of_X = {"y": y, "sample_domain": sample_domain}, []
    for name, data in columns.items():
        if isinstance(data, str):
            if data not in names:
                raise ValueError(f"{name}={data!r} is no column of X: it has {names}")
            columns[name] = X[data]
            of_X.append(data)
    X = X.drop(columns=of_X) if of_X else X
    parts = _aligned_parts(X, columns["y"], columns["sample_domain"], label="X")
    present = dask.compute(*(dask.delayed(_domains_of)(part) for part in parts))
    domains, _ = distinct_labels([d for found in present for d in found], "sample_domain")
    [code] = find_labels([target], domains)
    if code < 0:
        raise ValueError(
            f"target={target!r} is not among the domains {plain_labels(domains)} of sample_domain."
        )
    if len(domains) == 1:
        raise ValueError(f"sample_domain holds the target {target!r} alone: there is no source.")
    chosen = dask.delayed(_rows_of_domain, traverse=False)
    sources = {}
    for k, (domain, name) in enumerate(zip(domains, label_names(domains), strict=True)):
        own = tuple(
            chosen(part, domain)
            for part, found in zip(parts, present, strict=True)
            if (find_labels([domain], found) >= 0).any()
        )
        if k == code:
            pieces = dask.compute(*own)
        else:
            sources[name] = RowsElsewhere(own, _ENGINE, f"domain {name!r} of a {_kind(X)}")
    X_target, y_target = (_stacked(part) for part in zip(*pieces, strict=True))
    return X_target, y_target, sources


def _domains_of(part):
    distinct, codes = distinct_labels(as_column(part[2]), "sample_domain")
    if np.any(codes < 0):
        raise ValueError("sample_domain has missing values: give every row a domain.")
    return distinct


def _rows_of_domain(part, domain):
    X, y, of_rows = part
    distinct, codes = distinct_labels(as_column(of_rows), "sample_domain")
    rows = np.flatnonzero(codes == find_labels([domain], distinct)[0])
    return _safe_indexing(X, rows), _safe_indexing(y, rows)


def _stacked(parts):
    if hasattr(parts[0], "iloc"):
        import pandas as pd

        return pd.concat(parts)
    return np.concatenate(parts)
