"""Domains, and classes, may be called by anything that a column of a data frame holds."""

import pytest

pytest.importorskip("pandas")

import datetime

import numpy as np
import pandas as pd
from numpy.testing import assert_array_equal

from skuowq import Sources, UOWQClassifier

X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)
MONTHS = pd.to_datetime(["2024-01-01", "2024-02-01", "2024-03-01"])
PARIS = MONTHS.tz_localize("Europe/Paris")
HOURS = pd.to_timedelta([1, 2, 3], unit="h")
# Three labels as a column may hold them, and another way to write the second of them.
LABELS = {
    "int8": (np.array([1, 2, 3], dtype="int8"), 2.0),
    "uint64": (np.array([1, 2, 3], dtype="uint64"), 2),
    "beyond int64": ([-1, 2**63 + 1, 2**63 + 2], 2**63 + 1),
    "float32": (np.array([0.1, 0.2, 0.3], dtype="float32"), 0.2),
    "float16": (np.array([0.1, 0.2, 0.3], dtype="float16"), np.float64(0.2)),
    "Float32": (pd.Series([0.1, 0.2, 0.3], dtype="Float32"), 0.2),
    "category of float32": (pd.Categorical(np.array([0.1, 0.2, 0.3], dtype="float32")), 0.2),
    "str": (np.array(["a", "b", "c"]), "b"),
    "string": (pd.Series(["a", "b", "c"], dtype="string"), np.str_("b")),
    "category": (pd.Series(["a", "b", "c"], dtype="category"), "b"),
    "bytes": (np.array([b"a", b"b", b"c"]), b"b"),
    "Int64": (pd.Series([1, 2, 3], dtype="Int64"), np.int8(2)),
    "days": (MONTHS.to_numpy().astype("datetime64[D]"), pd.Timestamp("2024-02-01")),
    "nanoseconds": (MONTHS.to_numpy().astype("datetime64[ns]"), datetime.date(2024, 2, 1)),
    "timestamps": (list(MONTHS), np.datetime64("2024-02-01")),
    "time zone": (pd.Series(PARIS), PARIS[1].tz_convert("UTC")),
    "category of time zone": (pd.Series(PARIS).astype("category"), PARIS[1].to_pydatetime()),
    "dates": (pd.Series(MONTHS.date), datetime.date(2024, 2, 1)),
    "timedelta": (pd.Series(HOURS), datetime.timedelta(hours=2)),
    "timedelta in hours": (np.array([1, 2, 3], dtype="timedelta64[h]"), pd.Timedelta("2h")),
    "period": (pd.Series(MONTHS.to_period("M")), pd.Period("2024-02", "M")),
    "interval": (pd.Series(pd.interval_range(0, 3)), pd.Interval(1, 2)),
    "tuples": ([("a", 1), ("a", 2), ("b", 1)], ("a", 2)),
    "mixed": ([1, "1", ("1",)], "1"),
    "objects": (pd.Series([datetime.date(2024, 1, 1), 2.5, "c"], dtype=object), 2.5),
}


@pytest.mark.parametrize("kind", LABELS)
def test_from_domains_of_any_kind(kind):
    labels, target = LABELS[kind]
    order = np.array([2, 0, 1, 1, 2, 2])
    domain = pd.Series(labels).take(order)
    if isinstance(labels, np.ndarray):
        domain = labels[order]
    elif isinstance(labels, list):
        domain = [labels[k] for k in order]
    X_target, y_target, sources = Sources.from_domains(X, y, domain, target)
    assert_array_equal(X_target, X[order == 1])
    assert_array_equal(y_target, y[order == 1])
    assert sources.n_samples == (1, 3)
    (X_first, _), (X_last, _) = sources
    assert_array_equal(X_first, X[order == 0])
    assert_array_equal(X_last, X[order == 2])
    with pytest.raises(ValueError, match="is not among the domains"):
        Sources.from_domains(X, y, domain, "nowhere")


def test_domains_that_look_alike_are_named_apart():
    domain = [1, "1", 2, 1, "1", 2]
    _, _, sources = Sources.from_domains(X, y, domain, target=2)
    assert sources.names == ("1", "'1'")
    _, _, sources = Sources.from_domains(X, y, MONTHS.take([0, 0, 1, 1, 2, 2]), MONTHS[0])
    assert sources.names == ("2024-02-01", "2024-03-01")


def test_two_domains_of_bools():
    domain = pd.Series([True, False, True, False, True, False], dtype="boolean")
    X_target, _, sources = Sources.from_domains(X, y, domain, target=False)
    assert_array_equal(X_target, X[1::2])
    assert sources.names == ("True",)


@pytest.mark.parametrize(
    "domain",
    [
        pd.Series([1, 2, None] * 2, dtype="Int64"),
        pd.Series(["a", None, "b"] * 2, dtype="category"),
        np.array(["2024", "NaT", "2025"] * 2, dtype="datetime64[D]"),
        pd.Series(PARIS.insert(3, pd.NaT).take([0, 1, 3] * 2)),
        [("a", 1), ("a", np.nan), ("b", 1)] * 2,
    ],
)
def test_missing_domains_of_any_kind(domain):
    with pytest.raises(ValueError, match="sample_domain has missing values: give every row"):
        Sources.from_domains(X, y, domain, target=domain[0])


def test_domains_that_cannot_be_told_apart():
    with pytest.raises(TypeError, match=r"sample_domain holds \['a'\], a list, by which rows"):
        Sources.from_domains(X, y, [["a"], ["b"], ["c"]] * 2, target="a")
    with pytest.raises(ValueError, match="is not among the domains"):
        Sources.from_domains(X, y, PARIS.take([0, 0, 1, 1, 2, 2]), target=MONTHS[0])
    with pytest.raises(ValueError, match="is not among the domains"):
        Sources.from_domains(X, y, list("aabbcc"), target=["a"])


@pytest.mark.parametrize("unit", ["D", "ns"])
def test_classes_of_the_target_may_be_dates(unit):
    dates = MONTHS.to_numpy()[:2].astype(f"datetime64[{unit}]")
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(60, 2)), np.arange(60) % 2
    X[:, 0] += 2 * labels
    domain = np.repeat(["a", "b", "c"], 20)
    X_target, y_target, sources = Sources.from_domains(X, dates[labels], domain, target="b")
    assert sources.target_classes == tuple(dates)
    clf = UOWQClassifier().fit(X_target, y_target.astype("datetime64[ns]"), sources)
    plain = UOWQClassifier().fit(*Sources.from_domains(X, labels, domain, target="b"))
    assert_array_equal(clf.predict(X), dates[plain.predict(X)])
    with pytest.raises(ValueError, match="classes are said to be"):
        UOWQClassifier().fit(X_target, (y_target == dates[0]).astype(int), sources)
