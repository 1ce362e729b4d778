"""Which source rows are far outside the target's range, and what becomes of them."""

import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from optional import optional
from scipy import sparse

from skuowq._data.domains import Domain
from skuowq._data.target_range import leave_out_far_rows

pd = optional("pandas")


def domain(X, seed=0):
    n = X.shape[0]
    return Domain(X, np.random.RandomState(seed).permutation(np.arange(n) % 2), np.ones(n))


def drawn(n, p=4, seed=0):
    return np.random.RandomState(seed).normal(size=(n, p))


def left_of(target, *sources):
    domains = [domain(X, seed) for seed, X in enumerate(sources)]
    names = [f"source {i}" for i in range(len(domains))]
    return leave_out_far_rows(domain(target), domains, names)


def changed(X, rows, column, value):
    X = X.copy()
    X[rows, column] = value
    return X


GOOD = [drawn(200, seed=1), drawn(300, seed=2)]


@pytest.mark.parametrize("n_target", [2, 5, 20, 300])
@pytest.mark.parametrize("sources", [GOOD[:1], GOOD], ids=["one", "two"])
def test_ordinary_rows_stay(n_target, sources):
    target = drawn(n_target, seed=3)
    far_shift = [X * 3 + 5 for X in sources]
    for parts in (sources, far_shift):
        left = left_of(target, *parts)
        assert [len(rows) for rows in left.rows] == [len(X) for X in parts]


def test_heavy_tails_and_rare_indicators_stay():
    rng = np.random.RandomState(0)
    # Of rare indicators the target has seen few, or none.
    target = np.column_stack([rng.lognormal(size=30), rng.uniform(size=(30, 3)) < 0.03])
    sources = [
        np.column_stack([rng.lognormal(size=500), rng.uniform(size=(500, 3)) < 0.03])
        for _ in range(3)
    ]
    left = left_of(target, *sources)
    assert all(len(rows) == 500 for rows in left.rows)


def test_columns_that_are_mostly_0_in_the_target_tell_little_of_their_range():
    target, source = np.zeros((600, 3)), np.zeros((600, 3))
    target[:3, 0], source[:30, 0] = 1 / 64, 0.5
    assert len(left_of(target, source).rows[0]) == 600


def test_copies_in_the_target_are_one_row():
    three, source = drawn(3), 30 + GOOD[0]
    assert len(left_of(three, source).rows[0]) == len(source)
    assert len(left_of(np.repeat(three, 20, axis=0), source).rows[0]) == len(source)


@pytest.mark.parametrize("far", [15.0, 25.0, 40.0])
@pytest.mark.filterwarnings("ignore:.*other units")
def test_a_row_of_three_copies_is_left_out_as_one_is(far):
    """Be it of the far source, of the one that tells the usual range, or of the target."""
    parts = [drawn(8), drawn(6, seed=1), np.array([far, 0, 0, 0]) + 0.5 * drawn(20, seed=2)]
    once = left_of(*parts)
    for which in range(3):
        copies = np.random.RandomState(which).randint(1, 4, size=len(parts[which]))
        changed = [*parts]
        changed[which] = np.repeat(parts[which], copies, axis=0)
        left = left_of(*changed)
        assert_array_equal(left.kept, once.kept)
        for k in (1, 2):
            rows = np.arange(len(parts[k]))
            of_once = np.repeat(rows, copies) if which == k else rows
            assert_array_equal(np.unique(of_once[left.rows[k - 1]]), once.rows[k - 1])


def test_all_sources_in_other_units_than_the_targets():
    with pytest.warns(UserWarning, match="is left out"):
        left = left_of(drawn(40), *(1e3 * X for X in [*GOOD, drawn(100, seed=5)]))
    assert not left.kept.any()


@pytest.mark.parametrize("factor", [1e3, 1e6, 1e-6])
@pytest.mark.parametrize("columns", [slice(None), [0, 2, 3]], ids=["all", "most"])
def test_a_source_in_other_units_is_left_out_with_a_warning(factor, columns):
    X = GOOD[0].copy()
    X[:, columns] *= factor
    with pytest.warns(
        UserWarning, match=r"column \d of source 1 spans .* other units\? source 1 is"
    ):
        left = left_of(drawn(20), GOOD[1], X)
    assert left.kept.tolist() == [True, False]
    assert len(left.domains) == 1
    assert len(left.rows[1]) == 0
    assert left.among_all(np.array([0.5]), 0.0).tolist() == [0.5, 0.0]


def test_one_column_in_larger_units_is_enough():
    with pytest.warns(UserWarning, match="column 2 of source 0 spans"):
        left = left_of(drawn(20), changed(GOOD[0], slice(None), 2, 1e4 * GOOD[0][:, 2]))
    assert not left.kept.any()


@pytest.mark.parametrize("code", [999, -9999])
@pytest.mark.parametrize("sources", [1, 2])
def test_rows_with_codes_are_left_out_even_if_all_sources_have_them(code, sources):
    parts = [changed(X, slice(0, 12), 1, code) for X in GOOD[:sources]]
    with pytest.warns(UserWarning, match="column 1 of source . spans .* code for missing values"):
        left = left_of(drawn(20), *parts)
    assert all(
        rows.tolist() == list(range(12, len(X))) for rows, X in zip(left.rows, parts, strict=True)
    )
    assert [part.X.shape[0] for part in left.domains] == [len(X) - 12 for X in parts]


def test_a_single_outlier_goes_without_a_warning():
    left = left_of(drawn(20), changed(GOOD[1], 7, 0, 1e6))
    assert 7 not in left.rows[0]
    assert len(left.rows[0]) == len(GOOD[1]) - 1


def test_a_target_that_has_the_codes_keeps_them():
    target = changed(drawn(20), slice(0, 2), 1, -9999)
    left = left_of(target, changed(GOOD[0], slice(0, 12), 1, -9999))
    assert len(left.rows[0]) == len(GOOD[0])


@pytest.mark.parametrize(
    "form",
    [sparse.csr_matrix, lambda X: pd.DataFrame(X), lambda X: X.reshape(len(X), 2, 2), np.float32],
)
def test_forms_of_rows_agree(form):
    X = changed(GOOD[0], slice(0, 12), 1, 1e5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = left_of(drawn(20), X, GOOD[1])
        other = left_of(form(drawn(20)), form(X), form(GOOD[1]))
    for ours, theirs in zip(plain.rows, other.rows, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_missing_values_texts_and_tokens_are_no_outliers():
    X = GOOD[0].copy()
    X[::3, 1] = np.nan
    assert len(left_of(drawn(20), X).rows[0]) == len(X)
    frame = pd.DataFrame({"a": X[:, 0], "b": "text", "when": pd.Timedelta("90000 days")})
    target = frame.iloc[:20].assign(when=pd.Timedelta("1 day"))
    assert len(left_of(target, frame).rows[0]) == len(frame)
    # Tokens of an embedding.
    tokens = np.random.RandomState(0).randint(50_000, size=(100, 5))
    assert len(left_of(tokens[:10] % 3, tokens).rows[0]) == 100


def test_nothing_is_measured_where_the_target_does_not_vary():
    left = left_of(np.zeros((20, 4)), 1e6 * GOOD[0])
    assert left.kept.all()
