"""Records are added, counted several times, expressed in other units, and written as JSON."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import SourceRecord, source_record

TASKS = make_classification_tasks(
    n_target=40, n_samples=(90, 70), discrepancies=(0.1, 1.0), n_features=3, n_classes=3,
    random_state=0,
)  # fmt: skip
X, y = TASKS.sources[0][0] + [1e3, 0.0, -5.0], TASKS.sources[0][1]
NUMBERS = ("theta", "score", "information", "centre")


def assert_same(ours, theirs, rtol=1e-9):
    assert_array_equal(ours.classes, theirs.classes)
    assert ours.n_samples == pytest.approx(theirs.n_samples)
    for name in NUMBERS:
        expected = getattr(theirs, name)
        assert_allclose(getattr(ours, name), expected, rtol, 1e-9 * np.abs(expected).max())


@pytest.fixture(scope="module")
def whole():
    return source_record(X, y)


def test_the_sum_is_the_record_of_all_rows(whole):
    weight = np.linspace(0.5, 2.0, 90)
    expected = source_record(X, y, point=whole, sample_weight=weight)
    parts = [
        source_record(X[rows], y[rows], classes=[0, 1, 2], point=whole, sample_weight=weight[rows])
        for rows in (slice(0, 50), slice(50, 80), slice(80, 90))
    ]
    assert_same(sum(parts), expected)
    assert_same(parts[2] + (parts[0] + parts[1]), expected)


def test_the_sum_of_sparse_records_is_that_of_the_rows(whole):
    rows = sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0.0))
    parts = [source_record(part, y[:45], point=whole) for part in (rows[:45], rows[45:])]
    expected = source_record(sparse.vstack([rows[:45], rows[45:]]), [*y[:45], *y[:45]], point=whole)
    assert_same(sum(parts), expected)


def test_a_factor_counts_rows_several_times(whole):
    thrice = source_record(np.tile(X, (3, 1)), np.tile(y, 3), point=whole)
    assert_same(3 * whole, thrice)
    assert_same(whole * np.float64(3), whole + whole + whole)
    assert_same(np.float64(0.5) * thrice, 1.5 * whole)


def test_other_units_are_those_of_the_columns(whole):
    scale, origin = np.array([10.0, 0.1, 3.0]), np.array([1e3, 0.0, -7.0])
    moved = whole.in_units(scale, origin)
    assert_same(moved, source_record((X - origin) / scale, y, point=moved))
    assert_same(moved.in_units(1 / scale, -origin / scale), whole)
    # The same probabilities at the point, so the same classifier.
    assert_same(whole.in_units(2.0), source_record(X / 2.0, y, point=whole.in_units(2.0)))


@pytest.mark.parametrize(
    "names",
    [
        np.arange(3),
        np.array([1, 2, 3], dtype=np.float32),
        np.array(["é", "b", "c"]),
        np.array(["a", "b", "c"], dtype=object),
        np.array(["2024-01-01", "2024-02-01", "2025-01-01"], dtype="M8[D]"),
        np.array([1, 2, 3], dtype="m8[s]"),
    ],
    ids=lambda names: str(names.dtype),
)
def test_json_keeps_every_digit(names):
    record = source_record(X, names[y])
    back = SourceRecord.from_json(record.to_json())
    assert back.classes.dtype == record.classes.dtype
    assert_array_equal(back.classes, record.classes)
    assert back.n_samples == record.n_samples
    for name in NUMBERS:
        assert_array_equal(getattr(back, name), getattr(record, name))


def test_a_fit_takes_what_came_through_json():
    records = [source_record(*source, classes=[0, 1, 2]) for source in TASKS.sources]
    sent = [SourceRecord.from_json(record.to_json()) for record in records]
    ours, theirs = (
        UOWQClassifier().fit(TASKS.X_target, TASKS.y_target, given) for given in (records, sent)
    )
    assert_array_equal(ours.source_weights_, theirs.source_weights_)


def test_what_cannot_be_done_is_refused(whole):
    fewer = source_record(X[:, :2], y)
    for call, message in (
        (lambda: whole + source_record(X[:50], y[:50]), "computed at different points"),
        (lambda: whole + fewer, "have 3 and 2 features"),
        (lambda: whole + source_record(X[y < 2], y[y < 2]), r"classes \[0, 1, 2\] and \[0, 1\]"),
        (lambda: 0 * whole, "a record times 0: pass a finite number above 0"),
        (lambda: whole * np.inf, "a record times inf"),
        (lambda: whole.in_units(0.0), "scale holds 0.0"),
        (lambda: whole.in_units([1.0, 2.0]), r"scale has shape \(2,\): pass one finite number"),
        (lambda: whole.in_units(1.0, np.nan), "origin has shape"),
        (lambda: SourceRecord.from_json("{}"), "not the JSON of a record"),
        (lambda: SourceRecord.from_json("rows"), "not the JSON of a record"),
        (lambda: SourceRecord.from_json(json.dumps({"skuowq_record": 2})), "has format 2"),
        (lambda: source_record(X, np.array([b"a", b"b", b"c"])[y]).to_json(), "type bytes"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    for call in (lambda: whole + 1, lambda: whole * whole, lambda: 1 + whole):
        with pytest.raises(TypeError, match="unsupported operand"):
            call()


@pytest.mark.parametrize("numbers", [X[:, 1], (X[:, 1] * 3).tolist(), X[:, 1].astype(np.float32)])
def test_numbers_are_no_classes(numbers):
    with pytest.raises(ValueError, match="y holds numbers that are no classes, such as"):
        source_record(X, numbers)
    whole_numbers = np.round(np.clip(np.asarray(numbers), 0, 1))
    assert source_record(X, whole_numbers).classes.dtype.kind == "f"
