"""Without its optional packages skuowq does what needs none, and says which one the rest needs."""

import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import skuowq
from skuowq import (
    DiscriminatorGateClassifier,
    JTLNClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    UOWQClassifier,
    UOWQRegressor,
    plotting,
    transport,
    weights,
)
from skuowq._utils._optional import _PACKAGES
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import projected_fisher, source_record

TASKS = make_classification_tasks(
    n_target=30, n_samples=(80, 60), discrepancies=(0.05, 1.0), n_features=3, random_state=0
)
TARGET = TASKS.X_target, TASKS.y_target
STACKED = (
    [np.concatenate(parts) for parts in zip(TARGET, *TASKS.sources, strict=True)],
    np.repeat(["here", "a", "b"], [30, 80, 60]),
)


class Blocked:
    """Finds no optional package, as where none is installed."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in _PACKAGES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture(autouse=True)
def light(monkeypatch):
    """The optional packages cannot be imported."""
    for name in list(sys.modules):
        if name.partition(".")[0] in _PACKAGES or name.startswith("skuowq.networks"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr(skuowq, "networks", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Blocked, *sys.meta_path])


@pytest.mark.parametrize(
    "estimator",
    [
        UOWQClassifier(),
        UOWQClassifier(discrepancy="plugin"),
        UOWQClassifier(discrepancy="debiased", max_weight=0.1),
        UOWQClassifier(DecisionTreeClassifier()),
        UOWQRegressor(),
        DiscriminatorGateClassifier(LogisticRegression(), trust=1.0),
        OT3LClassifier(random_state=0),
    ],
)
def test_what_needs_no_other_package(estimator):
    assert np.isfinite(estimator.fit(*TARGET, sources=TASKS.sources).predict(TASKS.X_test)).all()


def test_many_tasks_and_records_need_no_other_package():
    (X, y), task = STACKED
    assert MultiTaskUOWQClassifier().fit(X, y, task=task).source_weights_.shape == (3, 3)
    records = [source_record(*source) for source in TASKS.sources]
    assert UOWQClassifier().fit(*TARGET, sources=records).n_sources_ == 2


@pytest.mark.parametrize("n_sources", [3, 40])
@pytest.mark.parametrize("max_weight", [None, 0.01])
def test_weights_without_cvxpy_are_certified(n_sources, max_weight):
    """Where the closed form is infeasible, the active set takes the interior point's place."""
    rng = np.random.default_rng(0)
    A = rng.normal(size=(n_sources, n_sources)) + 2.0
    found = weights.solve_source_weights(
        np.full(n_sources, 100.0), A @ A.T, n_target=20, max_weight=max_weight
    )
    assert found.gap <= 1e-6
    assert np.any(found.source_weights == 0)


TORCH, POT = "pip install torch skorch", r'pip install "skuowq\[transport\]"'


@pytest.mark.parametrize(
    ("call", "package", "command"),
    [
        (lambda: DiscriminatorGateClassifier().fit(*TARGET, TASKS.sources), "torch", TORCH),
        (lambda: JTLNClassifier().fit(*TARGET, TASKS.sources), "torch", TORCH),
        (lambda: projected_fisher(None, None, [], None), "torch", TORCH),
        (lambda: transport.dataset_distance(*TARGET, *TASKS.sources[0]), "POT", POT),
        (lambda: transport.class_distances(*TARGET, *TARGET, method="exact"), "POT", POT),
        (lambda: transport.class_distances(*TARGET, *TARGET, method="sinkhorn"), "POT", POT),
        (lambda: transport.rank_sources(*TARGET, TASKS.sources), "POT", POT),
        (lambda: OT3LClassifier(aggregate="ot").fit(*TARGET, TASKS.sources), "POT", POT),
        (lambda: UOWQClassifier(solver="SCS").fit(*TARGET, TASKS.sources), "cvxpy", "pip install"),
        (
            lambda: plotting.ClassDistancesDisplay(distances=np.ones((2, 2))).plot(),
            "matplotlib",
            r'pip install "skuowq\[plots\]"',
        ),
        (
            lambda: UOWQClassifier().fit(*TARGET, TASKS.sources).source_report_.to_frame(),
            "pandas",
            "pip install pandas",
        ),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(call, package, command):
    with pytest.raises(ImportError, match=f"needs {package}, which is not installed: {command}"):
        call()


def test_a_package_that_lacks_one_of_its_own_says_so_itself(monkeypatch, tmp_path):
    from skuowq._utils._optional import import_optional

    (tmp_path / "pandas.py").write_text("import no_such_package")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [f for f in sys.meta_path if f is not Blocked])
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_package'"):
        import_optional("pandas", "A table")
