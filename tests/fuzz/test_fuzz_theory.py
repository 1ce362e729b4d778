"""`skuowq.theory`: plain formulas, families of models, and their validation."""

import inspect

import numpy as np
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS, discrepancies, gram_matrices, sizes, with_bad
from hypothesis import strategies as st

from skuowq import theory

arrays = st.lists(sizes(), min_size=0, max_size=3)


def refused_or(function, *arguments, **options):
    names = [*inspect.signature(function).parameters, *options.pop("also", ())]
    return outcome(lambda: function(*arguments, **options), names)


@fuzz("theory.optimal_weight", n=st.one_of(sizes(), arrays), tau=st.one_of(discrepancies(), arrays))
def test_optimal_weight(n, tau):
    w = refused_or(theory.optimal_weight, n, tau)
    assert w is None or np.size(w) == 0 or (np.min(w) > 0 and np.max(w) <= 1)


@fuzz(
    "theory.implied_discrepancy", n=st.one_of(sizes(), arrays), w=st.one_of(st.floats(0, 1), arrays)
)
def test_implied_discrepancy(n, w):
    tau = refused_or(theory.implied_discrepancy, n, w)
    if tau is not None and np.isfinite(tau).all():
        again = theory.optimal_weight(n, tau)
        np.testing.assert_allclose(again, np.broadcast_to(w, np.shape(again)), atol=1e-9)


@fuzz("theory.optimal_quantity", N0=sizes(), n=st.one_of(sizes(), arrays), tau=discrepancies())
def test_optimal_quantity(N0, n, tau):
    q = refused_or(theory.optimal_quantity, N0, n, tau)
    assert q is None or np.size(q) == 0 or (np.min(q) > 0 and (np.asarray(q) <= n).all())


@fuzz("theory.equivalent_rows", n=st.one_of(sizes(), arrays), ratio=st.one_of(sizes(), arrays))
def test_equivalent_rows(n, ratio):
    rows = refused_or(theory.equivalent_rows, n, ratio)
    assert rows is None or np.isfinite(rows).all()


@st.composite
def settings_of_sources(draw):
    k = draw(st.integers(1, 3))
    return [draw(sizes()) for _ in range(k)], draw(gram_matrices(k))


@fuzz(
    "theory.asymptotic_error",
    "theory.minimal_error",
    N0=sizes(),
    setting=settings_of_sources(),
    w=st.lists(with_bad(st.floats(0, 3)), min_size=1, max_size=3),
    d=sizes(),
)
def test_errors(N0, setting, w, d):
    n, G = setting
    error = refused_or(theory.asymptotic_error, N0, n, w, G, d)
    # Of nested weights there are as many errors.
    assert error is None or (np.isfinite(error).all() and np.all(error > 0))
    least = refused_or(theory.minimal_error, N0, n, G, d)
    if least is not None:
        assert 0 < least <= d / (2 * N0) * (1 + 1e-9)
        assert error is None or least <= np.min(error) * (1 + 1e-5)


@fuzz(
    "theory.error_curve",
    "theory.ErrorCurve",
    "theory.weight_curve",
    "theory.WeightCurve",
    N0=sizes(),
    setting=settings_of_sources(),
    d=sizes(),
    along=with_bad(st.sampled_from(["weight", "effective_size", "quantity"])),
    source=with_bad(st.integers(0, 1)),
    n_points=with_bad(st.integers(2, 5)),
    w=st.one_of(st.none(), st.lists(with_bad(st.floats(0, 3)), min_size=1, max_size=3)),
)
def test_curves(N0, setting, d, along, source, n_points, w):
    n, G = setting
    curve = refused_or(
        theory.error_curve,
        N0,
        n,
        G,
        d,
        along=along,
        source=source,
        n_points=n_points,
        source_weights=w,
    )
    if curve is not None:
        assert curve.x.shape == curve.error.shape == (n_points,)
        assert np.isfinite(curve.error).all()
        assert (curve.error >= curve.oracle * (1 - 1e-5)).all()
    curve = refused_or(theory.weight_curve, n, G, source=source, n_points=n_points)
    if curve is not None:
        assert curve.source_weights.shape == (n_points, len(n))
        assert np.isfinite(curve.source_weights).all()


@fuzz(
    "theory.james_stein_error",
    N0=st.one_of(sizes(), st.floats(-290, 12).map(lambda e: 10.0**e)),
    n=st.one_of(sizes(), st.floats(-290, 12).map(lambda e: 10.0**e)),
    tau=st.one_of(discrepancies(), st.lists(discrepancies(), max_size=3)),
    d=with_bad(st.integers(1, 100)),
    shrinkage=with_bad(st.one_of(st.none(), st.floats(0, 100))),
)
def test_james_stein(N0, n, tau, d, shrinkage):
    error = refused_or(theory.james_stein_error, N0, n, tau, d, shrinkage=shrinkage)
    assert error is None or np.isfinite(error).all()


def population(rng, p):
    return rng.normal(size=(8, p))


