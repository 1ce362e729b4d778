"""The report says in words what was decided, and shows itself in a notebook."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skuowq import UOWQClassifier, make_transfer_pipeline
from skuowq._uowq.source_report import SourceReport
from skuowq.datasets import make_classification_tasks

TASKS = make_classification_tasks(
    n_target=40, n_samples=(120, 90), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
SOURCES = dict(zip(["<near>", "far"], TASKS.sources, strict=True))
REPORT = SourceReport(
    names=["a", "b"],
    n_samples=np.array([100.0, 50.0]),
    discrepancy=np.array([0.01, 1.0]),
    discrepancy_std_error=np.array([0.02, 0.3]),
    source_weights=np.array([0.5, 0.1]),
    mixture_weights=np.array([0.9, 0.1]),
    n_target=20.0,
    total_worth=30.0,
    expected_error=0.1,
    target_only_error=0.3,
)


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"kept": 0.02}, "Held-out target rows kept 2% of the weight that the theory gives."),
        ({"kept": 0.98}, "Held-out target rows support the weights that the theory gives."),
        ({"kept": 3.0}, "Held-out target rows gave the sources 3 times the weight that the theory"),
        ({"n_target": 9.0}, "With fewer than 10 target rows, what the sources are worth"),
        ({"total_worth": 0.5}, "The sources hardly count: this is nearly a fit to the"),
        ({"likely_worth": (0.0, 1406.8)}, "The worth of all sources is rough: on real tables"),
        ({"n_samples": np.array([100.0, 0.0])}, "Left out, as a warning of the fit says: b."),
        ({"unseen": np.array([0.3, 0.9])}, "Up to 90% of the columns that vary in a, b"),
        ({}, "90% of the source weight is on a."),
        ({}, "No clear difference from the target: a."),
    ],
)  # fmt: skip
def test_every_note_has_its_reason(change, note):
    notes = replace(REPORT, **change).notes
    assert any(found.startswith(note) for found in notes)
    others = replace(
        REPORT, mixture_weights=np.array([0.5, 0.5]), discrepancy=np.array([0.1, 1.0])
    ).notes
    assert others == []


def test_columns_that_the_target_does_not_show_are_told():
    """Where they are many, and of sources that count."""
    X, y = TASKS.X_target.copy(), TASKS.y_target
    for n_constant, told in ((0, False), (1, True), (2, True)):
        X[:, :n_constant] = 1.0
        report = UOWQClassifier().fit(X, y, SOURCES).source_report_
        assert_allclose(report.unseen, n_constant / 3)
        note = f"Up to {n_constant / 3:.0%} of the columns that vary in <near>"
        assert any(found.startswith(note) for found in report.notes) == told


def test_the_headline_fits_a_terminal():
    report = replace(REPORT, n_target=12345.67, total_worth=1.23e-7)
    lines = repr(report).splitlines()
    assert lines[0] == "12345.7 target rows; the sources are worth about 1.23e-07 more."
    assert lines[1].startswith("In theory the KL error of the softmax model is 0.33 times")
    assert max(map(len, lines[:2])) <= 90
    assert repr(replace(report, names=[])) == "12345.7 target rows, no sources"


def test_many_names_are_counted():
    many = np.ones(9)
    report = replace(
        REPORT,
        names=list("abcdefghi"),
        **dict.fromkeys(("n_samples", "discrepancy", "source_weights", "mixture_weights"), many),
        discrepancy_std_error=2 * many,
    )
    assert report.notes[-1] == "No clear difference from the target: a, b, c, d, e and 4 more."


def test_the_likely_range_holds_the_number_and_rules_of_theory_have_none():
    clf = UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, SOURCES)
    least, most = clf.source_report_.likely_worth
    assert 0 <= least <= clf.calibrated_source_size_ <= most
    other = UOWQClassifier(discrepancy="plugin").fit(TASKS.X_target, TASKS.y_target, SOURCES)
    assert other.source_report_.likely_worth is None


def test_a_fit_knows_what_held_out_rows_kept():
    clf = UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, SOURCES)
    n = clf.source_n_samples_
    theory, kept = clf.history_[-2] @ n, clf.history_[-1] @ n
    assert clf.source_report_.kept == pytest.approx(kept / theory)
    for other in (UOWQClassifier(discrepancy="plugin"), UOWQClassifier(discrepancy=np.eye(2))):
        report = other.fit(TASKS.X_target, TASKS.y_target, SOURCES).source_report_
        assert report.kept is None
    assert UOWQClassifier().fit(TASKS.X_target, TASKS.y_target).source_report_.notes == []


def test_html_has_bars_beside_their_numbers():
    clf = UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, SOURCES)
    html = clf.source_report_._repr_html_()
    assert html.count("background:") == 2
    assert "<td>&lt;near&gt;</td>" in html
    assert all(f"<li>{note[:4]}" in html for note in clf.source_report_.notes)
    for weight in clf.source_weights_:
        assert f"<td>{weight:.3g}</td>" in html


def test_bars_of_sources_that_are_not_known_to_differ_are_dashed():
    """Source a is within its standard error of the target, b is not."""
    bars = [row for row in REPORT._repr_html_().split("<tr>") if "background" in row]
    assert ["1px dashed" in bar for bar in bars] == [True, False]
    assert "dashed bar: no clear difference" in REPORT._repr_html_()


def test_repr_shows_the_bound_sources():
    shown = ".bind_sources(Sources(2 sources, 210 rows: <near>"
    bound = UOWQClassifier().bind_sources(SOURCES)
    for text in (repr(bound), str(bound), repr(clone(bound)), f"{[bound]}"):
        assert f"UOWQClassifier(){shown}" in text
    assert repr(bound.bind_sources(None)) == "UOWQClassifier()"
    pipeline = make_transfer_pipeline(StandardScaler(), UOWQClassifier()).bind_sources(SOURCES)
    assert f"('uowqclassifier', UOWQClassifier())]){shown}" in " ".join(repr(pipeline).split())


def test_repr_breaks_lines_as_scikit_learn_does():
    long = LogisticRegression(C=0.25, max_iter=12_345, tol=0.125)
    clf = UOWQClassifier(long, max_weight=0.75, random_state=12_345)
    whole = repr(clf.bind_sources(SOURCES)).partition(".bind_sources(")[0]
    assert whole == repr(clone(clf).bind_sources(None))
    # In one line it would take 115 characters.
    for outer in (clf, GridSearchCV(clf, {"max_weight": [1.0]}), VotingClassifier([("a", clf)])):
        assert max(map(len, repr(outer).partition(".bind_sources(")[0].splitlines())) < 100


def test_the_diagram_shows_the_sources():
    bound = UOWQClassifier().bind_sources(SOURCES)
    assert "&lt;near&gt;" in bound._repr_html_()
    assert "&lt;near&gt;" not in UOWQClassifier()._repr_html_()
    fitted = bound.fit(TASKS.X_target, TASKS.y_target)
    assert fitted.source_report_._repr_html_() in fitted._repr_html_()
    pipeline = make_transfer_pipeline(StandardScaler(), UOWQClassifier().bind_sources(SOURCES))
    assert "&lt;near&gt;" in pipeline._repr_html_()
    pipeline = make_transfer_pipeline(StandardScaler(), UOWQClassifier()).bind_sources(SOURCES)
    assert "&lt;near&gt;" in pipeline._repr_html_()
    pipeline.fit(TASKS.X_target, TASKS.y_target)
    assert pipeline[-1].source_report_._repr_html_() in pipeline._repr_html_()
    assert "_repr_mimebundle_" in dir(pipeline)
