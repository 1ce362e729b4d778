"""Sources on a cluster of two processes: what travels, and what is left when things fail."""

import _thread
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

pytest.importorskip("distributed")

import dask
from distributed import Client, wait
from sklearn.linear_model import LogisticRegression

from skuowq import Sources, UOWQClassifier
from skuowq._data.dask_engine import DaskEngine
from skuowq.datasets import make_classification_tasks

# Dask warns of much that is no fault of ours, such as a killed process.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TASKS = make_classification_tasks(n_target=40, n_classes=2, n_samples=(3000,) * 3, random_state=0)
EXACT = LogisticRegression(tol=1e-9, max_iter=10_000)


def source(k):
    return TASKS.sources[k]


@pytest.fixture
def client():
    with Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client:
        client.run(lambda path: sys.path.insert(0, path), str(Path(__file__).parents[2]))
        yield client


@pytest.fixture(scope="module")
def here():
    return UOWQClassifier(EXACT).fit(TASKS.X_target, TASKS.y_target, sources=TASKS.sources)


def fit(sources):
    return UOWQClassifier(EXACT).fit(TASKS.X_target, TASKS.y_target, sources=sources)


def same(here, there):
    assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-6)
    away = there.predict_proba(TASKS.X_test) - here.predict_proba(TASKS.X_test)
    assert np.abs(away).max() < 1e-5


def test_futures_and_delayed_objects_give_what_rows_give(client, here):
    """Three thousand rows of ten columns: what comes back is counted where it arrives."""
    sizes, gather = [], client.gather

    def counted(futures, *args, **kwargs):
        found = gather(futures, *args, **kwargs)
        sizes.append(sum(_bytes(answer) for answer in _leaves(found)))
        return found

    futures = [client.submit(source, k, key=f"s{k}") for k in range(3)]
    wait(futures)
    client.gather = counted
    same(here, fit(futures))
    p = TASKS.X_target.shape[1] + 1
    assert 10 < len(sizes) < 100
    # Of each source: an information, three vectors and a few numbers.
    assert max(sizes) < 3 * 8 * (p**2 + 4 * p + 20) < TASKS.sources[0][0].nbytes / 10
    same(here, fit([dask.delayed(source)(k) for k in range(3)]))


def test_rounds_do_not_grow_with_the_sources(client):
    """Fits of each source alone included, of which each round reaches all that still go on."""
    n_sources, rounds = 20, []
    tasks = make_classification_tasks(
        n_target=40,
        n_classes=2,
        n_samples=(400,) * n_sources,
        discrepancies=np.linspace(0, 1, n_sources),
        random_state=0,
    )
    gather = client.gather

    def counted(futures, *args, **kwargs):
        found = gather(futures, *args, **kwargs)
        rounds.append([_bytes(answer) for answer in _leaves(found)])
        return found

    futures = client.scatter([tuple(source) for source in tasks.sources])
    client.gather = counted
    there = UOWQClassifier(EXACT).fit(tasks.X_target, tasks.y_target, futures)
    here = UOWQClassifier(EXACT).fit(tasks.X_target, tasks.y_target, tasks.sources)
    # The fits of sources alone end within a tolerance.
    assert_allclose(there.source_weights_, here.source_weights_, rtol=1e-4, atol=1e-6)
    away = there.predict_proba(tasks.X_test) - here.predict_proba(tasks.X_test)
    assert np.abs(away).max() < 1e-5
    assert len(rounds) < 100
    assert any(1 < len(answers) < n_sources for answers in rounds)
    p = tasks.X_target.shape[1] + 1
    assert max(map(max, rounds)) < 8 * (p**2 + 4 * p + 20)


def _leaves(found):
    found = found.values() if isinstance(found, dict) else found
    for part in found:
        if isinstance(part, (list, tuple)):
            yield from _leaves(part)
        else:
            yield part


def _bytes(answer):
    return sum(v.nbytes if isinstance(v, np.ndarray) else 8 for v in vars(answer).values())


def test_a_worker_killed_in_the_middle_is_made_up_for(client, here, monkeypatch):
    persisted = client.persist([dask.delayed(source, pure=True)(k) for k in range(3)])
    wait(persisted)
    ask, rounds, killed = DaskEngine.ask, [], []

    def ask_and_kill(*arguments):
        rounds.append(1)
        if len(rounds) == 6:
            [pid, *_] = client.run(os.getpid).values()
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return ask(*arguments)

    monkeypatch.setattr(DaskEngine, "ask", ask_and_kill)
    same(here, fit(persisted))
    assert killed


def slow_source(k):
    time.sleep(1)
    return source(k)


def test_an_interrupted_fit_leaves_nothing_running(client):
    slow = [dask.delayed(slow_source, pure=True)(k) for k in range(3)]
    timer = threading.Timer(3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fit(slow)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        tasks = client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))
        if not tasks:
            break
        time.sleep(0.2)
    assert tasks == 0


def test_a_source_whose_process_dies_each_time_is_named(client):
    def deadly():
        os._exit(1)

    client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
    # The other one is here: Dask may also blame what a dying process was to do next.
    sources = {"good": source(0), "deadly": dask.delayed(deadly)()}
    with pytest.raises(RuntimeError, match=r"source 'deadly' .* cannot be read. KilledWorker"):
        fit(sources)
    with pytest.warns(UserWarning, match=r"source 'deadly' .* It is left out, with weight 0"):
        clf = fit(Sources(sources, missing="drop"))
    assert clf.source_weights_[1] == 0 < clf.source_weights_[0]
