"""The container that carries sources through scikit-learn."""

import itertools
import numbers
from collections.abc import Mapping
from functools import partial
from html import escape
from typing import NamedTuple

import numpy as np
from scipy.sparse import issparse

from skuowq._utils._optional import import_optional
from skuowq._utils._sklearn import _safe_indexing

from .dask_engine import as_dask_source, is_of_dask, split_domains
from .dataset_rows import DatasetRows, is_dataset, rows_and_labels
from .elsewhere import RowsElsewhere
from .labels import as_column, distinct_labels, find_labels, label_names, plain_labels
from .regression_record import RegressionRecord
from .source_record import SourceModel, SourceRecord, as_record_or_model

# joblib memory-maps arrays above this size; smaller ones it pickles again for every task.
_MEMMAP_BYTES = 1_000_000
_KINDS = {
    SourceRecord: "record",
    RegressionRecord: "record",
    SourceModel: "model",
    RowsElsewhere: "rows elsewhere",
}


class _Block(NamedTuple):
    """Rows of all sources, one below the other; source k has those from ``offsets[k]``."""

    X: np.ndarray
    y: np.ndarray
    sample_weight: np.ndarray | None
    offsets: np.ndarray


class Sources:
    """Source data sets, carried safely through scikit-learn.

    Cross-validation in scikit-learn cuts every fit parameter that is as long as the target has
    rows: a plain list of ten sources beside ten target rows loses sources in each fold unnoticed.
    `Sources` has neither length nor shape, so it arrives whole. Estimators take plain lists too and
    raise where the two lengths agree.

    Parameters
    ----------
    pairs : list, tuple or dict
        ``(X, y)`` or ``(X, y, sample_weight)`` for every source; a dict maps names to them. For
        networks, X may be a map-style torch data set that yields ``(x, label)`` or ``x``; it may
        also stand alone, and then its labels are its own. In place of rows, for
        :class:`UOWQClassifier` around a logistic regression: ``(model, n_samples)``, a fitted
        probabilistic classifier and how many rows it was fitted to, or a
        :class:`skuowq.fisher.SourceRecord`. For :class:`UOWQRegressor` around a Ridge or a
        LinearRegression, a :class:`skuowq.fisher.RegressionRecord`. Rows may stay on a Dask
        cluster: ``(X, y)`` of Dask arrays, data frames or series, ``(frame, "column of the
        labels")``, a delayed object or future of ``(X, y)``, or a list of these, one for each part.
    names : list of str, default=None
        A name for every source, for messages, reports and plots. None takes the dict's keys or
        ``"source 0"``, ``"source 1"``, ...
    target_classes : array-like, default=None
        The target's classes, or its y. Some helpers of scikit-learn, such as `cross_val_predict`
        and `VotingClassifier`, hand y on as 0, 1, ...; with `target_classes` an estimator codes the
        sources' labels in the same way. Other labels than these are refused.
    X_unlabeled : {array-like, sparse matrix, DataFrame} of shape (n_unlabeled, n_features), \
            default=None
        Rows of the target without labels, for estimators that use such.
    transform_y : callable, default=None
        Takes the y of each source and returns another in its place. `TransformedTargetRegressor`
        transforms the target's y alone: pass its `func` here.
    missing : {"raise", "drop"}, default="raise"
        What a fit does with a source on a cluster that cannot be read: an error that names it, or a
        warning and weight 0.
    max_rows : int, default=None
        How many rows of sources on a cluster a fit may fetch, for estimators that need rows. None
        allows none: a logistic regression and a Ridge need sums alone.

    Attributes
    ----------
    n_sources : int
        Number of sources.
    n_samples : tuple of int
        Rows of every source; None where they are elsewhere and nobody has counted them.
    names : tuple of str
        Names of the sources.
    target_classes : tuple or None
        The target's classes, where known.
    X_unlabeled : array, DataFrame or None
        Rows of the target without labels.

    Raises
    ------
    TypeError, ValueError
        When a source is not a pair or a triple, its lengths disagree, or it has no rows; the
        message names the source.

    Notes
    -----
    Immutable: arrays come out read-only. Iterating gives the pairs and triples back,
    ``sources["north"]`` those of one source, and ``"north" in sources`` tells whether there is one
    of this name. There is no ``len(sources)``, on purpose: use ``sources.n_sources``. Many small
    arrays are packed into one block (copied), which workers then share; large ones are kept
    without a copy, so the arrays they were made from should be left alone. Of a data set the labels
    are read here, once: from its ``targets`` or ``labels`` where it has as many as rows and no
    ``target_transform``, else by reading every row. Its rows are read in the training.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq import Sources
    >>> X, y = np.zeros((6, 2)), np.array([0, 1] * 3)
    >>> Sources({"north": (X, y), "south": (X[:4], y[:4])})
    Sources(2 sources, 10 rows: north 6, south 4)
    """

    __slots__ = (
        "_X_unlabeled",
        "_block",
        "_entries",
        "_has_own_y",
        "_max_rows",
        "_missing",
        "_names",
        "_target_classes",
    )

    def __init__(
        self,
        pairs,
        names=None,
        target_classes=None,
        X_unlabeled=None,
        transform_y=None,
        missing="raise",
        max_rows=None,
    ):
        # Whether y is as the user has measured it.
        object.__setattr__(self, "_has_own_y", transform_y is None)
        if isinstance(pairs, Sources):
            missing = pairs._missing if missing == "raise" else missing
            max_rows = pairs._max_rows if max_rows is None else max_rows
        object.__setattr__(self, "_missing", _check_missing(missing))
        object.__setattr__(self, "_max_rows", _check_max_rows(max_rows))
        if isinstance(pairs, _Block):  # From a pickle.
            self._set(names, target_classes, X_unlabeled, _unpack(*pairs), pairs)
            return
        if isinstance(pairs, Sources):
            object.__setattr__(self, "_has_own_y", self._has_own_y and pairs._has_own_y)
            X_unlabeled = pairs.X_unlabeled if X_unlabeled is None else X_unlabeled
            names = pairs.names if names is None else names
            target_classes = pairs._target_classes if target_classes is None else target_classes
            pairs = pairs._entries
        if isinstance(pairs, Mapping):
            names = list(pairs) if names is None else names
            pairs = list(pairs.values())
        elif not isinstance(pairs, (list, tuple)):
            raise TypeError(
                f"sources must be a list of (X, y) pairs, a dict of them or a Sources, got "
                f"{type(pairs).__name__}. An iterator is used up by the first fit: pass "
                "list(sources). One source alone goes into a list: [(X, y)]."
            )
        if len(pairs) == 0:
            raise ValueError("sources is empty: pass sources=None to learn from the target alone.")
        names = _check_names(names, len(pairs))
        entries = tuple(
            _as_elsewhere(pair, label)
            or as_record_or_model(pair, label)
            or _check_source(pair, label)
            for pair, label in zip(pairs, map(source_label, names), strict=True)
        )
        rows_only = all(isinstance(entry, tuple) for entry in entries)
        if transform_y is not None:
            entries = tuple(map(partial(_with_other_y, transform_y), entries, names))
        block = _pack(entries) if rows_only else None
        if target_classes is not None:
            target_classes = _distinct_classes(target_classes)
        if X_unlabeled is not None:
            X_unlabeled = _check_unlabeled(X_unlabeled)
        entries = entries if block is None else _unpack(*block)
        self._set(names, target_classes, X_unlabeled, entries, block)

    def _set(self, names, target_classes, X_unlabeled, entries, block):
        # A transformer that works in place would otherwise transform the sources again and again.
        entries = tuple(
            tuple(map(_read_only, entry)) if isinstance(entry, tuple) else entry
            for entry in entries
        )
        object.__setattr__(self, "_names", names)
        object.__setattr__(self, "_target_classes", target_classes)
        object.__setattr__(self, "_X_unlabeled", _read_only(X_unlabeled))
        object.__setattr__(self, "_entries", entries)
        object.__setattr__(self, "_block", block)

    @classmethod
    def from_domains(cls, X, y, sample_domain, target):
        """Split data stacked over domains into target and sources.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows of all domains. Of a Dask array or data frame the target's rows are fetched, and
            the others stay where they are; each domain is then read once for its name.
        y : array-like of shape (n_samples,)
            Labels. With a data frame of Dask also the name of its column.
        sample_domain : array-like of shape (n_samples,)
            The domain of every row; the values name the sources. Anything that a column of a data
            frame holds and Python can hash: strings, numbers, dates, periods, tuples, ... With a
            data frame of Dask also the name of its column.
        target : scalar
            The value that marks the target's rows. A date may be one of Python, numpy or pandas.

        Returns
        -------
        X_target : same type as X
        y_target : same type as y
        sources : Sources
            One source per other domain, in sorted order; values without an order among them come
            by their type.

        Examples
        --------
        >>> import numpy as np
        >>> from skuowq import Sources
        >>> X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1, 0, 1, 0, 1])
        >>> X_target, y_target, sources = Sources.from_domains(
        ...     X, y, ["a", "a", "b", "b", "c", "c"], target="b"
        ... )
        >>> X_target.tolist(), sources
        ([[4.0, 5.0], [6.0, 7.0]], Sources(2 sources, 4 rows: a 2, c 2))
        """
        if is_of_dask(X):
            X_target, y_target, entries = split_domains(X, y, sample_domain, target)
            return X_target, y_target, cls(entries, target_classes=y_target)
        for name, data in (("X", X), ("y", y), ("sample_domain", sample_domain)):
            _check_in_memory(data, name)
        sample_domain = as_column(sample_domain)
        X = X.tocsr() if issparse(X) else X
        n_rows = _n_rows(X)
        if _n_rows(y) != n_rows:
            raise ValueError(f"X has {n_rows} rows, but y has {_n_rows(y)} entries.")
        if sample_domain.shape != (n_rows,):
            raise ValueError(
                f"sample_domain has shape {sample_domain.shape}, but X has {n_rows} rows: pass one "
                "domain a row."
            )
        domains, codes = distinct_labels(sample_domain, "sample_domain")
        if np.any(codes < 0):
            raise ValueError("sample_domain has missing values: give every row a domain.")
        [target_code] = find_labels([target], domains)
        if target_code < 0:
            raise ValueError(
                f"target={target!r} is not among the domains {plain_labels(domains)} of "
                "sample_domain."
            )
        if len(domains) == 1:
            raise ValueError(
                f"sample_domain holds the target {target!r} alone: there is no source."
            )
        names = label_names(domains)
        parts = []
        for code in range(len(domains)):
            rows = np.flatnonzero(codes == code)
            parts.append((_safe_indexing(X, rows), _safe_indexing(y, rows)))
        X_target, y_target = parts.pop(target_code)
        del names[target_code]
        return X_target, y_target, cls(parts, names=names, target_classes=y_target)

    @property
    def n_sources(self):
        return len(self._entries)

    @property
    def n_samples(self):
        return tuple(
            _n_rows(entry[0]) if isinstance(entry, tuple) else entry.n_samples
            for entry in self._entries
        )

    @property
    def given_by(self):
        """By what the sources are given: "rows", "elsewhere" where any is, "models" if without."""
        kinds = {type(entry) for entry in self._entries}
        if RowsElsewhere in kinds:
            return "elsewhere"
        return "rows" if kinds <= {tuple} else "models"

    @property
    def missing(self):
        """What a fit does with a source on a cluster that cannot be read."""
        return self._missing

    @property
    def max_rows(self):
        """How many rows of sources on a cluster a fit may fetch, or None."""
        return self._max_rows

    @property
    def _triples(self):
        """``(X, y, sample_weight)`` of every source, for whoever needs the rows."""
        for entry, name in zip(self._entries, self._names, strict=True):
            self._rows_of(entry, name)
        return self._entries

    def _rows_of(self, entry, name):
        if isinstance(entry, RowsElsewhere):
            raise TypeError(
                f"{source_label(name)} is a {entry.what}, and its rows, which are needed here, "
                "are elsewhere: UOWQClassifier and UOWQRegressor learn from it. To load it, "
                "pass what its method compute() or result() returns."
            )
        if not isinstance(entry, tuple):
            who, what = "UOWQClassifier around a LogisticRegression", "models and records"
            if isinstance(entry, RegressionRecord):
                who, what = "UOWQRegressor around a Ridge or LinearRegression", "such records"
            raise TypeError(
                f"{source_label(name)} is a {type(entry).__name__} without rows, which are "
                f"needed here: {who}, outside a pipeline, learns from {what}"
            )
        return entry

    def check_records(self, name, classifier):
        """Refuse a classifier's records and models for a regressor, and the other way round."""
        wrong, its, made_by = (SourceRecord, SourceModel), "classifier", "regression_record"
        if classifier:
            wrong, its, made_by = RegressionRecord, "regression", "source_record"
        for entry, own in zip(self._entries, self._names, strict=True):
            if isinstance(entry, wrong):
                raise TypeError(
                    f"{source_label(own)} is a {_KINDS[type(entry)]} of a {its}, which says "
                    f"nothing to {name}: pass skuowq.fisher.{made_by} of its rows, or the rows"
                )

    @property
    def names(self):
        return self._names

    @property
    def target_classes(self):
        return None if self._target_classes is None else tuple(plain_labels(self._target_classes))

    @property
    def X_unlabeled(self):
        return self._X_unlabeled

    def __iter__(self):
        for entry in self._entries:
            if isinstance(entry, tuple):
                X, y, sample_weight = entry
                entry = (X, y) if sample_weight is None else entry
            yield entry

    def __getitem__(self, name):
        for entry, own in zip(self, self._names, strict=True):
            if own == name:
                return entry
        raise KeyError(f"{name!r} is none of the sources {list(self._names)}")

    def __contains__(self, name):
        return name in self._names

    def drop(self, names):
        """Leave sources out.

        Parameters
        ----------
        names : str or list of str
            The sources to leave out.

        Returns
        -------
        sources : Sources
            The others, in their order.
        """
        names = [names] if isinstance(names, str) else list(names)
        self._check_known(names)
        kept = [name not in names for name in self._names]
        if not any(kept):
            raise ValueError(
                "names has all sources, so none is left: pass sources=None to the fit to learn "
                "from the target alone."
            )
        entries, names = (
            list(itertools.compress(parts, kept)) for parts in (self._entries, self._names)
        )
        return self._with(entries, names, self._X_unlabeled)

    def rename(self, names):
        """Give sources other names.

        Parameters
        ----------
        names : dict
            The present name of a source, and its new one. Others keep theirs.

        Returns
        -------
        sources : Sources
        """
        self._check_known(names)
        renamed = [names.get(name, name) for name in self._names]
        return Sources(self, names=renamed)

    def to_frame(self):
        """An overview of the sources as a pandas DataFrame.

        Returns
        -------
        frame : DataFrame
            Indexed by the sources' names: how many rows and features each has, and what it is given
            by, "rows", "record" or "model". The features of a model that does not tell are missing.
        """
        pd = import_optional("pandas", "to_frame")
        index = pd.Index(self._names, name="source")
        features = pd.array([_n_features(entry) for entry in self._entries], dtype="Int64")
        kinds = [_KINDS.get(type(entry), "rows") for entry in self._entries]
        columns = {"rows": self.n_samples, "features": features, "given by": kinds}
        return pd.DataFrame(columns, index=index)

    def _check_known(self, names):
        unknown = [name for name in names if name not in self._names]
        if unknown:
            raise ValueError(f"names has {unknown}, which are none of {list(self._names)}.")

    def map_features(self, function):
        """New `Sources` with ``function(X, label=)`` in place of every X; rows keep their order."""
        X_unlabeled = self._X_unlabeled
        if X_unlabeled is not None:
            X_unlabeled = function(X_unlabeled, label="X_unlabeled")
        entries = []
        for entry, name in zip(self._entries, self._names, strict=True):
            label = source_label(name)
            if isinstance(entry, RowsElsewhere):
                entries.append(entry.map_features(partial(function, label=label)))
            else:
                X, y, sample_weight = self._rows_of(entry, name)
                entries.append((function(X, label=label), y, sample_weight))
        return self._with(entries, self._names, X_unlabeled)

    def _with(self, entries, names, X_unlabeled):
        """Other entries of which all else is known that is known of these."""
        return Sources(entries, names, *self._known(X_unlabeled, self._target_classes))

    def _known(self, X_unlabeled, target_classes):
        """Arguments after names."""
        return target_classes, X_unlabeled, self._passed_on(), self._missing, self._max_rows

    def _passed_on(self):
        """What `transform_y` is where y has been transformed already."""
        return None if self._has_own_y else _unchanged

    def __setattr__(self, name, value):
        raise AttributeError("Sources is immutable: make a new one.")

    def __delattr__(self, name):
        raise AttributeError("Sources is immutable: make a new one.")

    def __reduce__(self):
        content = self._entries if self._block is None else self._block
        return Sources, (
            content,
            self._names,
            *self._known(self._X_unlabeled, self._target_classes),
        )

    def __repr__(self):
        n_samples = self.n_samples
        shown = [
            f"{name} {_count(n)}" for name, n in zip(self.names[:6], n_samples[:6], strict=True)
        ]
        more = ["..."] if self.n_sources > 6 else []
        plural = "" if self.n_sources == 1 else "s"
        return (
            f"Sources({self.n_sources} source{plural}, {_count(_total(n_samples))} rows: "
            f"{', '.join(shown + more)}{self._unlabeled_note()})"
        )

    def _unlabeled_note(self):
        if self.X_unlabeled is None:
            return ""
        return f"; {_n_rows(self.X_unlabeled):,} unlabelled target rows"

    def _repr_html_(self):
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td>{_count(n)}</td></tr>"
            for name, n in zip(self.names, self.n_samples, strict=True)
        )
        note = f"<caption>{self._unlabeled_note()[2:]}</caption>" if self._unlabeled_note() else ""
        return f"<table>{note}<tr><th>source</th><th>rows</th></tr>{rows}</table>"


