"""Bad input: the message names the source, the fact and the remedy."""

import numpy as np
import pytest
from optional import optional
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq.rules import Reml

pd = optional("pandas")

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(20, 3)), np.arange(20) % 2
X_1, y_1 = RNG.normal(size=(30, 3)), np.arange(30) % 2
COLUMNS = ["a", "b", "c"]


def with_value(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((X_1[:, :2], y_1), "source 'b' has 2 features, the target has 3"),
        ((X_1[:, 0], y_1), "source 'b': Expected 2D array, got 1D array"),
        ((X_1[:0], y_1[:0]), "source 'b' is empty"),
        ((with_value(X_1, np.nan), y_1), "source 'b': Input X contains NaN"),
        ((with_value(X_1, np.inf), y_1), "source 'b': Input X contains infinity"),
        ((X_1, y_1[:10]), "source 'b': X has 30 rows, but y has 10"),
        ((X_1, y_1, np.full(30, -1.0)), "source 'b': sample_weight must be finite"),
        ((X_1, y_1, np.full(30, np.inf)), "source 'b': sample_weight must be finite"),
        ((X_1, RNG.normal(size=30)), "source 'b': Unknown label type: continuous"),
        ((X_1, np.where(y_1, np.nan, 1.0)), "source 'b': y contains NaN or infinity"),
        ((X_1, np.column_stack([y_1, y_1])), "source 'b': y should be a 1d array"),
        ((X_1.astype(str).astype(object), np.array(["p", "q"])[y_1]), "source"),
    ],
)
def test_bad_sources_are_named(source, message):
    with pytest.raises(ValueError, match=message):
        UOWQClassifier().fit(X, y, sources={"a": (X_1, y_1), "b": source})
    with pytest.raises(ValueError, match=message.replace("source 'b'", "source 1")):
        UOWQClassifier().fit(X, y, sources=[(X_1, y_1), source])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_bad_target_values(value):
    with pytest.raises(ValueError, match="Input X contains"):
        UOWQClassifier().fit(with_value(X, value), y, sources=[(X_1, y_1)])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y": y[:10]}, "inconsistent numbers of samples"),
        ({"y": RNG.normal(size=20)}, "Unknown label type"),
        ({"sample_weight": np.zeros(20)}, "at least one non-zero"),
        ({"sample_weight": -np.ones(20)}, "Negative values"),
        ({"sample_weight": np.full(20, np.nan)}, "NaN"),
        ({"sample_weight": np.ones(5)}, "shape"),
        ({"sources": [X_1, X_1]}, None),
        ({"sources": []}, "sources is empty"),
        ({"sources": (X_1, y_1)}, None),
        ({"sources": iter([(X_1, y_1)])}, None),
    ],
)
def test_bad_arguments_of_fit(arguments, message):
    arguments = {"y": y, "sources": [(X_1, y_1)], **arguments}
    if message is None:
        with pytest.raises(TypeError, match="source"):
            UOWQClassifier().fit(X, **arguments)
    else:
        with pytest.raises(ValueError, match=message):
            UOWQClassifier().fit(X, **arguments)


def test_regression_targets_of_the_target():
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        UOWQClassifier().fit(X, X[:, 0], sources=[(X_1, y_1)])


def test_a_solver_that_is_none():
    pytest.importorskip("cvxpy")
    with pytest.raises(ValueError, match="solver='NO_SUCH' is not an installed cvxpy solver"):
        UOWQClassifier(solver="NO_SUCH").fit(X, y, sources=[(X_1, y_1)])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discrepancy": np.array([[1.0, 2.0], [2.0, 1.0]])}, "not positive semidefinite"),
        ({"discrepancy": np.eye(3)}, r"shape \(3, 3\), but there are 2 sources"),
        ({"discrepancy": np.array([[1.0, np.nan], [np.nan, 1.0]])}, "NaN or infinity"),
        ({"discrepancy": "best"}, "discrepancy is 'best': pass one of"),
        ({"discrepancy": Reml(n_updates=-1)}, "The 'n_updates' parameter"),
        ({"max_weight": -0.5}, "The 'max_weight' parameter"),
        ({"max_weight": np.inf}, "The 'max_weight' parameter"),
        ({"classes": "all"}, "The 'classes' parameter"),
        ({"estimator": "tree"}, "The 'estimator' parameter"),
        ({"estimator": Ridge()}, r"estimator=Ridge\(\) is a regressor"),
        ({"estimator": LogisticRegression(C=-1)}, "The 'C' parameter"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        UOWQClassifier(**options).fit(X, y, sources=[(X_1, y_1)] * 2)


def frame(X, columns=COLUMNS):
    return pd.DataFrame(X, columns=columns)


@pytest.mark.parametrize("estimator", [None, HistGradientBoostingClassifier(max_iter=2)])
@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a", "b", "z"], r"unknown columns \['z'\], missing columns \['c'\]"),
        (["c", "b", "a"], "the same columns in another order"),
        ([0, 1, 2], r"unknown columns \[0, 1, 2\]"),
    ],
)
def test_column_names(estimator, columns, message):
    with pytest.raises(ValueError, match=f"source 'other' has {message}"):
        UOWQClassifier(estimator).fit(frame(X), y, sources={"other": (frame(X_1, columns), y_1)})


def test_frames_and_arrays_do_not_mix_where_the_estimator_sees_frames():
    with pytest.raises(ValueError, match="source 0 is a ndarray, the target is a data frame"):
        UOWQClassifier(HistGradientBoostingClassifier()).fit(frame(X), y, sources=[(X_1, y_1)])


