"""Sources whose rows stay where they are: what one is, and how it is asked.

A source that is elsewhere answers one kind of question: "what does this function find in your rows,
given these arguments?" Its rows lie in parts. The function runs where a part is, and answers add
up, so what comes back is as long as one answer. An engine says how functions get to parts; rows
that are here have one too, so that they can stand beside others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial, reduce
from operator import add
from typing import Protocol

from skuowq._utils._warn import warn


class Engine(Protocol):
    """How functions get to the parts of sources."""

    def ask(self, function: Callable, parts: list, shared: object, own: list) -> list:
        """One answer of each source: the sum over its parts.

        Parameters
        ----------
        function : callable
            ``function(part, where, shared, own)``; `where` is what messages call the part.
        parts : list of list of (part, where)
            Of every source. A part is ``(X, y)`` or ``(X, y, sample_weight)`` where it is read.
        shared : object
            The same for all sources.
        own : list
            One for each source.
        """

    def map_parts(self, parts: tuple, function: Callable) -> tuple:
        """Handles of what a function makes of parts, where they are and when they are read."""


class Here:
    """The engine of rows that are here."""

    def ask(self, function, parts, shared, own):
        """See `Engine`."""
        return [
            reduce(add, (function(part, where, shared, own_k) for part, where in parts_k))
            for parts_k, own_k in zip(parts, own, strict=True)
        ]

    def map_parts(self, parts, function):
        """See `Engine`."""
        return tuple(map(function, parts))


_HERE = Here()


@dataclass(frozen=True, eq=False)
class RowsElsewhere:
    """A source whose rows are elsewhere.

    Attributes
    ----------
    parts : tuple
        Handles; what each stands for is read where it is.
    engine : Engine
    what : str
        What the user has passed, in words.
    """

    parts: tuple
    engine: Engine
    what: str

    # Nobody knows how many before they are read.
    n_samples = None

    def map_features(self, function):
        """The source with ``function(X)`` in place of X, wherever that is."""
        return replace(self, parts=self.engine.map_parts(self.parts, partial(_mapped, function)))

    def located(self, label):
        """The parts, and what messages call them."""
        if len(self.parts) == 1:
            return [(self.parts[0], label)]
        return [(part, f"{label}, part {i}") for i, part in enumerate(self.parts)]


def _mapped(function, part):
    X, *others = part
    return (function(X), *others)


@dataclass(frozen=True, eq=False)
class Asked:
    """A source that takes part in a fit, and can be asked.

    Attributes
    ----------
    entry : RowsElsewhere
    label : str
        What messages call it.
    bounds : tuple of two ndarray or None
        Smallest and largest values of rows that count; None where all do.
    columns : ColumnSums or None
        What is known of these rows' columns and labels.
    """

    entry: RowsElsewhere
    label: str
    bounds: tuple | None = None
    columns: object = None

    @property
    def n_samples(self):
        """Rows, counted by their weights."""
        return self.columns.total

    def with_bounds(self, bounds):
        """The same without the rows beyond."""
        return replace(self, bounds=bounds)


def as_asked(entry, label):
    """A source of `Sources` that can be asked; rows that are here can."""
    if isinstance(entry, tuple):
        entry = RowsElsewhere((entry,), _HERE, "source of rows")
    if not isinstance(entry, RowsElsewhere):
        raise TypeError(
            f"{label} is a {type(entry).__name__} without rows, and others are elsewhere: pass "
            "rows or collections for all sources, or records of all"
        )
    return Asked(entry, label)


def ask(sources, function, shared, own=None):
    """What a function finds in the rows of each source, summed over its parts.

    Parameters
    ----------
    sources : list of Asked
    function : callable
        ``function(part, where, shared, own)``, with ``own = (bounds, own)``.
    shared : object
        Arguments for all sources.
    own : list, default=None
        Arguments for each.

    Returns
    -------
    answers : list

    Raises
    ------
    ValueError, TypeError, RuntimeError
        If a part cannot be read, or holds what it must not; the message names it.
    """
    answers, errors = try_to_ask(sources, function, shared, own)
    if errors:
        raise errors[min(errors)]
    return answers


def try_to_ask(sources, function, shared, own=None):
    """As `ask`; sources that fail have None for an answer, and an error in a dict."""
    own = [None] * len(sources) if own is None else own
    own = [(source.bounds, own_k) for source, own_k in zip(sources, own, strict=True)]
    answers = [None] * len(sources)
    errors = {}
    for engine in dict.fromkeys(source.entry.engine for source in sources):
        numbers = [k for k, source in enumerate(sources) if source.entry.engine is engine]
        parts = [sources[k].entry.located(sources[k].label) for k in numbers]
        try:
            found = engine.ask(function, parts, shared, [own[k] for k in numbers])
        except Exception:
            # Which of them fails is seen when each is asked by itself.
            found = []
            for k, parts_k in zip(numbers, parts, strict=True):
                try:
                    found += engine.ask(function, [parts_k], shared, [own[k]])
                except Exception as error:
                    errors[k] = _named(error, sources[k])
                    found.append(None)
        for k, answer in zip(numbers, found, strict=True):
            answers[k] = answer
    return answers, errors


def _named(error, source):
    """An error that names the source; those of our checks do so already."""
    if isinstance(error, (TypeError, ValueError)) and str(error).startswith(source.label):
        return error
    named = RuntimeError(
        f"{source.label} ({source.entry.what}) cannot be read. {type(error).__name__}: {error}. "
        "Mend it, leave the source out, or pass Sources(..., missing='drop') to leave such sources "
        "out with a warning."
    )
    named.__cause__ = error
    return named


def warn_of_missing(error):
    """That a source is left out."""
    text = str(error).partition(" Mend it")[0]
    warn(f"{text} It is left out, with weight 0.")