def _count(n_rows):
    return "?" if n_rows is None else f"{n_rows:,.12g}"


def _total(n_samples):
    return None if None in n_samples else sum(n_samples)


def as_sources(sources, n_rows):
    """`Sources` from what a user passed to ``fit``, or None.

    Raises when a plain container is as long as the target: it may have been cut on the way.
    """
    if sources is None or isinstance(sources, Sources):
        return sources
    if isinstance(sources, (list, tuple, Mapping)) and len(sources) == n_rows:
        raise ValueError(
            f"sources is a {type(sources).__name__} of length {len(sources)} and the target has as "
            "many rows: cross-validation in scikit-learn cuts such lists along with the rows, so "
            "they may have lost sources on the way. Wrap them where they are made: "
            "skuowq.Sources(sources)."
        )
    return Sources(sources)


def source_label(name):
    """How a message calls a source."""
    return name if name.startswith("source ") else f"source {name!r}"


def _unchanged(y):
    return y


def _with_other_y(transform_y, entry, name):
    """A source with the y that `transform_y` makes of its own."""
    if not isinstance(entry, tuple):
        if transform_y is _unchanged:
            return entry
        raise TypeError(
            f"{source_label(name)} is a {type(entry).__name__} without rows, so there is no y for "
            "transform_y: leave transform_y out."
        )
    X, y, weight = entry
    changed = _as_array(transform_y(y), source_label(name))
    if getattr(changed, "shape", ())[:1] != (_n_rows(y),):
        raise ValueError(
            f"{source_label(name)}: transform_y returns shape {getattr(changed, 'shape', ())} for "
            f"{_n_rows(y)} rows: return one number for each row."
        )
    return X, changed, weight


