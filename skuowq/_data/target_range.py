"""Source rows that lie far outside the target's range are left out.

A row acts on a linear fit by its weight times the square of its values. No weight is small enough
for values of 1e8, so a source in other units, or one with codes such as -9999 for missing values,
could decide the fit at any weight. Such rows are recognised by their values alone, before anything
is fitted.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import compress

import numpy as np
from scipy import sparse
from scipy.stats import chi2
from sklearn.utils.sparsefuncs import min_max_axis

from skuowq._utils._warn import warn

from .dataset_rows import DatasetRows
from .domains import is_frame, number_columns, take_rows
from .held_together import row_keys
from .sources import source_label

# A value is far outside when it lies this many ranges beyond the target's smallest or largest.
_FAR = 10.0
# Of the target's own range, at which the other sources may put it.
_AT_MOST = 2.0
# Of a column on average, root mean squares.
_FAR_ON_AVERAGE = 2.0
# How unlikely a range of few rows may be too small by chance.
_CHANCE = 1e-4
# With this share of a column's values far outside, a source is in other units as a whole.
_OTHER_UNITS = 1 / 3
# So it is when most of its columns span this many times less than the target's.
_FLAT = 100.0
# No more rows than this share, or this many, are left out without a warning.
_WORTH_A_WARNING = 0.01
_OUTLYING_ROWS = 2
# A column's range is taken to be at most so many times the middle half of its values: for normal
# rows it is hardly more.
_OUTLIERS = 5.0
_FEWEST_SAMPLED = 20
_BLOCK_ENTRIES = 2**20
# Of a column, in root mean squares.
_USUAL_SPAN = 4.0


@dataclass(frozen=True)
class RowsInRange:
    """What is left of the sources.

    Attributes
    ----------
    domains : list of Domain
        The sources that are left, with their rows that are.
    kept : ndarray of bool of shape (n_sources,)
        Which of the sources are left.
    rows : list of ndarray of int
        Of every source, the numbers of the rows that are left.
    unseen : ndarray of shape (n_sources,) or None
        Of the columns that vary in a source, the share that does not vary in the target. None where
        it was not looked at.
    """

    domains: list
    kept: np.ndarray
    rows: list
    unseen: np.ndarray | None = None

    def among(self, given):
        """As a part of more sources, of which the others are left out.

        Parameters
        ----------
        given : ndarray of bool of shape (n_sources,)
            Which of all sources these are.
        """
        kept, rows = given.copy(), iter(self.rows)
        kept[given] = self.kept
        nothing = np.arange(0)
        all_rows = [next(rows) if own else nothing for own in given]
        unseen = None if self.unseen is None else put_among_all(given, self.unseen, 0.0)
        return RowsInRange(self.domains, kept, all_rows, unseen)

    def among_all(self, values, absent):
        """Values of the sources that are left, put where all sources have one."""
        return put_among_all(self.kept, values, absent)


def put_among_all(kept, values, absent):
    """Values of the sources that are kept, put where all sources have one."""
    full = np.full((len(kept), *values.shape[1:]), absent)
    full[kept] = values
    return full


def leave_out_far_rows(target, domains, names, *, n_classes=2):
    """Sources without the rows that lie far outside the target's range.

    Parameters
    ----------
    target : Domain
    domains : list of Domain
        The sources.
    names : list of str
        Of the sources.
    n_classes : int, default=2
        With fewer labels a source is left out; 1 where labels are numbers.

    Returns
    -------
    left : RowsInRange

    Notes
    -----
    With ``[a, b]`` the range of a column in the target's rows, a value is far outside when it lies
    more than ``10 max(c (b - a), r)`` beyond ``[a, b]``. ``r`` is the lower median of the column's
    range in the other sources, in each at most five times that of the middle half of its values,
    and at most ``2 c (b - a)``. Copies count as one row, so that a row of weight 3 is three
    rows. ``c`` makes up for the small range that few rows have by chance: in
    one of 10,000 samples of normal rows the standard deviation is underestimated as many times.
    Rows at the median do not count, for most may be 0. A column that is constant in the
    target has no range to compare with, and little hold on its predictions.

    A source is left out as a whole when a third of a column lies far outside, and when most of its
    columns span less than a hundredth of the target's: it is in other units.
    """
    rows = [np.arange(len(domain.y)) for domain in domains]
    numbers = []

    @cache
    def distinct(i):
        return numbers[i][distinct_rows(numbers[i])]

    def limits():
        numbers.extend(_numbers(domain.X) for domain in domains)
        return [limits_of(values) for values in numbers]

    def usual_spans(spans):
        return [_usual_span(distinct(i), span) for i, span in enumerate(spans)]

    def far_rows(i, lowest, highest):
        far = which_are_far(numbers[i], lowest, highest)
        rows[i] = np.flatnonzero(~far)
        shares = count_outside(distinct(i), lowest, highest) / distinct(i).shape[0]
        return FarRows(far.sum(), shares, len(np.unique(domains[i].y[rows[i]])))

    n_rows = [len(domain.y) for domain in domains]
    found = judge_ranges(target, names, n_rows, limits, usual_spans, far_rows, n_classes)
    left = []
    for i, (domain, judged) in enumerate(zip(domains, found, strict=True)):
        if not judged.kept:
            rows[i] = rows[i][:0]
        else:
            left.append(domain if judged.bounds is None else take_rows(domain, rows[i]))
    kept = np.array([judged.kept for judged in found], dtype=bool)
    return RowsInRange(left, kept, rows, np.array([judged.unseen for judged in found]))


@dataclass(frozen=True)
class FarRows:
    """Rows of a source that lie far outside the target's range.

    Attributes
    ----------
    n_rows : int
    shares : ndarray of shape (n_features,)
        Of every column's values, in distinct rows.
    n_labels : int
        Distinct ones of the other rows.
    """

    n_rows: int
    shares: np.ndarray
    n_labels: int


@dataclass(frozen=True)
class Judged:
    """What becomes of a source.

    Attributes
    ----------
    kept : bool
        Whether any of its rows is left.
    bounds : tuple of two ndarray or None
        Smallest and largest values of the rows that are left; None where all are.
    unseen : float
        As in `RowsInRange`.
    """

    kept: bool = True
    bounds: tuple | None = None
    unseen: float = 0.0


def judge_ranges(target, names, n_rows, limits, usual_spans, far_rows, n_classes=2):
    """Which sources, and which of their rows, `leave_out_far_rows` leaves out, with its warnings.

    Parameters
    ----------
    target : Domain
    names : list of str
        Of the sources.
    n_rows : list of int
    limits : callable
        Returns smallest and largest values of each source's columns, of shape (2, n_features).
    usual_spans : callable
        From the spans of all sources to those without outliers.
    far_rows : callable
        From the number of a source and bounds to its `FarRows`.
    n_classes : int, default=2

    Returns
    -------
    judged : list of Judged
    """
    # Arrays of integers are a network's, and may be tokens, of which none is far from another.
    # Rows of data sets are not read for it.
    unread = isinstance(target.X, DatasetRows) or _are_integers(target.X)
    comparable = names and target.groups.max() > 0 and not unread
    reference = _Reference(target) if comparable else None
    if reference is None or not len(reference.low):
        return [Judged() for _ in names]
    limits = limits()
    spans = np.array([high - low for low, high in limits])
    # The other sources can only widen the bounds: who is within the target's own need not wait for
    # theirs, which take a sort of the rows.
    lowest, highest = reference.bounds([])
    suspect = [np.any((low < lowest) | (high > highest)) for low, high in limits]
    usual = np.array(usual_spans(spans)) if any(suspect) else None
    judged = []
    for i, name in enumerate(names):
        found, column, n_lost = Judged(), None, 0
        if suspect[i]:
            lowest, highest = reference.bounds(np.delete(usual, i, axis=0))
        if reference.is_flat(spans[i]):
            found, n_lost = Judged(kept=False), n_rows[i]
            column = int(np.argmax(reference.span / np.maximum(spans[i], np.finfo(float).tiny)))
        elif suspect[i] and np.any((limits[i][0] < lowest) | (limits[i][1] > highest)):
            far = far_rows(i, lowest, highest)
            column = int(np.argmax(far.shares))
            too_few = far.n_rows == n_rows[i] or far.n_labels < n_classes
            if far.shares[column] > _OTHER_UNITS or too_few:
                found, n_lost = Judged(kept=False), n_rows[i]
            else:
                found, n_lost = Judged(bounds=(lowest, highest)), far.n_rows
        if n_lost > max(_WORTH_A_WARNING * n_rows[i], _OUTLYING_ROWS) or not found.kept:
            span = limits[i][0][column], limits[i][1][column]
            warn(reference.message(name, column, span, n_lost, n_rows[i]))
        judged.append(replace(found, unseen=reference.unseen(spans[i])))
    return judged


def leave_out_far_records(target, records, names, sizes_and_spreads):
    """As `leave_out_far_rows`, for sources of which a record is all that is known.

    In place of its values' range a column of a source has their root mean square about the target's
    mean.

    Parameters
    ----------
    target : Domain
    records : list
    names : list of str
        Of the sources.
    sizes_and_spreads : callable
        From a record to the root mean square of every column about the target's mean, and its
        standard deviation.

    Returns
    -------
    left : RowsInRange
        ``rows`` is empty.
    """
    kept, unseen = np.ones(len(records), dtype=bool), np.zeros(len(records))
    if target.groups.max() == 0:
        return RowsInRange(records, kept, [], unseen)
    reference = _Reference(target)
    sizes, spreads = np.swapaxes([sizes_and_spreads(record) for record in records], 0, 1)
    for i, name in enumerate(names):
        reach = reference.reach(_USUAL_SPAN * np.delete(sizes, i, axis=0))
        excess = sizes[i] / (_FAR_ON_AVERAGE * reach)
        kept[i] = not (np.any(excess > 1) or reference.is_flat(_USUAL_SPAN * spreads[i]))
        if not kept[i]:
            column = int(np.argmax(np.abs(np.log(np.maximum(excess, np.finfo(float).tiny)))))
            span = -sizes[i][column], sizes[i][column]
            warn(reference.message(name, column, span, 1, 1))
        unseen[i] = reference.unseen(spreads[i])
    return RowsInRange(list(compress(records, kept)), kept, [], unseen)


def sizes_and_spreads(record):
    """Of a `SourceRecord` about the target's mean, by the information: see `leave_out_far_records`.

    Rows that are sure of their label are not in it.
    """
    p, c = record.theta.shape
    J = record.information
    border, own = J[:-c, -c:], J[-c:, -c:]
    total = np.trace(own)
    if total < np.finfo(float).tiny:  # Of rows that are sure of their labels it tells nothing.
        return np.zeros((2, p - 1))
    squares = J.diagonal()[:-c]
    within = squares - np.sum(border * np.linalg.pinv(own).dot(border.T).T, axis=1)
    by_column = np.maximum([squares, within], 0.0).reshape(2, p - 1, c).sum(axis=2)
    return np.sqrt(by_column / total)


class _Reference:
    """The target's range in every column of numbers."""

    def __init__(self, target):
        X = target.X
        values = _numbers(X)
        values = values[distinct_rows(values)]
        self.low, self.high = limits_of(values)
        self.span = self.high - self.low
        self.columns = list(number_columns(X).columns) if is_frame(X) else None
        # A standard deviation of n normal rows is chi with n - 1 degrees of freedom; copies are one
        # row. Where most rows are of one value, such as 0, only the others tell of the range.
        df = np.clip(_n_varying(values), 1, target.groups.max())
        self.chance = np.sqrt(df / chi2.ppf(_CHANCE, df))

    def reach(self, other_spans):
        """The range of every column, as far as the target and the other sources tell."""
        usual = np.zeros(len(self.span))
        if len(other_spans):
            usual = np.sort(other_spans, axis=0)[(len(other_spans) - 1) // 2]
        own = self.chance * self.span
        # What the target shows has the last word: all sources may be in other units.
        reach = np.fmax(own, np.fmin(usual, _AT_MOST * own))
        reach[~(reach > 0)] = np.inf
        return reach

    def bounds(self, other_spans):
        """Smallest and largest values that are not far outside."""
        reach = _FAR * self.reach(other_spans)
        return self.low - reach, self.high + reach

    def unseen(self, span):
        """Of the columns that vary in a source, the share that does not vary here."""
        varying = span > 0
        return float(np.mean(self.span[varying] == 0)) if varying.any() else 0.0

    def is_flat(self, span):
        """Whether most columns that vary in both span much less than here."""
        varying = (span > 0) & (self.span > 0)
        flat = span[varying] * _FLAT * self.chance[varying] < self.span[varying]
        return 2 * flat.sum() > len(flat)

    def message(self, name, column, span, n_lost, n_rows):
        label = source_label(name)
        title = column if self.columns is None else repr(self.columns[column])
        seen = (
            f"column {title} of {label} spans {span[0]:.4g} to {span[1]:.4g}, the target's "
            f"{self.low[column]:.4g} to {self.high[column]:.4g}"
        )
        if n_lost == n_rows:
            return f"{seen}: other units? {label} is left out. Bring it to the target's units."
        return (
            f"{seen}: a code for missing values, or other units? {n_lost:,} of the {n_rows:,} rows "
            f"of {label}, which lie that far outside, are left out. Replace such codes, or scale "
            "the column."
        )


def _are_integers(X):
    return isinstance(X, np.ndarray) and X.dtype.kind in "iub"


def _numbers(X):
    """Columns of numbers: an array of two axes, or a sparse matrix."""
    if is_frame(X):
        return number_columns(X).to_numpy(dtype=float, na_value=np.nan)
    return X if sparse.issparse(X) else X.reshape(len(X), -1)


def limits_of(values):
    """Smallest and largest number of every column; NaN where all are missing."""
    if sparse.issparse(values):
        return min_max_axis(values, axis=0, ignore_nan=True)
    # Differences of small integers must not overflow.
    return np.array([np.fmin.reduce(values, axis=0), np.fmax.reduce(values, axis=0)], dtype=float)


def _n_varying(values):
    """How many values of every column are not its median."""
    if sparse.issparse(values):
        return values.getnnz(axis=0)
    return np.sum((values != _at(values, 2)) & ~np.isnan(values), axis=0)


def _usual_span(values, span):
    """The range of every column without its outliers, of which codes are some."""
    n_rows = max(_FEWEST_SAMPLED, _BLOCK_ENTRIES // max(values.shape[1], 1))
    sample = values[:: -(-values.shape[0] // n_rows)]
    sample = sample.toarray() if sparse.issparse(sample) else sample
    return without_outliers(_at(sample, 3) - _at(sample, 1), span)


def without_outliers(middle_half, span):
    """The range of a column, from all of it and from the middle half of its values."""
    return np.where(middle_half > 0, np.fmin(span, _OUTLIERS * middle_half), span)


def _at(values, quarter):
    """A quartile of every column, one of its values; missing ones do not count."""
    ordered = np.sort(values, axis=0)  # NaN last.
    last = np.maximum((~np.isnan(ordered)).sum(axis=0) - 1, 0)
    return np.take_along_axis(ordered, quarter * last[None] // 4, axis=0)[0]


def distinct_rows(values):
    """The numbers of the rows without their copies."""
    return np.unique(row_keys(values), return_index=True)[1]


def which_are_far(values, lowest, highest):
    """Which rows have a value out of bounds."""
    far = np.zeros(values.shape[0], dtype=bool)
    for rows, outside in _outside(values, lowest, highest):
        far[rows] = outside.any(axis=1)
    return far


def count_outside(values, lowest, highest):
    """How many of each column's values are out of bounds."""
    counts = np.zeros(values.shape[1])
    for _, outside in _outside(values, lowest, highest):
        counts += outside.sum(axis=0)
    return counts


def _outside(values, lowest, highest):
    """Block by block: its rows, and which of their values are out of bounds."""
    step = max(1, _BLOCK_ENTRIES // max(values.shape[1], 1))
    for start in range(0, values.shape[0], step):
        rows = slice(start, start + step)
        block = values[rows].toarray() if sparse.issparse(values) else values[rows]
        yield rows, (block < lowest) | (block > highest)