# A family of each kind with `d` parameters, or as many as it can have, and true parameters.
FAMILIES = {
    "Bernoulli": lambda d, rng: (theory.Bernoulli(d), rng.uniform(0.05, 0.95, d)),
    "Categorical": lambda d, rng: (theory.Categorical(d + 1), rng.dirichlet(np.ones(d + 1))[:-1]),
    "Exponential": lambda d, rng: (theory.Exponential(d), 10 ** rng.uniform(-3, 3, d)),
    "Gaussian": lambda d, rng: (
        theory.Gaussian(d),
        np.concatenate([rng.normal(size=d), 10 ** rng.uniform(-3, 3, d)]),
    ),
    "GaussianMean": lambda d, rng: (theory.GaussianMean(d), rng.normal(size=d) * 1e3),
    "LinearRegression": lambda d, rng: (
        theory.LinearRegression(population(rng, d)),
        rng.normal(size=d),
    ),
    "Poisson": lambda d, rng: (theory.Poisson(d), 10 ** rng.uniform(-2, 3, d)),
    "SoftmaxRegression": lambda d, rng: (
        theory.SoftmaxRegression(population(rng, d)),
        rng.normal(size=d),
    ),
}


@fuzz(
    *(f"theory.{name}" for name in FAMILIES),
    "theory.Family",
    name=st.sampled_from(sorted(FAMILIES)),
    d=st.integers(1, 4),
    seed=SEEDS,
    n=with_bad(st.integers(0, 30)),
    weighted=st.booleans(),
    wrong=st.sampled_from(["", "", "", "", "shape", "range", "NaN"]),
)
def test_families(name, d, seed, n, weighted, wrong):
    rng = np.random.RandomState(seed)
    family, theta = FAMILIES[name](d, rng)
    names = ["theta", "n_samples", "theta_target", "theta_sources", "rows", "sample_weight"]
    near = theta * (1 + 0.01 * rng.uniform(-1, 1, theta.shape))
    J = family.fisher_information(theta)
    assert np.linalg.eigvalsh(J).min() >= -1e-9 * np.abs(J).max()
    assert family.kl_divergence(theta, near) >= -1e-9
    if wrong:
        theta = {"shape": theta[:, None], "range": -1e9 - theta, "NaN": theta * np.nan}[wrong]
    G = outcome(lambda: family.discrepancy(theta, near[:, None]), names)
    assert G is None or (np.isfinite(G).all() and G.item() >= -1e-9 * np.abs(G).max())
    rows = outcome(lambda: family.sample(theta, n, random_state=seed), names)
    if rows is not None:
        assert np.isfinite(rows).all()
        assert len(rows) == n
        weight = rng.uniform(size=n) * (rng.uniform(size=n) < 0.8) if weighted else None
        fit = outcome(
            lambda: family.maximum_likelihood(rows, weight), [*names, "maximum likelihood fit"]
        )
        assert fit is None or (fit.shape == theta.shape and np.isfinite(fit).all())


CLAIMS = (
    "error",
    "optimal_weight",
    "argmin",
    "all_rows",
    "optimal_quantity",
    "normality",
    "plugin_bias",
    "reml",
    "james_stein",
    "sandwich",
    "unequal_noise",
    "sample_size",
    "distance",
)


@fuzz(
    "theory.validate",
    "theory.ValidationResult",
    "theory.simulate_curve",
    examples=150,
    name=st.sampled_from(sorted(FAMILIES)),
    claim=with_bad(st.sampled_from(CLAIMS)),
    d=st.integers(1, 3),
    k=st.integers(1, 2),
    seed=SEEDS,
    N0=with_bad(st.integers(5, 100)),
    n=st.lists(with_bad(st.integers(5, 200)), min_size=2, max_size=2),
    distance=st.sampled_from([0.0, 0.01, 0.1]),
    n_repeats=with_bad(st.integers(2, 50)),
)
def test_validation(name, claim, d, k, seed, N0, n, distance, n_repeats):
    """150 examples in ``make test``: each simulates."""
    rng = np.random.RandomState(seed)
    family, theta = FAMILIES[name](d, rng)
    thetas = theta[:, None] * (1 + distance * rng.uniform(-1, 0.1, (len(theta), k)))
    names = [*inspect.signature(theory.validate).parameters, "claim", "fit", "multiples"]
    options = {"n_repeats": n_repeats, "random_state": seed}
    found = outcome(
        lambda: theory.validate(family, theta, thetas, N0, n[:k], claim=claim, **options), names
    )
    if found is not None:
        assert np.isfinite(found.theory).all()
        assert np.isfinite(found.simulated).all()
        assert found.n_repeats == n_repeats
        assert str(found)

    def simulated():
        G = family.discrepancy(theta, thetas)
        curve = theory.error_curve(N0, n[:k], G, family.n_parameters, n_points=5)
        return theory.simulate_curve(curve, family, theta, thetas, n_points=2, **options)

    curve = outcome(simulated, names)
    assert curve is None or np.isfinite(curve.simulation.simulated).all()