def _as_elsewhere(pair, label):
    return pair if isinstance(pair, RowsElsewhere) else as_dask_source(pair, label)


def _check_missing(missing):
    if missing not in ("raise", "drop"):
        raise ValueError(f'missing is {missing!r}: pass "raise" or "drop"')
    return missing


def _check_max_rows(max_rows):
    counts = isinstance(max_rows, numbers.Integral) and not isinstance(max_rows, bool)
    if max_rows is not None and not (counts and max_rows > 0):
        raise ValueError(f"max_rows is {max_rows!r}: pass None or an integer above 0")
    return max_rows


def _check_names(names, n_sources):
    if names is None:
        return tuple(f"source {i}" for i in range(n_sources))
    names = tuple(str(name) for name in names)
    if len(names) != n_sources:
        raise ValueError(f"names has {len(names)} entries for {n_sources} sources: pass one each.")
    if len(set(names)) != n_sources:
        raise ValueError(f"names must be unique, got {list(names)}.")
    return names


def _check_source(pair, label):
    if is_dataset(pair):
        pair = rows_and_labels(pair, None, label)
    elif isinstance(pair, (list, tuple)) and 2 <= len(pair) <= 3 and is_dataset(pair[0]):
        pair = (*rows_and_labels(pair[0], pair[1], label), *pair[2:])
    if not isinstance(pair, (list, tuple)) or len(pair) not in (2, 3):
        what = type(pair).__name__
        if isinstance(pair, (list, tuple)):
            what += f" of length {len(pair)}"
        raise TypeError(
            f"{label} is a {what}: pass (X, y) or (X, y, sample_weight). One source alone goes "
            "into a list: sources=[(X, y)]."
        )
    X, y, sample_weight = (*pair, None)[:3]
    X, y = _as_array(X, label), _as_array(y, label)
    _check_in_memory(X, f"{label}: X")
    _check_in_memory(y, f"{label}: y")
    for name, data in (("X", X), ("y", y)):
        if not hasattr(data, "shape") or len(data.shape) == 0:
            raise TypeError(f"{label}: {name} is a {type(data).__name__}: pass an array of rows.")
    if _n_rows(X) == 0:
        raise ValueError(f"{label} is empty: leave it out.")
    if _n_rows(y) != _n_rows(X):
        raise ValueError(f"{label}: X has {_n_rows(X)} rows, but y has {_n_rows(y)} entries.")
    if sample_weight is not None:
        if isinstance(sample_weight, numbers.Real):
            sample_weight = np.full(_n_rows(X), float(sample_weight))
        sample_weight = _as_array(sample_weight, label, dtype=float)
        if sample_weight.shape != (_n_rows(X),):
            raise ValueError(
                f"{label}: X has {_n_rows(X)} rows, but sample_weight has shape "
                f"{sample_weight.shape}."
            )
        if not np.all(np.isfinite(sample_weight)) or np.any(sample_weight < 0):
            raise ValueError(f"{label}: sample_weight must be finite and at least 0.")
        if not np.any(sample_weight > 0):
            raise ValueError(f"{label}: all sample_weight are zero: leave the source out.")
    return X, y, sample_weight


