"""The gate's report says what became of each source, and shows itself in a notebook."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from skuowq import DiscriminatorGateClassifier, UOWQClassifier
from skuowq._gate.report import GateReport
from skuowq.datasets import make_classification_tasks

TASKS = make_classification_tasks(
    n_target=40, n_samples=(120, 90), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
X_FAR, Y_FAR = TASKS.sources[0]
SOURCES = {"<near>": TASKS.sources[0], "far": TASKS.sources[1], "other units": (X_FAR + 1e6, Y_FAR)}
REPORT = GateReport(
    names=["a", "b"],
    n_samples=np.array([100.0, 50.0]),
    gate_weights=np.array([1.0, 0.5]),
    effective_sizes=np.array([80.0, 30.0]),
    trust=np.array([1.0, 0.1]),
    n_target=20.0,
    gated=True,
    gate_share=1.0,
    held_out=False,
)


def fit(estimator=None, **options):
    estimator = LogisticRegression() if estimator is None else estimator
    clf = DiscriminatorGateClassifier(estimator, random_state=0, **options)
    with pytest.warns(UserWarning, match="other units"):
        return clf.fit(TASKS.X_target, TASKS.y_target, SOURCES)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"n_samples": np.array([100.0, 0.0])}, "Left out, as a warning of the fit says: b."),
        ({"trust": np.array([0.0, 1.0])}, "Not used, as the trust is 0: a."),
        ({"effective_sizes": np.array([80.0, 20.0])}, "The gate leaves less than half of: b."),
        ({"held_out": True, "gate_share": 0.4}, "Held-out target rows give the gate's weights a "),
        ({"exponents": np.array([0.7, 0.2])}, "Predictions pool the network with the sources (exp"),
    ],
)  # fmt: skip
def test_every_note_has_its_reason(change, note):
    assert REPORT.notes == []
    (found,) = replace(REPORT, **change).notes
    assert found.startswith(note)


def test_it_prints_as_a_table():
    lines = repr(REPORT).splitlines()
    assert lines == [
        "20 target rows; 150 rows of sources, gated to an effective size of 110.",
        "source  rows  gate weight  effective size  trust",
        "a        100            1              80      1",
        "b         50          0.5              30    0.1",
    ]
    assert repr(replace(REPORT, gated=False)).splitlines()[0] == (
        "20 target rows; 150 rows of sources, not gated."
    )
    assert repr(replace(REPORT, names=[])) == "20 target rows, no sources"


def test_a_fit_fills_it():
    clf = fit()
    report = clf.source_report_
    assert report.names == clf.source_names_
    assert_allclose(report.trust, clf.trust_)
    assert_allclose(report.effective_sizes, clf.effective_sample_size_)
    assert_allclose(report.gate_weights, [w.mean() for w in clf.gate_weights_])
    assert_allclose(report.n_samples, [120, 90, 0])
    assert report.n_target == 40
    assert report.gated
    assert report.held_out
    assert not fit(gate=False).source_report_.gated
    assert not fit(trust=1.0).source_report_.held_out
    around = fit(UOWQClassifier())
    assert_allclose(around.source_report_.trust[:2], around.estimator_.source_weights_)


def test_without_sources():
    clf = DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
    clf.fit(TASKS.X_target, TASKS.y_target)
    assert repr(clf.source_report_) == "40 target rows, no sources"
    assert clf.source_report_.notes == []


def test_html_has_bars_and_stands_below_the_diagram():
    clf = fit()
    html = clf.source_report_._repr_html_()
    assert html.count("background:") == 3
    assert "<td>&lt;near&gt;</td>" in html
    assert html in clf._repr_html_()


def test_frame():
    pytest.importorskip("pandas")
    frame = REPORT.to_frame()
    assert list(frame.columns) == ["rows", "gate weight", "effective size", "trust"]
    assert_allclose(frame["trust"], REPORT.trust)
