"""MultiTaskUOWQClassifier: each task as UOWQClassifier has it, and an ordinary classifier."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from optional import optional
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.utils.estimator_checks import check_param_validation, parametrize_with_checks

from skuowq import MultiTaskUOWQClassifier, UOWQClassifier
from skuowq.datasets import make_classification_tasks

pd = optional("pandas")


@parametrize_with_checks(
    [
        MultiTaskUOWQClassifier(),
        MultiTaskUOWQClassifier(LogisticRegression(C=0.1), discrepancy="plugin"),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_parameter_validation():
    check_param_validation("MultiTaskUOWQClassifier", MultiTaskUOWQClassifier())


@pytest.fixture(scope="module")
def stacked():
    tasks = make_classification_tasks(
        n_target=30, n_samples=(80, 60), discrepancies=(0.0, 3.0), random_state=0
    )
    parts = {"here": (tasks.X_target, tasks.y_target)}
    parts |= dict(zip(["near", "far"], tasks.sources, strict=True))
    X, y = (np.concatenate(arrays) for arrays in zip(*parts.values(), strict=True))
    task = np.repeat(list(parts), [len(y_k) for _, y_k in parts.values()])
    order = np.random.RandomState(0).permutation(len(y))
    return X[order], y[order], task[order]


def test_each_task_is_the_target_once(stacked):
    X, y, task = stacked
    clf = MultiTaskUOWQClassifier().fit(X, y, task=task)
    assert clf.tasks_.tolist() == ["far", "here", "near"]
    assert_allclose(np.diag(clf.source_weights_), 1)
    for t, name in enumerate(clf.tasks_):
        others = [other for other in clf.tasks_ if other != name]
        sources = {other: (X[task == other], y[task == other]) for other in others}
        alone = UOWQClassifier().fit(X[task == name], y[task == name], sources=sources)
        assert_allclose(clf.source_weights_[t, clf.tasks_ != name], alone.source_weights_)
        rows = task == name
        assert_allclose(clf.predict_proba(X, task)[rows], alone.predict_proba(X[rows]))
    # The two alike help each other, the far one helps nobody.
    assert clf.source_weights_[1, 2] > 0.3
    assert clf.source_weights_[1, 0] < 0.1 * clf.source_weights_[1, 2]
    assert clf.score(X, y, task) == np.mean(clf.predict(X, task) == y)


@pytest.mark.slow
def test_the_diagram_shows_the_report_of_each_task(stacked):
    X, y, task = stacked
    assert "<summary>task" not in MultiTaskUOWQClassifier()._repr_html_()
    named = np.char.add(task, "<")
    clf = MultiTaskUOWQClassifier().fit(X, y, task=named)
    html = clf._repr_html_()
    assert all(f"<summary>task {name}&lt;</summary>" in html for name in ("far", "here", "near"))
    assert all(one.source_report_._repr_html_() in html for one in clf.estimators_.values())
    alone = MultiTaskUOWQClassifier().fit(X, y)
    assert alone._repr_html_().count("<summary>task") == 1


@pytest.mark.slow  # Each worker loads torch.
def test_workers_seeds_and_pickles_change_nothing(stacked):
    from nets import make_net  # Skips the test where there is no torch.

    X, y, task = stacked
    net = make_net(max_epochs=5)
    one = MultiTaskUOWQClassifier(net, random_state=0).fit(X, y, task=task)
    two = MultiTaskUOWQClassifier(net, random_state=0, n_jobs=2).fit(X, y, task=task)
    p = one.predict_proba(X, task)
    # Workers may use fewer threads for sums and products: their last digits are their own.
    assert_allclose(two.predict_proba(X, task), p, atol=1e-4)
    assert_array_equal(pickle.loads(pickle.dumps(one)).predict_proba(X, task), p)


def test_folds_and_grids_cut_the_tasks_with_the_rows(stacked):
    X, y, task = stacked
    clf = MultiTaskUOWQClassifier(LogisticRegression())
    import sklearn

    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_validate(clf, X, y, params={"task": task}, cv=3)["test_score"]
        assert np.all(scores > 0.5)
        search = GridSearchCV(clf, {"estimator__C": [0.1, 1.0]}, cv=3).fit(X, y, task=task)
        assert search.best_estimator_.tasks_.tolist() == ["far", "here", "near"]


def test_frames_weights_and_one_task(stacked):
    X, y, task = stacked
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    labels = np.array(["no", "yes", "maybe"])[y]
    clf = MultiTaskUOWQClassifier(LogisticRegression()).fit(frame, labels, task=pd.Series(task))
    assert set(clf.predict(frame, task)) <= set(labels)
    doubled = MultiTaskUOWQClassifier().fit(X, y, task, sample_weight=np.where(task == "far", 0, 1))
    assert doubled.tasks_.tolist() == ["here", "near"]
    alone = MultiTaskUOWQClassifier().fit(X, y)
    assert_allclose(alone.predict_proba(X), UOWQClassifier().fit(X, y).predict_proba(X))


def test_a_task_may_lack_a_class(stacked):
    X, y, task = stacked
    kept = (task != "here") | (y > 0)
    clf = MultiTaskUOWQClassifier().fit(X[kept], y[kept], task=task[kept])
    assert clf.classes_.tolist() == [0, 1, 2]
    assert clf.predict_proba(X, task).shape == (len(y), 3)


def test_bad_input_is_named(stacked):
    X, y, task = stacked
    clf = MultiTaskUOWQClassifier().fit(X, y, task=task)
    with pytest.raises(ValueError, match="task is missing, and there are 3 tasks"):
        clf.predict(X)
    with pytest.raises(ValueError, match=r"task holds \['nowhere'\]"):
        clf.predict(X[:2], ["here", "nowhere"])
    with pytest.raises(ValueError, match=r"task has shape \(169,\), and there are 170 rows"):
        clf.predict(X, task[:-1])
    with pytest.raises(ValueError, match=r"task has shape \(169,\), and there are 170 rows"):
        clf.fit(X, y, task=task[:-1])
    with pytest.raises(ValueError, match="task holds missing values"):
        clf.fit(X, y, task=np.where(task == "far", None, task))
    one_class = y.copy()
    one_class[task == "far"] = 0
    with pytest.raises(ValueError, match=r"'far'.*single class"):
        clf.fit(X, one_class, task=task)


MONTHS = ["2024-01-01", "2024-02-01", "2024-03-01"]


def columns_of_tasks():
    months, zone = pd.to_datetime(MONTHS), pd.to_datetime(MONTHS).tz_localize("Asia/Tokyo")
    float32 = np.array([0.1, 0.2, 0.3], dtype="float32")
    return {
        # How tasks are called in the fit, and in predict.
        "days": (months.to_numpy().astype("datetime64[D]"), np.array(list(months), dtype=object)),
        "nanoseconds": (months.to_numpy().astype("datetime64[ns]"), pd.Series(months)),
        "time zone": (pd.Series(zone), pd.Series(zone.tz_convert("UTC"))),
        "durations": (np.array([1, 2, 3], "timedelta64[h]"), pd.to_timedelta([1, 2, 3], unit="h")),
        "float32": (float32, np.array([0.1, 0.2, 0.3])),
        "Int64": (pd.Series([1, 2, 3], dtype="Int64"), np.array([1.0, 2.0, 3.0])),
        "category": (pd.Series(list("abc"), dtype="category"), np.array(list("abc"))),
        "period": (pd.Series(months.to_period("M")), pd.Series(months.to_period("M"))),
        "mixed": (pd.Series([1, "b", ("c", 2)]), pd.Series([1, "b", ("c", 2)])),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "days",
        "nanoseconds",
        "time zone",
        "durations",
        "float32",
        "Int64",
        "category",
        "period",
        "mixed",
    ],
)
def test_tasks_of_any_kind(stacked, kind):
    X, y, task = stacked
    number = np.searchsorted(["far", "here", "near"], task)
    fitted, asked = columns_of_tasks()[kind]
    expected = MultiTaskUOWQClassifier().fit(X, y, task=number)
    clf = MultiTaskUOWQClassifier().fit(X, y, task=fitted[number])
    assert len(clf.tasks_) == len(clf.estimators_) == 3
    assert_allclose(clf.source_weights_, expected.source_weights_)
    found = clf.predict_proba(X, task=asked[number])
    assert_allclose(found, expected.predict_proba(X, task=number))
    with pytest.raises(ValueError, match="which were not fitted"):
        clf.predict(X[:1], task=["elsewhere"])
    with pytest.raises(ValueError, match="task holds missing values"):
        clf.predict(X[:1], task=[None])