def _distinct_classes(target_classes):
    """The target's classes, sorted; what is missing is the fit's to refuse."""
    return distinct_labels(as_column(target_classes).ravel(), "target_classes")[0]


def _check_unlabeled(X):
    if is_dataset(X):
        return DatasetRows.of(X, "X_unlabeled")
    X = _as_array(X, "X_unlabeled")
    _check_in_memory(X, "X_unlabeled")
    if not hasattr(X, "shape") or len(X.shape) < 2:
        raise TypeError(
            f"X_unlabeled is a {type(X).__name__} of shape {getattr(X, 'shape', '?')}: pass an "
            "array of rows."
        )
    if _n_rows(X) == 0:
        raise ValueError("X_unlabeled is empty: leave it out.")
    return X


def _as_array(data, label, dtype=None):
    if dtype is None and not isinstance(data, (list, tuple)):
        return data
    try:
        return np.asarray(data, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{label}: {error}") from error


def _read_only(data):
    if not isinstance(data, np.ndarray):
        return data
    view = data.view()
    view.flags.writeable = False
    return view


def _check_in_memory(data, what):
    """Refuse tables whose rows are not there yet, as those of dask and polars' lazy ones."""
    methods = [name for name in ("compute", "collect") if hasattr(data, name)]
    rows = (getattr(data, "shape", None) or (None,))[0]
    if methods and not isinstance(rows, numbers.Integral):
        package = type(data).__module__.partition(".")[0]
        raise TypeError(
            f"{what} is a {type(data).__name__} of {package}, whose rows are not in memory: pass "
            f"what its method {methods[0]}() returns."
        )


def _n_features(entry):
    """Columns of a source; None where a model does not tell."""
    if isinstance(entry, tuple):
        X = entry[0]
        if isinstance(X, DatasetRows):
            return X.n_columns
        return X.shape[1] if len(X.shape) > 1 else 1
    of_model = getattr(getattr(entry, "model", None), "n_features_in_", None)
    return getattr(entry, "n_features", of_model)


def _n_rows(data):
    shape = getattr(data, "shape", None)
    return shape[0] if shape else len(data)


def _pack(triples):
    """One block for many small dense sources; None where packing would not be faithful."""
    if len(triples) < 2:
        return None
    Xs, ys, weights = zip(*triples, strict=True)
    arrays = (*Xs, *ys)
    if not all(type(a) is np.ndarray and not a.dtype.hasobject for a in arrays):
        return None
    same = len({(X.dtype, X.shape[1:]) for X in Xs}) == 1 and len({y.dtype.kind for y in ys}) == 1
    if not same or any(y.ndim != 1 for y in ys):
        return None
    if sum(X.nbytes for X in Xs) > _MEMMAP_BYTES * len(Xs):
        return None
    if all(w is None for w in weights):
        weight = None
    elif any(w is None for w in weights):
        return None
    else:
        weight = np.concatenate(weights)
    offsets = np.cumsum([0] + [len(X) for X in Xs])
    return _Block(np.concatenate(Xs), np.concatenate(ys), weight, offsets)


def _unpack(X, y, sample_weight, offsets):
    parts = [slice(a, b) for a, b in itertools.pairwise(offsets)]
    return tuple((X[p], y[p], None if sample_weight is None else sample_weight[p]) for p in parts)
