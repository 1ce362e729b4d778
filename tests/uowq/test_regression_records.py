"""Records of regressions in place of rows: the fit is that of the rows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

from skuowq import (
    DiscriminatorGateClassifier,
    Sources,
    UOWQClassifier,
    UOWQRegressor,
    make_transfer_pipeline,
)
from skuowq.fisher import RegressionRecord, regression_record, source_record
from skuowq.metrics import negative_transfer_gap


def draw(n, level=0.0, noise=1.0, mean=0.0, sign=1.0, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)) * [1, 10, 0.1, 1] + mean
    return X, sign * X @ [1, 0.1, 10, 1] + level + noise * rng.normal(size=n)


X, Y = draw(30)
X_NEW, Y_NEW = draw(50, seed=9)
ROWS = {
    "higher": draw(300, level=3, seed=1),
    "noisy": draw(300, noise=4, mean=1, seed=2),
    "other": draw(200, sign=-1, seed=3),
}
RECORDS = Sources({name: regression_record(*source) for name, source in ROWS.items()})


def assert_same(ours, theirs, X_new=X_NEW, rtol=1e-6):
    assert_allclose(ours.source_weights_, theirs.source_weights_, rtol=rtol, atol=1e-12)
    assert_allclose(ours.noise_variance_, theirs.noise_variance_, rtol=rtol)
    assert_allclose(ours.levels_, theirs.levels_, rtol=rtol, atol=1e-6)
    assert_allclose(ours.discrepancy_, theirs.discrepancy_, rtol=rtol, atol=1e-9)
    assert_array_equal(ours.source_n_samples_, theirs.source_n_samples_)
    assert_allclose(ours.estimator_.coef_, theirs.estimator_.coef_, rtol=rtol, atol=1e-9)
    assert_allclose(ours.predict(X_new), theirs.predict(X_new), rtol=rtol, atol=1e-6)
    assert str(ours.source_report_) == str(theirs.source_report_)


@pytest.mark.parametrize("base", [None, Ridge(3.0), LinearRegression()])
@pytest.mark.parametrize(
    "options", [{}, {"own_levels": False}, {"discrepancy": "plugin"}, {"discrepancy": "debiased"}]
)
def test_the_fit_is_that_of_the_rows(base, options):
    reg = UOWQRegressor(base, **options)
    assert_same(clone(reg).fit(X, Y, sources=RECORDS), clone(reg).fit(X, Y, sources=ROWS))


def test_weights_of_rows_and_of_the_target_count():
    rng = np.random.default_rng(0)
    rows = {name: (*source, rng.integers(0, 3, len(source[1]))) for name, source in ROWS.items()}
    records = {
        name: regression_record(X_k, y_k, sample_weight=w) for name, (X_k, y_k, w) in rows.items()
    }
    weight = rng.uniform(0.5, 2, len(Y))
    ours = UOWQRegressor().fit(X, Y, sources=records, sample_weight=weight)
    assert_same(ours, UOWQRegressor().fit(X, Y, sources=rows, sample_weight=weight))


def test_a_source_in_parts_is_one():
    parts = {}
    for name, (X_k, y_k) in ROWS.items():
        cut = np.array_split(np.arange(len(y_k)), 4)
        parts[name] = sum(regression_record(X_k[rows], y_k[rows]) for rows in cut)
    assert_same(UOWQRegressor().fit(X, Y, parts), UOWQRegressor().fit(X, Y, ROWS))


@pytest.mark.parametrize("offset", [1e4, 1e8])
def test_columns_may_be_far_from_zero(offset):
    away = offset * np.array([1.0, 0.0, 0.0, -1.0])
    rows = {name: (X_k + away, y_k) for name, (X_k, y_k) in ROWS.items()}
    records = {name: regression_record(*source) for name, source in rows.items()}
    ours = UOWQRegressor().fit(X + away, Y, sources=records)
    theirs = UOWQRegressor().fit(X + away, Y, sources=rows)
    assert_same(ours, theirs, X_NEW + away, rtol=1e-6)


def test_rows_and_records_may_be_mixed():
    mixed = {"higher": ROWS["higher"], "noisy": RECORDS["noisy"], "other": ROWS["other"]}
    ours = UOWQRegressor().fit(X, Y, sources=mixed)
    assert_same(ours, UOWQRegressor().fit(X, Y, sources=ROWS))
    assert ours.source_names_ == list(ROWS)
    frame = Sources(mixed).to_frame()
    assert frame["given by"].tolist() == ["rows", "record", "rows"]
    assert frame["features"].tolist() == [4, 4, 4]


def test_sparse_and_frames_of_the_target():
    expected = UOWQRegressor().fit(X, Y, RECORDS).predict(X_NEW)
    of_sparse = UOWQRegressor().fit(sparse.csr_matrix(X), Y, RECORDS)
    assert_allclose(of_sparse.predict(X_NEW), expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    of_frame = UOWQRegressor().fit(frame, Y, RECORDS)
    assert_allclose(of_frame.predict(pd.DataFrame(X_NEW, columns=list("abcd"))), expected)
    assert of_frame.feature_names_in_.tolist() == list("abcd")


def test_what_came_through_json_or_a_pickle_fits_the_same():
    sent = {name: RegressionRecord.from_json(RECORDS[name].to_json()) for name in ROWS}
    expected = UOWQRegressor().fit(X, Y, RECORDS)
    for sources in (sent, pickle.loads(pickle.dumps(RECORDS))):
        found = UOWQRegressor().fit(X, Y, sources)
        assert_array_equal(found.source_weights_, expected.source_weights_)
    back = pickle.loads(pickle.dumps(expected))
    assert_array_equal(back.predict(X_NEW), expected.predict(X_NEW))


def test_columns_the_target_does_not_show_are_reported():
    """A column that is constant in the target has no range, and is no reason to leave one out."""
    flat = X.copy()
    flat[:, 3] = 1.0
    ours, theirs = (UOWQRegressor().fit(flat, Y, sources) for sources in (RECORDS, ROWS))
    assert_same(ours, theirs)
    assert "25% of the columns that vary" in str(ours.source_report_)


def test_searches_and_gaps_cut_the_targets_rows_alone():
    found = []
    for sources in (Sources(ROWS), RECORDS):
        search = GridSearchCV(UOWQRegressor(Ridge()), {"estimator__alpha": [0.1, 10.0]}, cv=3)
        search.fit(X, Y, sources=sources)
        gap = negative_transfer_gap(
            UOWQRegressor(),
            X,
            Y,
            sources=sources,
            cv=3,
            n_repeats=1,
            scoring="neg_mean_squared_error",
            random_state=0,
        )
        found.append((search.cv_results_["mean_test_score"], gap.gaps))
    for rows, records in zip(*found, strict=True):
        assert_allclose(records, rows, rtol=1e-6)


@pytest.mark.parametrize("units", [1e6, 1e-6])
@pytest.mark.parametrize("as_record", [False, True])
def test_a_source_in_other_units_is_left_out(units, as_record):
    X_k, y_k = ROWS["higher"]
    scaled = X_k * units, y_k
    others = RECORDS if as_record else ROWS
    sources = {
        "good": others["noisy"],
        "units": regression_record(*scaled) if as_record else scaled,
        "fine": others["other"],
    }
    with pytest.warns(UserWarning, match="source 'units' is left out. Bring it to the target's"):
        reg = UOWQRegressor().fit(X, Y, sources)
    assert reg.source_weights_[1] == 0 < reg.source_weights_[0]
    kept = {name: sources[name] for name in ("good", "fine")}
    expected = UOWQRegressor().fit(X, Y, kept)
    assert_allclose(reg.predict(X_NEW), expected.predict(X_NEW))
    if as_record:
        sources["units"] = sources["units"].in_units(units)
        again = UOWQRegressor().fit(X, Y, sources)
        rows = {"good": ROWS["noisy"], "units": ROWS["higher"], "fine": ROWS["other"]}
        assert_same(again, UOWQRegressor().fit(X, Y, rows))


def test_a_constant_column_far_from_zero_varies_by_rounding_alone():
    """Its spread of rounding would look like that of a column in other units."""
    rows = {
        name: (np.column_stack([X_k, np.full((len(y_k), 6), 0.1)]), y_k)
        for name, (X_k, y_k) in ROWS.items()
    }
    records = {name: regression_record(*source) for name, source in rows.items()}
    wide = np.column_stack([X, np.random.default_rng(0).normal(size=(30, 6))])
    reg = UOWQRegressor().fit(wide, Y, records)
    assert (reg.source_n_samples_ > 0).all()


def test_where_no_source_is_left_the_target_is_fitted():
    far = regression_record(1e6 * ROWS["higher"][0], ROWS["higher"][1])
    with pytest.warns(UserWarning, match="is left out"):
        reg = UOWQRegressor().fit(X, Y, {"far": far})
    assert reg.source_weights_.tolist() == [0.0]
    assert_allclose(reg.predict(X_NEW), Ridge().fit(X, Y).predict(X_NEW))


def test_what_records_cannot_give_is_refused():
    record = {"a": RECORDS["higher"]}
    classes = (Y > 0).astype(int)
    of_classes = {"a": source_record(*ROWS["higher"][:1], ROWS["higher"][1] > 0)}
    of_model = {"a": (LogisticRegression().fit(X, classes), 30)}
    narrow = {"a": regression_record(ROWS["higher"][0][:, :3], ROWS["higher"][1])}
    needs_rows = "source 'a' is a RegressionRecord without rows, .* around a Ridge or"
    no_classes = r"'a' is a record of a regression, .* pass skuowq.fisher.source_record of"
    for estimator, y, sources, error, message in (
        (UOWQRegressor(RandomForestRegressor()), Y, record, TypeError, needs_rows),
        (
            make_transfer_pipeline(StandardScaler(), UOWQRegressor()),
            Y,
            record,
            TypeError,
            needs_rows,
        ),
        (UOWQRegressor(Ridge(fit_intercept=False)), Y, record, ValueError, "with an intercept"),
        (UOWQRegressor(Ridge(positive=True)), Y, record, ValueError, "coefficients of either"),
        (UOWQRegressor(), Y, narrow, ValueError, "'a' has 3 features, the target has 4"),
        (UOWQRegressor(), Y, of_classes, TypeError, "a record of a classifier, .*regression_rec"),
        (UOWQRegressor(), Y, of_model, TypeError, "a model of a classifier, .*regression_record"),
        (UOWQClassifier(), classes, record, TypeError, no_classes),
        (DiscriminatorGateClassifier(LogisticRegression()), classes, record, TypeError, no_classes),
    ):
        with pytest.raises(error, match=message):
            estimator.fit(X, y, sources=Sources(sources))
    with pytest.raises(TypeError, match="there is no y for transform_y"):
        Sources(record, transform_y=np.log)
    mean, products = record["a"].mean, record["a"].products
    for wrong, message in (
        (RegressionRecord(10.0, mean, products[1:]), r"shapes \(5,\) and \(4, 5\)"),
        (RegressionRecord(0.0, mean, products), "a record of 0.0 rows"),
        (RegressionRecord(10.0, mean * np.nan, products), "numbers that are not finite"),
    ):
        with pytest.raises(ValueError, match=message):
            Sources({"a": wrong})