def test_integer_column_names_are_names():
    for estimator in (None, HistGradientBoostingClassifier(max_iter=2)):
        with pytest.raises(ValueError, match="source 0 has the same columns in another order"):
            UOWQClassifier(estimator).fit(
                pd.DataFrame(X), y, sources=[(pd.DataFrame(X_1)[[2, 1, 0]], y_1)]
            )


def test_columns_of_another_kind():
    words = frame(X_1).assign(b="word")
    with pytest.raises(ValueError, match="source 0: column 'b' holds text, the target's holds num"):
        UOWQClassifier(HistGradientBoostingClassifier()).fit(frame(X), y, sources=[(words, y_1)])


def test_infinity_in_frames():
    bad = frame(with_value(X_1, np.inf))
    with pytest.raises(ValueError, match="source 0: column 'b' contains infinity"):
        UOWQClassifier(HistGradientBoostingClassifier()).fit(frame(X), y, sources=[(bad, y_1)])


def test_missing_values_reach_an_estimator_that_takes_them():
    clf = UOWQClassifier(HistGradientBoostingClassifier(max_iter=2))
    clf.fit(with_value(X, np.nan), y, sources=[(with_value(X_1, np.nan), y_1)])
    assert clf.predict(with_value(X, np.nan)).shape == (20,)


def test_sparse_where_the_estimator_takes_none():
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        UOWQClassifier(HistGradientBoostingClassifier()).fit(
            X, y, sources=[(sparse.csr_matrix(X_1), y_1)]
        )


def test_a_source_without_the_targets_classes():
    other = (X_1, y_1 + 5)
    with pytest.raises(ValueError, match="appear only in the target"):
        UOWQClassifier(classes="target").fit(X, y, sources=[other])
    both = [(X_1, y_1), other]
    with pytest.warns(UserWarning, match="source 1 has rows of fewer than two of the target's"):
        clf = UOWQClassifier(classes="target").fit(X, y, sources=both)
    assert clf.source_weights_[1] == 0


def test_a_target_of_one_class():
    """Without sources there is nothing to learn; with them there is."""
    with pytest.raises(ValueError, match="target has the single class 0, and classes='target'"):
        UOWQClassifier(classes="target").fit(X, np.zeros(20, dtype=int), sources=[(X_1, y_1)])
    with pytest.raises(ValueError, match="class"):
        UOWQClassifier().fit(X, np.zeros(20, dtype=int))
    with pytest.warns(UserWarning, match="appear only in the sources"):
        clf = UOWQClassifier().fit(X, np.zeros(20, dtype=int), sources=[(X_1, y_1)])
    assert clf.predict_proba(X).shape == (20, 2)


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (UOWQClassifier(LogisticRegression), "estimator"),
        (UOWQRegressor(Ridge), "estimator"),
        (MultiTaskUOWQClassifier(LogisticRegression), "estimator"),
        (OT3LClassifier(LogisticRegression), "estimator"),
        (DiscriminatorGateClassifier(LogisticRegression), "estimator"),
        (DiscriminatorGateClassifier(LogisticRegression(), gate=LogisticRegression), "gate"),
    ],
)
def test_a_class_in_place_of_an_instance(estimator, name):
    message = f"The '{name}' parameter of {type(estimator).__name__} must be .*an instance, such as"
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert get_tags(estimator).target_tags.required  # What scikit-learn asks before any fit.


def test_models_that_are_no_classifiers():
    for model in (Ridge(), DecisionTreeRegressor(), make_pipeline(StandardScaler(), Ridge())):
        with pytest.raises(ValueError, match=r"source 'b' is a \w+, a regressor, .*pass the rows"):
            UOWQClassifier().fit(X, y, sources={"b": (model.fit(X, y), 20)})
    with pytest.raises(ValueError, match="RidgeClassifier, which has no predict_proba: pass a"):
        UOWQClassifier().fit(X, y, sources={"b": (RidgeClassifier().fit(X, y), 20)})


def test_a_class_in_place_of_a_model():
    with pytest.raises(TypeError, match="source 'b' is the class LogisticRegression: pass"):
        UOWQClassifier().fit(X, y, sources={"b": (LogisticRegression, 100)})


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, "a"], "y holds labels of type int, str: convert them"),
        ([b"a", b"b"], "y holds labels of type bytes: convert them"),
        ([("a", 1), ("b", 2)], "y holds labels of type tuple: convert them"),
        (lambda: pd.period_range("2024", periods=2), "y holds labels of type Period"),
        (np.array(["2024-01-01", "NaT"], dtype="datetime64[ns]"), "y contains NaT"),
    ],
)
def test_labels_that_no_classifier_takes(labels, message):
    labels = pd.Series(labels() if callable(labels) else labels)
    given, source = labels.take(y), (X_1, labels.take(y_1))
    with pytest.raises(ValueError, match=f"^(Unknown label type: )?{message}"):
        UOWQClassifier().fit(X, given, sources=[source])
    with pytest.raises(ValueError, match=f"source 0: (Unknown label type: )?{message}"):
        UOWQClassifier().fit(X, y, sources=[source])


def test_dates_are_no_numbers():
    dates = pd.to_datetime(["2024-01-01", "2024-02-01"]).to_numpy()
    with pytest.raises(ValueError, match="target are numbers, those of source 0 are dates"):
        UOWQClassifier().fit(X, y, sources=[(X_1, dates[y_1])])
    sources = {"a": (X_1, dates[y_1]), "b": (X_1, (dates - dates[0])[y_1])}
    with pytest.raises(ValueError, match="labels of 'a' are dates, those of 'b' are durations"):
        OT3LClassifier(random_state=0).fit(X, y, sources)
