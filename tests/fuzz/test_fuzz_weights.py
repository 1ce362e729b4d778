"""`skuowq.weights`: mathematics on arrays."""

import inspect

import numpy as np
from fuzz_harness import assert_weights, fuzz, outcome
from fuzz_strategies import gram_matrices, problems, sizes, with_bad
from hypothesis import strategies as st
from optional import installed
from sklearn.naive_bayes import GaussianNB

from skuowq import weights

methods = with_bad(st.sampled_from(["reml", "debiased", "plugin"]), ["REML", None, 3])
n_sources = st.integers(1, 5)


@st.composite
def programs(draw):
    """Sizes and a discrepancy, now and then wrong ones."""
    k = draw(n_sources)
    n = [draw(sizes()) for _ in range(k)]
    G = draw(gram_matrices(k))
    fault = draw(st.sampled_from([None] * 9 + ["shape", "sign", "NaN", "text"]))
    if fault == "shape":
        G = np.zeros((k + 1, k))
    elif fault == "sign":
        G = -np.eye(k)
    elif fault == "NaN":
        G = np.full(k, np.nan)
    elif fault == "text":
        G = "reml"
    right = fault is None and all(np.isscalar(x) and np.isreal(x) for x in n)
    return n, G, right and all(0 < x < np.inf for x in n)


@fuzz(
    "weights.solve_source_weights",
    "weights.SourceWeights",
    program=programs(),
    n_target=with_bad(sizes(bad=False)),
    cap=with_bad(st.sampled_from([None, None, 0.0, 1e-3, 1.0, 50.0]), [-1.0, np.nan, "much"]),
    solver=with_bad(st.none(), ["CLARABEL", "none such", 3]) if installed("cvxpy") else st.none(),
)
def test_program(program, n_target, cap, solver):
    n, G, valid = program
    names = inspect.signature(weights.solve_source_weights).parameters
    # A solver that is asked for by name may stop short; the error then says to leave it out.
    free = cap is None and solver is None
    found = outcome(
        lambda: weights.solve_source_weights(
            n, G, n_target=n_target, max_weight=cap, solver=solver
        ),
        [*names, "weights"],
        valid=valid and free,
    )
    if found is not None:
        assert_weights(found.source_weights, len(n), cap)
        assert_weights(found.mixture_weights, len(n), 1.0)
        assert 0 <= found.gap <= 1e-6
        assert found.effective_source_size >= 0
        n, G = np.array(n, dtype=float), np.atleast_2d(np.diag(G) if np.ndim(G) == 1 else G)
        if cap is None:
            # More rows than there are cannot be worth more than there are, where none cancel.
            value = found.mixture_weights @ (G + np.diag(1 / n)) @ found.mixture_weights
            np.testing.assert_allclose(found.effective_source_size * value, 1, rtol=1e-5)
            # No source alone does better.
            assert value <= np.min(np.diag(G) + 1 / n) * (1 + 1e-5)


@st.composite
def contrasts(draw):
    k = draw(n_sources)
    return (
        draw(gram_matrices(k, st.floats(-6, 4))),
        draw(sizes()),
        [draw(sizes()) for _ in range(k)],
    )


def matrix(G):
    return np.diag(G) if np.ndim(G) == 1 else G


@fuzz(
    "weights.estimate_discrepancy",
    "weights.discrepancy_std_error",
    "weights.optimal_source_weights",
    problem=contrasts(),
    d=with_bad(st.integers(1, 200)),
    method=methods,
    cap=st.sampled_from([None, None, 0.5]),
)
def test_estimates(problem, d, method, cap):
    S, n_target, n = problem
    S = matrix(S)
    names = [*inspect.signature(weights.optimal_source_weights).parameters, "discrepancy"]
    for function in (weights.estimate_discrepancy, weights.discrepancy_std_error):
        found = outcome(lambda f=function: f(S, n_target, n, d, method=method), names)
        if found is not None:
            assert np.isfinite(found).all()
            assert found.shape == (
                S.shape if function is weights.estimate_discrepancy else (len(S),)
            )
            assert np.diag(np.atleast_2d(found)).min() >= -1e-12
    found = outcome(
        lambda: weights.optimal_source_weights(S, n_target, n, d, method=method, max_weight=cap),
        names,
    )
    if found is not None:
        assert_weights(found.source_weights, len(S), cap)


@fuzz(
    "weights.density_ratio",
    examples=80,
    problem=problems(
        min_sources=1,
        most_rows=15,
        weights=False,
        containers=("array", "list", "sparse", "float32"),
    ),
    discriminator=st.sampled_from(
        ["plausibility"] * 3 + ["interactions", GaussianNB(), "none such"]
    ),
    labels=st.booleans(),
    balanced=st.booleans(),
    clip=with_bad(st.sampled_from([1e-3, 1.0, 20.0, 1e9])),
    cv=with_bad(st.integers(2, 6)),
    few=st.booleans(),
    weighted=st.booleans(),
)
def test_density_ratio(problem, discriminator, labels, balanced, clip, cv, few, weighted):
    """80 examples in ``make test``: every one is a cross-fit."""
    X, y, _ = problem.parts[0]
    if few and problem.fault is None:
        X, y = (X[:1], y[:1])
    weight = np.linspace(0, 2, np.size(y)) if weighted and np.size(y) > 1 else None
    names = inspect.signature(weights.density_ratio).parameters
    found = outcome(
        lambda: weights.density_ratio(
            problem.X,
            problem.y,
            X,
            y,
            discriminator=discriminator,
            labels=labels,
            balanced=balanced,
            clip=clip,
            cv=cv,
            source_weight=weight,
            random_state=0,
        ),
        names,
        hard=problem.hard,
    )
    if found is not None:
        assert found.shape == (len(y),)
        assert np.isfinite(found).all()
        assert found.min() >= 0
        assert not balanced or found.max() <= clip * (1 + 1e-9)
