"""What of Dask's can be a source, and what is said of the rest."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

pytest.importorskip("distributed")

import dask
import dask.array as da

from skuowq import Sources, UOWQClassifier
from skuowq.datasets import make_classification_tasks

dd = pytest.importorskip("dask.dataframe")

TASKS = make_classification_tasks(n_target=40, random_state=0)
DATA = [(TASKS.X_target, TASKS.y_target), *TASKS.sources]
NAMES = ["here", "near", "middle", "far"]
X = np.concatenate([rows for rows, _ in DATA])
Y = np.concatenate([labels for _, labels in DATA])
DOMAIN = np.repeat(NAMES, [len(labels) for _, labels in DATA])
GIVEN = np.diag([0.001, 0.01, 0.1])  # Fits that know it take few rounds.


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def test_what_a_source_may_be():
    rows, labels = DATA[1]
    frame = dd.from_pandas(pd.DataFrame(rows).rename(columns=str).assign(label=labels), 2)
    sources = Sources(
        {
            "arrays": (da.from_array(rows, chunks=(300, 4)), da.from_array(labels, chunks=300)),
            "frame": (frame.drop(columns="label"), frame["label"]),
            "column": (frame, "label"),
            "delayed": dask.delayed((rows, labels)),
            "parts": [dask.delayed((rows[:9], labels[:9])), dask.delayed((rows[9:], labels[9:]))],
            "here": (rows, labels),
        }
    )
    assert sources.given_by == "elsewhere"
    assert sources.n_samples == (None,) * 5 + (len(labels),)
    assert str(sources).startswith("Sources(6 sources, ? rows: arrays ?, ")
    overview = sources.to_frame()
    assert overview["given by"].tolist() == ["rows elsewhere"] * 5 + ["rows"]
    assert overview["features"].isna().tolist() == [True] * 5 + [False]
    clf = UOWQClassifier(discrepancy=0.01 * np.eye(6))
    clf.fit(TASKS.X_target, TASKS.y_target, sources=pickle.loads(pickle.dumps(sources)))
    assert_array_equal(clf.source_n_samples_, len(labels))
    assert np.ptp(clf.source_weights_) < 1e-9


def test_columns_go_by_name():
    rows, labels = DATA[1]
    named = pd.DataFrame(rows).rename(columns=lambda k: f"c{k}")
    target = named.iloc[:40].set_axis(range(40))
    frame = dd.from_pandas(named.assign(label=labels), 3)
    clf = UOWQClassifier(discrepancy=[[0.01]])
    clf.fit(target, DATA[1][1][:40], sources={"a": (frame, "label")})
    assert clf.feature_names_in_.tolist() == list(named.columns)
    assert clf.predict_proba(target).shape == (40, len(TASKS.classes))
    with pytest.raises(ValueError, match=r"source 'a', part \d has unknown columns \['other'\]"):
        clf.fit(
            target,
            DATA[1][1][:40],
            sources={"a": (frame.rename(columns={"c0": "other"}), "label")},
        )


@pytest.mark.parametrize("form", ["arrays", "names", "series"])
def test_from_domains(form):
    if form == "arrays":
        table = da.from_array(X, chunks=(700, -1))
        y, domain = da.from_array(Y, chunks=700), da.from_array(DOMAIN, chunks=700)
    else:
        frame = pd.DataFrame(X).rename(columns=str)
        full = dd.from_pandas(frame.assign(y=Y, where=DOMAIN), npartitions=4)
        table, y, domain = full, "y", "where"
        if form == "series":
            table, y, domain = full.drop(columns=["y", "where"]), full["y"], full["where"]
    X_target, y_target, sources = Sources.from_domains(table, y, domain, target="here")
    assert_array_equal(np.asarray(X_target), TASKS.X_target)
    assert_array_equal(np.asarray(y_target), TASKS.y_target)
    assert sources.names == ("far", "middle", "near")
    there = UOWQClassifier(discrepancy=GIVEN).fit(X_target, y_target, sources=sources)
    local = {name: DATA[NAMES.index(name)] for name in sources.names}
    here = UOWQClassifier(discrepancy=GIVEN).fit(TASKS.X_target, TASKS.y_target, sources=local)
    assert_array_equal(there.source_n_samples_, here.source_n_samples_)
    np.testing.assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-6)


def test_what_is_no_source_says_so():
    rows, labels = DATA[1]
    array, there = da.from_array(rows, chunks=(300, -1)), da.from_array(labels, chunks=300)
    frame = dd.from_pandas(pd.DataFrame(rows).rename(columns=str), 2)
    promise = dask.delayed((rows, labels))
    for pair, error, message in (
        (array, TypeError, r"source 'a' is a Array of dask alone: pass \(X, y\)"),
        ((array, labels), TypeError, r"X is a Array of dask, and y a ndarray: pass both"),
        ((rows, there), TypeError, r"X is a ndarray, and y is of dask: pass both alike"),
        ((array, there.rechunk(100)), ValueError, r"have \[\d+, \d+\] partitions"),
        ((frame, "label"), ValueError, r"source 'a' has no column 'label'"),
        ((promise, promise), TypeError, r"is a tuple of delayed objects or futures: pass one"),
        ((array, there, there, there), TypeError, r"source 'a' has 4 items"),
    ):
        with pytest.raises(error, match=message):
            Sources({"a": pair})
    for options, message in (
        ({"missing": "ignore"}, 'missing is \'ignore\': pass "raise" or "drop"'),
        ({"max_rows": 0}, "max_rows is 0: pass None or an integer above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            Sources({"a": promise}, **options)
    with pytest.raises(ValueError, match=r"y='label' is no column of X: it has"):
        Sources.from_domains(frame, "label", "0", target=1)
    with pytest.raises(ValueError, match=r"target='x' is not among the domains"):
        Sources.from_domains(
            array, there, da.from_array(np.full(len(labels), "a"), chunks=300), target="x"
        )
