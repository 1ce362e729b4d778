"""`Sources` and the pipelines that carry them."""

import datetime
import inspect
import pickle

import numpy as np
from fuzz_harness import assert_probabilities, fuzz, outcome
from fuzz_strategies import as_given, problems
from hypothesis import strategies as st
from optional import optional
from sklearn.decomposition import PCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skuowq import Sources, TransferPipeline, UOWQClassifier, make_transfer_pipeline
from skuowq.rules import Reml

pd = optional("pandas")

ARGUMENTS = {"pairs", "names", "target_classes", "X_unlabeled", "sample_domain", "sample_weight"}
ARGUMENTS |= set(inspect.signature(TransferPipeline.fit).parameters)


@fuzz(
    "Sources",
    problem=problems(missing=True),
    names=st.sampled_from([None, "given", "twice", "few", "numbers"]),
    unlabeled=st.sampled_from(["", "", "rows", "vector", "none"]),
)
def test_sources(problem, names, unlabeled):
    k = problem.n_sources
    names = {
        None: None,
        "given": [f"a{i}" for i in range(k)],
        "twice": ["a"] * k,
        "few": ["a"] * (k - 1),
        "numbers": list(range(k)),
    }[names]
    X_unlabeled = {
        "": None,
        "rows": problem.X_new,
        "vector": np.zeros(3),
        "none": np.zeros((0, 2)),
    }[unlabeled]
    pairs = problem.sources if problem.sources is not None else []
    pairs = list(pairs.values()) if isinstance(pairs, dict) else list(pairs)
    found = outcome(
        lambda: Sources(pairs, names, target_classes=problem.classes, X_unlabeled=X_unlabeled),
        ARGUMENTS,
    )
    if found is not None:
        assert found.n_sources == k
        assert len(list(found)) == k
        for sources in (found, Sources(found), pickle.loads(pickle.dumps(found))):
            assert sources.names == found.names
            assert sources.n_samples == found.n_samples
            for (_, y, *_), (_, given, *_) in zip(sources, pairs, strict=True):
                assert problem.fault or np.array_equal(y, given)
        assert repr(found)
        assert found._repr_html_()


# Names that domains have in data frames, four of each kind.
DAY = np.array(["2020-01-01", "2021-01-01", "1999-01-01", "2030-12-31"], dtype="M8[D]")
DOMAINS = {
    "text": np.array(["a", "b", "c", "d"]),
    "objects": np.array(["a", "b", "c", "d"], dtype=object),
    "numbers": np.array([3, 1, 2, 0]),
    "int8": np.array([3, 1, 2, 0], dtype=np.int8),
    "large": np.array([2**53, 2**53 + 1, 2**53 + 2, 0]),
    "float": np.array([0.1, 0.2, 0.3, 1e300]),
    "float32": np.array([0.1, 0.2, 0.3, 1.0], dtype=np.float32),
    "bool": np.array([True, False, True, False]),
    "days": DAY,
    "nanoseconds": DAY.astype("M8[ns]"),
    "durations": np.array([1, 2, 3, 4], dtype="m8[s]"),
    "dates": np.array([datetime.date(2020, 1, d) for d in (1, 2, 3, 4)], dtype=object),
    "timestamps": pd.Series(DAY.astype("M8[s]")),
    "categories": pd.Categorical(["a", "b", "c", "d"]),
    "strings of pandas": pd.array(["a", "b", "c", "d"], dtype="string"),
    "numbers of pandas": pd.array([1, 2, 3, 4], dtype="Int64"),
    "time zones": pd.date_range("2020", periods=4, tz="UTC"),
    "mixed": np.array(["a", 1, 2.5, True], dtype=object),
    "missing": np.array(["a", None, "b", "c"], dtype=object),
}


@fuzz(
    problem=problems(faults=False, weights=False, extreme=False, most_rows=12),
    kind=st.sampled_from(sorted(DOMAINS)),
    target=st.integers(0, 3),
    series=st.booleans(),
    absent=st.sampled_from([False] * 9 + [True]),
)
def test_sources_from_domains(problem, kind, target, series, absent):
    """Every row comes back once, with its domain; the target's are not among the sources."""
    parts = [(problem.X, problem.y), *((X, y) for X, y, _ in problem.parts)]
    sizes = [len(y) for _, y in parts]
    number = np.repeat(np.arange(len(parts)), sizes)
    y = np.arange(len(number))
    X = np.arange(2.0 * len(number)).reshape(-1, 2)
    labels = DOMAINS[kind]
    domain = pd.Series(labels).iloc[number] if series else labels[number]
    if hasattr(domain, "reset_index"):
        domain = domain.reset_index(drop=True)
    wanted = "nowhere" if absent else list(pd.Series(labels))[target % len(parts)]
    found = outcome(
        lambda: Sources.from_domains(X, y, domain, target=wanted),
        ARGUMENTS,
        valid=not absent and kind not in ("missing", "mixed") and len(set(labels[number])) > 1,
    )
    if found is not None:
        X_t, y_t, sources = found
        ours = np.flatnonzero(np.asarray(labels[number] == labels[target % len(parts)]))
        np.testing.assert_array_equal(np.sort(y_t), ours)
        assert len(X_t) == len(y_t)
        theirs = np.concatenate([y_k for _, y_k in sources])
        np.testing.assert_array_equal(np.sort([*y_t, *theirs]), y)


@fuzz(
    "TransferPipeline",
    "make_transfer_pipeline",
    examples=250,
    problem=problems(missing=False, containers=("array", "list", "frame", "float32")),
    step=st.sampled_from([StandardScaler(), VarianceThreshold(), PCA(1), None]),
    fit_on=st.sampled_from(["target", "pooled", "pooled", "all"]),
    unlabeled=st.booleans(),
)
def test_pipelines(problem, step, fit_on, unlabeled):
    """250 examples in ``make test``."""
    steps = (
        [UOWQClassifier(discrepancy=Reml(1))]
        if step is None
        else [step, UOWQClassifier(discrepancy=Reml(1))]
    )
    model = make_transfer_pipeline(*steps, fit_on=fit_on)
    extra = {"X_unlabeled": problem.X_new} if unlabeled else {}

    def fit():
        sources = as_given(problem.sources)
        fitted = model.fit(problem.X, problem.y, sources=sources, **extra)
        assert_probabilities(fitted.predict_proba(problem.X_new), 5, len(fitted.classes_))
        return fitted

    def plain():
        steps = [LogisticRegression()] if step is None else [step, LogisticRegression()]
        make_pipeline(*steps).fit(problem.X, problem.y)

    outcome(fit, ARGUMENTS | {"fit_on"}, hard=True, refuses=plain)
