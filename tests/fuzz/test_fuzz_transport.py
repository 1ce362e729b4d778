"""`skuowq.transport`: distances of classes and data sets, and rows chosen by them."""

import pytest

pytest.importorskip("ot")

import inspect

import numpy as np
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS, as_given, problems, with_bad
from hypothesis import strategies as st

from skuowq import transport

data_sets = problems(
    min_sources=1, most_rows=8, weights=False, containers=("array", "array", "list", "float32")
)
names = {
    name
    for function in (transport.class_distances, transport.rank_sources)
    for name in inspect.signature(function).parameters
} | {"features"}
regs = with_bad(st.sampled_from([1e-3, 0.05, 1.0, 100.0]))


@fuzz(
    "transport.class_distances",
    problem=data_sets,
    # Sinkhorn's steps with little regularisation take as long as all else.
    method=with_bad(st.sampled_from(["gaussian", "exact", "mmd"] * 3 + ["sinkhorn"])),
    reg=regs,
)
def test_class_distances(problem, method, reg):
    X, y, _ = problem.parts[0]
    D = outcome(
        lambda: transport.class_distances(problem.X, problem.y, X, y, method, reg=reg), names
    )
    if D is not None:
        assert D.shape == (len(np.unique(y)), len(np.unique(problem.y)))
        assert np.isfinite(D).all()
        assert method == "mmd" or D.min() >= 0


@fuzz(
    "transport.dataset_distance",
    "transport.pairwise_dataset_distances",
    "transport.rank_sources",
    "transport.SourceRanking",
    examples=60,
    problem=data_sets,
    method=with_bad(st.sampled_from(["gaussian", "exact", "sinkhorn"])),
    reg=regs,
)
def test_dataset_distances(problem, method, reg):
    """60 examples in ``make test``: every pair of data sets, by transport."""
    sets = [(problem.X, problem.y), *((X, y) for X, y, _ in problem.parts)]
    D = outcome(
        lambda: transport.pairwise_dataset_distances(sets, method, reg=reg),
        [*names, "datasets"],
    )
    ranking = outcome(
        lambda: transport.rank_sources(
            problem.X, problem.y, as_given(problem.sources), method=method, reg=reg
        ),
        names,
    )
    if D is not None:
        assert D.shape == (len(sets), len(sets))
        assert np.isfinite(D).all()
        assert D.min() >= 0
        np.testing.assert_array_equal(D, D.T)
        one = transport.dataset_distance(*sets[0], *sets[0], method, reg=reg)
        assert one <= 1e-4 * (1 + np.abs(D).max() + np.abs(np.asarray(problem.X, float)).max())
    if ranking is not None:
        assert np.isfinite(ranking.distances).all()
        assert (np.diff(ranking.distances) >= 0).all()
        assert str(ranking)


@fuzz(
    "transport.select_target_rows",
    seed=SEEDS,
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    n=st.integers(4, 30),
    budget=with_bad(st.integers(1, 30)),
    strategy=with_bad(st.sampled_from(["mixed", "far", "near", "uniform", "stratified"])),
    alpha=with_bad(st.floats(0, 1)),
    aggregate=with_bad(st.sampled_from(["mean", "min", "ot"])),
    n_far=with_bad(st.one_of(st.none(), st.integers(0, 4))),
    wrong=st.sampled_from(["", "", "", "", "NaN", "shape", "text"]),
)
def test_select_target_rows(seed, shape, n, budget, strategy, alpha, aggregate, n_far, wrong):
    rng = np.random.RandomState(seed)
    D = rng.uniform(size=shape) * 10.0 ** rng.randint(-12, 12)
    y = rng.randint(shape[1], size=n)
    y[: shape[1]] = np.arange(shape[1])
    D = {"": D, "NaN": D * np.nan, "shape": D[:, :-1], "text": "far"}[wrong]
    arguments = inspect.signature(transport.select_target_rows).parameters
    chosen = outcome(
        lambda: transport.select_target_rows(
            D,
            y,
            budget,
            strategy=strategy,
            alpha=alpha,
            aggregate=aggregate,
            n_far=n_far,
            random_state=seed,
        ),
        arguments,
    )
    if chosen is not None:
        assert len(np.unique(chosen)) == len(chosen) == budget
        assert 0 <= chosen.min() <= chosen.max() < n
