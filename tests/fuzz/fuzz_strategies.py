"""Transfer problems to draw: targets, sources of every kind, rules and options.

Hypothesis draws what a problem is like; the numbers themselves come from a generator whose seed it
draws, which is a hundred times faster.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from optional import installed, optional
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from skuowq import Sources
from skuowq.fisher import regression_record, source_record

pd = optional("pandas")

SEEDS = st.integers(0, 2**32 - 1)

# Names of the classes, in order.
LABELS = {
    "int": np.arange(3),
    "int8": np.arange(3, dtype=np.int8),
    "uint8": np.array([0, 1, 255], dtype=np.uint8),
    "negative": np.array([-1, 1, 2]),
    "float": np.array([0.0, 1.0, 2.0]),
    "text": np.array(["a", "b", "c"]),
    "digits": np.array(["0", "1", "2"]),
    "object": np.array(["a", "b", "c"], dtype=object),
    "bool": np.array([False, True]),
}

FAULTS = (
    "one class",
    "columns",
    "negative weight",
    "all weights zero",
    "no rows",
    "length of y",
    "infinity",
    "NaN label",
    "own classes",
    "one number",
)


@dataclass
class Problem:
    """What a user has in hand.

    Attributes
    ----------
    X, y, sample_weight : the target
    sources : list, dict, Sources or None
    parts : list of (X, y, sample_weight)
        The sources as arrays, before they were wrapped.
    X_new : rows to predict
    classes : ndarray
        Sorted; of all domains.
    hard : bool
        Columns or weights at which scikit-learn's own fits may warn.
    fault : str or None
        What is wrong with it.
    """

    X: object
    y: np.ndarray
    sample_weight: object
    sources: object
    parts: list
    X_new: object
    classes: np.ndarray
    hard: bool = False
    fault: str | None = None
    notes: dict = field(default_factory=dict)

    @property
    def n_sources(self):
        return len(self.parts)

    def __repr__(self):
        return f"Problem({self.notes}, fault={self.fault!r}, n={np.shape(self.X)})"


@st.composite
def units(draw, n_features):
    """Scale and offset of every column, and whether they are hard."""
    kind = draw(st.sampled_from(["one", "one", "common", "each"]))
    exponents = np.zeros(n_features)
    if kind == "common":
        exponents[:] = draw(st.integers(-12, 12))
    elif kind == "each":
        exponents[:] = [draw(st.integers(-12, 12)) for _ in range(n_features)]
    scale = 10.0**exponents
    # In standard deviations.
    offset = draw(st.sampled_from([0.0, 0.0, 0.0, 1.0, 1e2, 1e4, 1e6, 1e8]))
    return scale, offset * scale, bool(np.abs(exponents).max() > 1 or offset > 10)


@st.composite
def row_weights(draw, n_rows, rng, keep):
    """None, whole numbers, zeros, or weights of any size; the first `keep` rows count."""
    kind = draw(st.sampled_from(["none", "none", "none", "ones", "whole", "zeros", "any", "tiny"]))
    if kind == "none":
        return None
    weight = np.ones(n_rows)
    if kind == "whole":
        weight = rng.randint(1, 4, size=n_rows).astype(float)
    elif kind == "zeros":
        weight[rng.uniform(size=n_rows) < 0.5] = 0.0
        weight[:keep] = 1.0
    elif kind == "any":
        weight = 10.0 ** rng.uniform(-7, 7, size=n_rows)
    elif kind == "tiny":
        weight[:] = 10.0 ** draw(st.integers(-7, 7))
    return weight


@st.composite
def problems(
    draw,
    kind="classes",
    containers=("array", "array", "list", "frame", "sparse", "float32", "whole"),
    labels=tuple(LABELS),
    min_sources=0,
    most_rows=40,
    missing=False,
    weights=True,
    extreme=True,
    faults=True,
):
    """A target and up to three sources."""
    rng = np.random.RandomState(draw(SEEDS))
    p, n_sources = draw(st.integers(1, 4)), draw(st.integers(min_sources, 3))
    encoding = draw(st.sampled_from(labels))
    n_classes = draw(st.integers(2, len(LABELS[encoding]))) if kind == "classes" else 2
    names = LABELS[encoding][:n_classes]
    least = 2 * n_classes  # Two rows a class.
    scale, offset, hard = np.ones(p), np.zeros(p), False
    if extreme:
        scale, offset, hard = draw(units(p))
    shape = draw(st.sampled_from(["plain"] * 4 + ["one row a class", "constant", "zero", "copies"]))
    effects = rng.normal(size=(p, n_classes)) * draw(st.sampled_from([0.0, 1.0, 5.0]))
    hard = hard or shape in ("constant", "zero")

    def domain(n, change):
        Z = rng.normal(size=(n, p)) + change * rng.normal(size=p)
        own = effects + change * rng.normal(size=effects.shape)
        if shape == "copies":
            Z = Z[rng.randint(max(n // 3, 1), size=n)]
        if kind == "classes":
            y = np.argmax(Z @ own + rng.gumbel(size=(n, n_classes)), axis=1)
            y[:n_classes] = np.arange(n_classes)
            if n >= least:
                y[n_classes:least] = np.arange(n_classes)
            y = names[y]
        else:
            y = (Z @ own[:, 0] + rng.normal(size=n)) * notes["response"]
        X = offset + scale * Z
        if shape == "constant":
            X[:, 0] = offset[0] + scale[0]
        if shape == "zero":
            X[:] = 0.0
        return X, y

    notes = {
        "kind": shape,
        "labels": encoding if kind == "classes" else "numbers",
        "scale": scale,
        "offset": offset,
        "response": draw(st.sampled_from([1.0, 1.0, 1e-6, 1e6])) if kind == "numbers" else None,
    }
    n = draw(st.integers(least, most_rows))
    if shape == "one row a class":
        n = n_classes if kind == "classes" else 2
    sizes = [draw(st.integers(least, most_rows)) for _ in range(n_sources)]
    changes = [draw(st.sampled_from([0.0, 0.3, 3.0, 30.0])) for _ in sizes]
    parts = [
        domain(size, change) for size, change in zip([n, *sizes], [0.0, *changes], strict=True)
    ]
    keep = n_classes
    weighted = [(X, y, draw(row_weights(len(y), rng, keep)) if weights else None) for X, y in parts]
    # There lbfgs stops short of the optimum on the pooled rows, too.
    hard = hard or any(np.abs(X).max() > 100 for X, _ in parts)
    hard = hard or any(w is not None and np.ptp(w) + w.max() > 100 for _, _, w in weighted)
    hole = missing and draw(st.booleans())
    containers = [c for c in containers if c != "frame" or installed("pandas")]
    container = draw(st.sampled_from(containers))
    X_new = offset + scale * rng.normal(size=(5, p))
    if hole:
        for X, _, _ in weighted:
            X[rng.uniform(size=X.shape) < 0.2] = np.nan
    fault = None
    if faults and draw(st.integers(0, 4)) == 0:
        fault = draw(st.sampled_from(FAULTS))
        weighted = with_fault(weighted, fault, rng, draw(st.booleans()))
    notes |= {
        "container": container,
        "sizes": [np.size(y) for _, y, _ in weighted],
        "weights": [
            None if w is None else (w.min(initial=0), w.max(initial=0)) for _, _, w in weighted
        ],
        "changes": changes,
        "missing": hole,
    }
    weighted = [(in_container(X, container), y, w) for X, y, w in weighted]
    (X, y, weight), *others = weighted
    wrap = draw(st.sampled_from(["list", "dict", "Sources"]))
    return Problem(
        X=X,
        y=y,
        sample_weight=weight,
        sources=wrapped(others, wrap, np.size(y)),
        parts=others,
        X_new=in_container(X_new, container),
        classes=names,
        hard=hard,
        fault=fault,
        notes=notes | {"wrap": wrap},
    )


def in_container(X, container):
    """Rows as users hold them."""
    if container == "list":
        return X.tolist()
    if container == "frame":
        return pd.DataFrame(X, columns=[f"column {j}" for j in range(X.shape[1])])
    if container == "sparse":
        return sparse.csr_matrix(X)
    if container == "float32":
        return X.astype(np.float32)
    if container == "whole":
        return np.round(np.nan_to_num(np.clip(X, -1e15, 1e15))).astype(np.int64)
    return X


def wrapped(parts, wrap, n_rows):
    """Sources as a list, a dict or `Sources`; None where there are none.

    A list as long as the target would be refused, as it may have been cut.
    """
    if not parts:
        return None
    pairs = [(X, y) if w is None else (X, y, w) for X, y, w in parts]
    if wrap == "Sources" or len(pairs) == n_rows:
        return LazySources(pairs)
    if wrap == "dict":
        return {f"s{k}": pair for k, pair in enumerate(pairs)}
    return pairs


class LazySources(list):
    """Pairs that become `Sources` in the call under test, where their errors belong."""


def as_given(sources):
    """What the user passes as sources; makes `Sources` where that is what was drawn."""
    return Sources(list(sources)) if isinstance(sources, LazySources) else sources


def with_fault(parts, fault, rng, in_source):
    """The parts with something wrong in one of them."""
    k = rng.randint(1, len(parts)) if in_source and len(parts) > 1 else 0
    X, y, weight = parts[k]
    X, y = X.copy(), y.copy()
    if fault == "one class":
        y[:] = y[0]
    elif fault == "columns":
        X = np.hstack([X, X])
    elif fault == "negative weight":
        weight = np.append(-1.0, np.ones(len(y) - 1))
    elif fault == "all weights zero":
        weight = np.zeros(len(y))
    elif fault == "no rows":
        X, y, weight = X[:0], y[:0], None
    elif fault == "length of y":
        y, weight = y[:-1], None
    elif fault == "infinity":
        X[0, 0] = np.inf
    elif fault == "NaN label":
        y = np.array([np.nan, *y[1:].tolist()], dtype=object)
    elif fault == "own classes":
        y = np.array([f"other {label}" for label in y.tolist()])
    elif fault == "one number":
        y = np.float64(3)
    return [*parts[:k], (X, y, weight), *parts[k + 1 :]]


def as_records_or_models(problem, kinds):
    """The problem with sources that hold no rows: "record" or "model" for each, or "rows"."""
    entries = []
    for (X, y, w), kind in zip(problem.parts, kinds, strict=True):
        if kind == "record":
            entries.append(source_record(X, y, classes=problem.classes, sample_weight=w))
        elif kind == "model":
            assume(len(set(np.ravel(y).tolist())) > 1)  # Of one class there is no such model.
            model = LogisticRegression(max_iter=20).fit(X, y, sample_weight=w)
            entries.append((model, len(y)))
        else:
            entries.append((X, y) if w is None else (X, y, w))
    return replace(problem, sources=Sources(entries))


def as_regression_records(problem, kinds):
    """The problem with sources for numbers: "record" or "rows" for each."""
    entries = [
        regression_record(X, y, sample_weight=w) if kind == "record" else (X, y, w)
        for (X, y, w), kind in zip(problem.parts, kinds, strict=True)
    ]
    return replace(problem, sources=Sources(entries))


def sizes(bad=True):
    """Numbers of rows as a user may give them, now and then wrong ones."""
    good = st.one_of(
        st.integers(1, 10_000), st.floats(-3, 9).map(lambda e: 10.0**e), st.integers(1, 20)
    )
    return with_bad(good) if bad else good


def discrepancies(bad=True):
    """Squared distances per parameter."""
    good = st.one_of(st.just(0.0), st.floats(-12, 6).map(lambda e: 10.0**e), st.floats(0, 2))
    return with_bad(good) if bad else good


def with_bad(good, bad=(0, -1, np.nan, np.inf, None, "many", [[1.0]])):
    """Values that are mostly in order."""
    return st.integers(0, 19).flatmap(lambda k: st.sampled_from(bad) if k == 0 else good)


@st.composite
def gram_matrices(draw, n, size=None):
    """Positive semidefinite (n, n) matrices, diagonal or of any rank, also singular."""
    rng = np.random.RandomState(draw(SEEDS))
    magnitude = 10.0 ** draw(st.floats(-12, 6) if size is None else size)
    kind = draw(st.sampled_from(["diagonal", "full", "one direction", "zero", "ragged"]))
    if kind == "zero":
        return np.zeros((n, n))
    if kind == "diagonal":
        return magnitude * rng.uniform(0, 1, size=n)
    if kind == "one direction":
        v = rng.normal(size=(n, 1))
        return magnitude * v @ v.T
    root = rng.normal(size=(n, n))
    if kind == "ragged":
        root *= 10.0 ** rng.uniform(-4, 0, size=(n, 1))
    G = magnitude * root @ root.T
    return (G + G.T) / 2
