"""The reports of JTLN and OT3L say what was done, and show themselves in a notebook."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skuowq import JTLNClassifier, OT3LClassifier
from skuowq._transport_estimators.choice_report import ChoiceReport
from skuowq._transport_estimators.joint_report import JointReport
from skuowq.datasets import make_classification_tasks

TASKS = make_classification_tasks(
    n_target=40, n_samples=(60, 90), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
X_NEAR, Y_NEAR = TASKS.sources[0]
SOURCES = {
    "<near>": TASKS.sources[0],
    "other units": (X_NEAR + 1e6, Y_NEAR),
    "far": TASKS.sources[1],
}
GAP = "Not compared with the target alone"
JOINT = JointReport(
    names=["a", "b"],
    n_samples=np.array([100.0, 300.0]),
    losses=np.array([0.4, 0.2]),
    chance=np.array([0.7, 0.7]),
    transport=np.array([0.2, 0.4]),
    n_target=20.0,
    target_loss=0.05,
    source_loss_weight=1.0,
    transport_weight=2.0,
    history=[{"train_loss": 2.0}],
)
CHOICE = ChoiceReport(
    names=["x", "y", "z"],
    n_samples=np.array([10, 10, 5]),
    n_chosen=np.array([3, 1, 1]),
    distances=np.array([3.0, 2.0, 1.0]),
    kinds=["far", "near", "near"],
    nearest=["p", "q", "q"],
    strategy="mixed",
    source_names=["a", "b"],
    source_sizes=np.array([100.0, 300.0]),
    new=np.zeros(3, dtype=bool),
)


def epochs(**losses):
    """A history from the losses of each epoch."""
    return [dict(zip(losses, row, strict=True)) for row in zip(*losses.values(), strict=True)]


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (
            {"history": epochs(train_loss=[2.0, 1.0])},
            "In 2 epochs the training loss went from 2 to 1.",
        ),
        (
            {"history": epochs(valid_loss=[2.0, 1.0, 1.5])},
            "On the target rows that the net's split holds out the loss was least after 2 of 3 ",
        ),
        ({"n_samples": np.array([100.0, 0.0])}, "Left out, as a warning of the fit says: b."),
        (
            {"losses": np.array([0.69, 0.2])},
            "The network predicts hardly better than chance: a.",
        ),
    ],
)
def test_every_note_on_the_training_has_its_reason(change, note):
    (always,) = JOINT.notes
    assert always.startswith(GAP)
    first, last = replace(JOINT, **change).notes
    assert first.startswith(note)
    assert last == always


def test_sources_that_were_not_used_are_not_to_be_compared():
    (note,) = replace(JOINT, source_loss_weight=0.0, transport_weight=0.0).notes
    assert note == "The sources were not used: source_loss_weight and transport_weight are 0."
    (note,) = replace(JOINT, n_samples=np.zeros(2)).notes
    assert note.startswith("Left out")


@pytest.mark.parametrize(
    ("change", "note"),
    [
        ({"n_chosen": CHOICE.n_samples}, "All rows were chosen, so the strategy made no"),
        ({"n_chosen": np.array([2, 2, 1])}, "As many rows of each class: 'stratified' draws"),
        ({"n_chosen": np.array([0, 1, 4])}, "No row was chosen, and the tuning may forget: x."),
        ({"source_sizes": np.array([0.0, 3.0])}, "Left out, as a warning of the fit says: a."),
        (
            {"new": np.array([False, True, False])},
            "Learnt from the chosen rows alone, as no source has it: y.",
        ),
    ],
)
def test_every_note_on_the_choice_has_its_reason(change, note):
    (always,) = CHOICE.notes
    assert always.startswith(GAP)
    first, last = replace(CHOICE, **change).notes
    assert first.startswith(note)
    assert last == always


def test_without_sources_the_choice_is_said_to_be_stratified():
    alone = replace(CHOICE, source_names=[], source_sizes=np.array([]))
    assert alone.notes == ["Without sources the rows are drawn as 'stratified' does."]
    assert repr(alone).splitlines()[0] == "25 target rows, no sources; fitted to 5 of them."


def test_they_print_as_tables():
    # Of 0.05 + (0.4 + 3 * 0.2) / 4 + 2 * (0.2 + 3 * 0.4) / 4 = 1.
    assert repr(replace(JOINT, history=[])).splitlines() == [
        "20 target rows; 400 rows of sources, trained jointly.",
        "Of the loss after the training, 5% is the target's, 25% the sources' own and 70% "
        "transport.",
        "source  rows  loss  chance  transport   part",
        "a        100   0.4     0.7        0.2  20.0%",
        "b        300   0.2     0.7        0.4  75.0%",
        f"- {JOINT.notes[0]}",
    ]
    assert repr(replace(JOINT, names=[], n_samples=np.array([]))) == "20 target rows, no sources"
    assert repr(CHOICE).splitlines()[:4] == [
        "Trained on 400 rows of sources, then tuned on 5 of 25 target rows.",
        "Strategy 'mixed': 3 rows of classes far from the sources', 2 of near ones.",
        "class  rows  chosen  distance  kind  nearest",
        "x        10       3         3   far        p",
    ]
    drawn = replace(CHOICE, strategy="uniform", distances=np.full(3, np.nan))
    assert repr(drawn).splitlines()[1] == "Strategy 'uniform': no distances were asked for."
    assert repr(drawn).splitlines()[3].split()[3] == "-"


def test_a_joint_fit_fills_it():
    pytest.importorskip("torch")
    pytest.importorskip("ot")
    from skuowq.networks import make_perceptron

    def fit(**options):
        clf = JTLNClassifier(make_perceptron((4,), max_epochs=3), random_state=0, **options)
        with pytest.warns(UserWarning, match="other units"):
            return clf.fit(TASKS.X_target, TASKS.y_target, SOURCES)

    clf = fit()
    report = clf.source_report_
    assert report.names == clf.source_names_
    assert_array_equal(report.n_samples, [60, 0, 90])
    assert_array_equal(np.isnan(report.losses), [False, True, False])
    assert_array_equal(np.isnan(report.transport), [False, True, False])
    shares = np.bincount(Y_NEAR) / 60
    assert_allclose(report.chance[0], -shares @ np.log(shares))
    assert [epoch["train_loss"] for epoch in report.history] == clf.history_[:, "train_loss"]
    html = clf._repr_html_()
    assert report._repr_html_() in html
    assert "<td>&lt;near&gt;</td>" in html
    plain = fit(transport_weight=0.0).source_report_
    assert np.isnan(plain.transport).all()
    assert "other units     0     -       -          -   0.0%" in repr(plain)


@pytest.mark.parametrize("aggregate", ["mean", "min"])
def test_a_choice_fills_it(aggregate):
    clf = OT3LClassifier(budget=10, aggregate=aggregate, n_far=1, random_state=0)
    with pytest.warns(UserWarning, match="other units"):
        clf.fit(TASKS.X_target, TASKS.y_target, SOURCES)
    report = clf.source_report_
    assert_array_equal(report.n_samples, np.bincount(TASKS.y_target))
    assert_array_equal(report.n_chosen, clf.selected_counts_)
    reduced = {"mean": np.mean, "min": np.min}[aggregate](clf.class_distances_, axis=0)
    assert_allclose(report.distances, reduced)
    assert [kind == "far" for kind in report.kinds] == list(reduced == reduced.max())
    assert report.nearest == [str(k) for k in clf.class_distances_.argmin(axis=0)]
    assert_array_equal(report.source_sizes, [60, 0, 90])
    assert report._repr_html_().count("background:") == len(clf.classes_)
    assert report._repr_html_() in clf._repr_html_()


def test_classes_that_no_source_has_are_named():
    labels = np.where(TASKS.y_target == 0, "new", TASKS.y_target.astype(str))
    sources = {"near": (X_NEAR, Y_NEAR.astype(str))}
    report = OT3LClassifier(random_state=0).fit(TASKS.X_target, labels, sources).source_report_
    assert_array_equal(report.new, [name == "new" for name in report.names])


def test_frames():
    pytest.importorskip("pandas")
    frame = JOINT.to_frame()
    assert list(frame.columns) == ["rows", "loss", "chance", "transport", "part"]
    assert_allclose(frame["part"], [0.2, 0.75])
    frame = CHOICE.to_frame()
    assert list(frame.loc["x", ["chosen", "kind", "nearest"]]) == [3, "far", "p"]
