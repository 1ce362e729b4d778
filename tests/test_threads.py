"""Linear algebra on small matrices runs in one thread, whatever the user's settings."""

import numpy as np
import threadpoolctl

from skuowq import UOWQClassifier
from skuowq._utils import _threads
from skuowq._utils._threads import threads_for
from skuowq.datasets import make_classification_tasks


def blas_threads():
    return [
        pool["num_threads"]
        for pool in threadpoolctl.threadpool_info()
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]
    ]


def test_small_ones_have_one_thread_and_large_ones_what_there_is():
    with threadpoolctl.threadpool_limits(2, "blas"):
        before = blas_threads()
        with threads_for(1000):
            assert set(blas_threads()) <= {1}
        assert blas_threads() == before
        with threads_for(2**30):
            assert blas_threads() == before


def test_a_fit_is_limited_and_leaves_the_setting_as_it_was(monkeypatch):
    seen = []
    tasks = make_classification_tasks(random_state=0)
    real = _threads._controller().limit

    def limit(**options):
        seen.append(options)
        return real(**options)

    monkeypatch.setattr(_threads._controller(), "limit", limit)
    with threadpoolctl.threadpool_limits(2, "blas"):
        before = blas_threads()
        UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
        assert blas_threads() == before
    assert seen
    assert all(options == {"limits": 1, "user_api": "blas"} for options in seen)


def test_the_number_of_threads_changes_no_more_than_rounding(monkeypatch):
    tasks = make_classification_tasks(random_state=0)
    found = []
    for small in (0, 2**30):
        monkeypatch.setattr(_threads, "_SMALL", small)
        clf = UOWQClassifier().fit(tasks.X_target, tasks.y_target, tasks.sources)
        found.append(clf.source_weights_)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-9)
