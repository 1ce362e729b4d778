"""Every claim on every family it applies to, and wrong formulas caught on every family.

The asymptotics hold in the limit, and a family other than the Gaussian mean is not at it with some
thousand rows: with 1e8 target rows what is left of the higher orders is far below the standard
errors, and the tests are as sharp against a wrong formula as with twenty rows. Some 3,000 numbers
are tested at |z| < 4; 20,000 repeats each are slow, a tenth of them is not.
"""

import numpy as np
import pytest
from families import FAMILIES, sources_at
from numpy.testing import assert_allclose

from skuowq.theory import (
    Bernoulli,
    Categorical,
    Exponential,
    GaussianMean,
    LinearRegression,
    Poisson,
    SoftmaxRegression,
    asymptotic_error,
    equivalent_rows,
    james_stein_error,
    minimal_error,
    optimal_weight,
    validate,
)
from skuowq.theory._claims import PLANS, _discrepancy, _errors, _james_stein, _unequal_noise
from skuowq.theory._claims._discrepancy import own_discrepancies
from skuowq.theory._families import Family
from skuowq.weights import discrepancy_std_error, solve_source_weights
from skuowq.weights._reml import reml_fit

N_TARGET = 10**8
EVERY_FAMILY = pytest.mark.parametrize("name", FAMILIES)
REPEATS = pytest.mark.parametrize("n_repeats", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
# Claims about a single source, and the discrepancies of the sources, times the target's rows.
ONE_SOURCE = {"optimal_quantity", "james_stein"}
# Families whose rows have a noise beside the parameters.
NOISY = ("Gaussian mean", "linear regression")
ON_EVERY_FAMILY = [claim for claim in PLANS if claim != "unequal_noise"]
DISTANCES = (0.5, 0.0, 5.0)


def arguments(name, claim):
    family, theta_target = FAMILIES[name]
    n_sources = 1 if claim in ONE_SOURCE else 3
    distances = (40, 80, 120) if claim == "reml" else DISTANCES[:n_sources]
    theta_sources = sources_at(family, theta_target, np.array(distances) / N_TARGET)
    n_samples = np.array([2, 4, 8][:n_sources]) * N_TARGET
    return family, theta_target, theta_sources, N_TARGET, n_samples


@REPEATS
@EVERY_FAMILY
@pytest.mark.parametrize("claim", ON_EVERY_FAMILY)
def test_claim_holds(claim, name, n_repeats):
    result = validate(*arguments(name, claim), claim=claim, n_repeats=n_repeats, random_state=0)
    assert result.max_abs_z < 4, result
    assert result.n_repeats == n_repeats
    assert np.isfinite(result.std_error).all()


@REPEATS
@EVERY_FAMILY
def test_error_holds_over_a_grid_of_rows(name, n_repeats):
    family, theta_target, theta_sources, n_target, n_samples = arguments(name, "error")
    rows = n_samples * np.array([[1, 1, 1], [0.5, 1, 1], [1, 0.25, 1], [0.1, 0.1, 0.1]])
    result = validate(
        family, theta_target, theta_sources, n_target, rows, n_repeats=n_repeats, random_state=0
    )
    assert result.max_abs_z < 4, result
    assert np.all(result.theory[1:] >= result.theory[0])


def without_one_half(*arguments):
    return 2 * asymptotic_error(*arguments)


def without_sampling_noise(n_target, n_samples, source_weights, discrepancy, n_parameters):
    """t without diag(1 / N)."""
    mass = np.asarray(source_weights) * n_samples
    bias = ((mass @ discrepancy) * mass).sum(axis=-1)
    return n_parameters / 2 * (n_target + bias) / (n_target + mass.sum(axis=-1)) ** 2


@EVERY_FAMILY
@pytest.mark.parametrize("claim", ["error", "optimal_weight", "all_rows"])
@pytest.mark.parametrize("wrong", [without_one_half, without_sampling_noise])
def test_wrong_errors_are_caught(wrong, claim, name, monkeypatch):
    monkeypatch.setattr(_errors, "asymptotic_error", wrong)
    result = validate(*arguments(name, claim), claim=claim, n_repeats=2000, random_state=0)
    assert result.max_abs_z > 4


@EVERY_FAMILY
@pytest.mark.parametrize("claim", ["error", "argmin", "plugin_bias", "james_stein"])
def test_the_information_of_all_rows_for_that_of_one_is_caught(claim, name, monkeypatch):
    """Per-row and total Fisher information swapped: G grows with the target's rows."""
    right = Family.discrepancy
    monkeypatch.setattr(Family, "discrepancy", lambda *a: N_TARGET * right(*a))
    result = validate(*arguments(name, claim), claim=claim, n_repeats=2000, random_state=0)
    assert result.max_abs_z > 4


@EVERY_FAMILY
def test_wrong_information_is_caught_by_normality_and_the_plug_in(name, monkeypatch):
    right = type(FAMILIES[name][0]).fisher_information
    monkeypatch.setattr(type(FAMILIES[name][0]), "fisher_information", lambda *a: 1.2 * right(*a))
    for claim in ("normality", "plugin_bias"):
        result = validate(*arguments(name, claim), claim=claim, n_repeats=5000, random_state=0)
        assert result.max_abs_z > 4, claim


@EVERY_FAMILY
@pytest.mark.parametrize("term", ["target", "source"])
def test_a_plug_in_bias_that_lacks_a_term_is_caught(term, name, monkeypatch):
    def lacking(setting):
        if term == "target":
            return np.diag(1 / setting.n_samples)
        return np.full((3, 3), 1 / setting.n_target)

    monkeypatch.setattr(_discrepancy, "_noise", lacking)
    result = validate(
        *arguments(name, "plugin_bias"), claim="plugin_bias", n_repeats=2000, random_state=0
    )
    assert result.max_abs_z > 4


@EVERY_FAMILY
def test_wrong_weights_are_caught_by_the_argmin(name, monkeypatch):
    from skuowq.theory._claims import Setting

    right = Setting.optimal_weights
    monkeypatch.setattr(Setting, "optimal_weights", lambda self: 1.2 * right(self))
    result = validate(*arguments(name, "argmin"), claim="argmin", n_repeats=5000, random_state=0)
    assert result.max_abs_z > 4


@EVERY_FAMILY
def test_other_shrinkage_is_caught(name, monkeypatch):
    monkeypatch.setattr(
        _james_stein,
        "james_stein_error",
        lambda *a, shrinkage=None: james_stein_error(*a, shrinkage=(shrinkage or a[3] - 2) + 2),
    )
    result = validate(
        *arguments(name, "james_stein"), claim="james_stein", n_repeats=5000, random_state=0
    )
    assert result.max_abs_z > 4


@EVERY_FAMILY
def test_the_model_that_believes_its_rows_independent_is_caught(name):
    """The sandwich claim against what the formula says without it."""
    family, theta_target, theta_sources, n_target, n_samples = arguments(name, "sandwich")
    result = validate(
        family,
        theta_target,
        theta_sources,
        n_target,
        n_samples,
        claim="sandwich",
        group_sizes=[2, 1, 4, 1],
        n_repeats=2000,
        random_state=0,
    )
    assert result.max_abs_z < 4
    G = family.discrepancy(theta_target, theta_sources)
    believed = asymptotic_error(n_target, n_samples, result.grid[[0]], G, family.n_parameters)
    assert abs(result.simulated[0] - believed[0]) > 4 * result.std_error[0]
    assert result.theory[1] > 0  # The model's own weights are worse.


@REPEATS
@pytest.mark.parametrize("name", NOISY)
def test_sources_of_unequal_noise(name, n_repeats):
    family, theta_target, theta_sources, n_target, n_samples = arguments(name, "unequal_noise")
    ratios = [0.25, 1.0, 9.0]
    settings = {"claim": "unequal_noise", "noise_ratios": ratios, "n_repeats": n_repeats}
    result = validate(
        family, theta_target, theta_sources, n_target, n_samples, random_state=0, **settings
    )
    assert result.max_abs_z < 4, result
    assert result.theory[1] > 0  # Weights that do not know of the noise are worse.
    G = family.discrepancy(theta_target, theta_sources)
    least = minimal_error(n_target, n_samples / np.array(ratios), G, family.n_parameters)
    assert_allclose(result.theory[0], least)


@pytest.mark.parametrize("name", NOISY)
@pytest.mark.parametrize("wrong", [lambda n, r: n, lambda n, r: n / np.sqrt(r), lambda n, r: n * r])
def test_wrong_rows_of_noisy_sources_are_caught(wrong, name, monkeypatch):
    monkeypatch.setattr(_unequal_noise, "equivalent_rows", wrong)
    result = validate(
        *arguments(name, "unequal_noise"), claim="unequal_noise", n_repeats=5000, random_state=0
    )
    assert result.max_abs_z > 4


def test_noisy_sources_row_by_row():
    """The second road: rows drawn one by one, least squares by numpy, no family of ours."""
    rng = np.random.RandomState(0)
    d, n_target, n_source, ratio, n_repeats = 3, 300, 900, 4.0, 2000
    shift = np.array([0.05, -0.05, 0.05])
    weight = 0.6 / ratio
    errors = np.empty(n_repeats)
    for k in range(n_repeats):
        X = rng.normal(size=(n_target + n_source, d))
        y = rng.normal(size=n_target + n_source)
        y[n_target:] = X[n_target:] @ shift + np.sqrt(ratio) * y[n_target:]
        root = np.sqrt(np.append(np.ones(n_target), np.full(n_source, weight)))
        theta = np.linalg.lstsq(X * root[:, None], y * root, rcond=None)[0]
        errors[k] = theta @ theta / 2
    n = equivalent_rows(n_source, ratio)
    claimed = asymptotic_error(n_target, n, weight * ratio, shift @ shift / d, d)
    assert abs(errors.mean() - claimed) < 4 * errors.std() / np.sqrt(n_repeats)


@pytest.mark.parametrize(
    ("family", "theta", "source"),
    [
        (Exponential(2), [1.0, 2.0], [1.3, 1.5]),
        (Poisson(), [2.0], [2.5]),
        (SoftmaxRegression([[1, -1], [1, 0], [1, 1]], 2), [0.2, 0.5], [0.5, 0.9]),
    ],
    ids=["exponential", "Poisson", "softmax regression"],
)
def test_few_rows_refute_the_limit_and_many_do_not(family, theta, source):
    result = validate(
        family,
        theta,
        np.transpose([source]),
        60 if isinstance(family, SoftmaxRegression) else 10,
        [20],
        claim="sample_size",
        multiples=[1, 10**6],
        random_state=0,
    )
    assert abs(result.z[0]) > 4
    assert abs(result.z[1]) < 4


def test_distance_refutes_the_formula_except_for_the_gaussian_mean():
    poisson = validate(Poisson(), [4.0], [[4.1]], 1000, 1000, claim="distance", random_state=0)
    assert abs(poisson.z[0]) < 4
    assert abs(poisson.z[-1]) > 4
    gaussian = validate(
        GaussianMean(1), [4.0], [[4.1]], 1000, 1000, claim="distance", random_state=0
    )
    assert gaussian.max_abs_z < 4
    with pytest.raises(ValueError, match="must lie between 0 and 1"):
        validate(Bernoulli(), [0.4], [[0.6]], 100, 100, claim="distance", multiples=[4])


def test_scoring_finds_the_maximum_of_the_likelihood():
    """The validator's REML and the estimator's, two roads to one maximum."""
    rng = np.random.RandomState(0)
    n_samples, n_target, d = np.array([50.0, 80.0, 200.0]), 40.0, 30
    contrasts = rng.normal(size=(20, d, 3)) * np.sqrt([0.3, 0.6, 1.0])
    contrasts = contrasts + rng.normal(size=(20, d, 1)) / np.sqrt(n_target)
    S = np.swapaxes(contrasts, 1, 2) @ contrasts / d
    expected = [reml_fit(gram, n_target, n_samples) for gram in S]
    assert_allclose(own_discrepancies(S, n_target, n_samples), expected, rtol=1e-4)


def test_reml_claims_half_the_variance_of_random_truths_at_most():
    """Truths that are fixed leave out their own spread: below the reported standard error."""
    family, theta_target, theta_sources, n_target, n_samples = arguments("Gaussian mean", "reml")
    result = validate(
        family, theta_target, theta_sources, n_target, n_samples, claim="reml", n_repeats=2
    )
    G = family.discrepancy(theta_target, theta_sources)
    reported = discrepancy_std_error(np.diag(np.diag(G)), n_target, n_samples, 5)
    assert np.all(np.sqrt(result.theory[:3]) < reported)
    assert np.all(np.diff(result.theory.reshape(3, 3), axis=0) < 0)  # Falls as rows grow.


def test_the_optimal_weight_does_not_depend_on_the_target():
    family, theta_target, theta_sources, _, n_samples = arguments("Poisson", "optimal_quantity")
    tau = family.discrepancy(theta_target, theta_sources)[0]
    for n_target in (10**6, 10**8):
        result = validate(
            family, theta_target, theta_sources, n_target, n_samples, claim="argmin", random_state=0
        )
        assert_allclose(result.grid[:, 0], optimal_weight(n_samples, tau))
        assert result.max_abs_z < 4


@pytest.mark.parametrize(
    "family",
    [
        GaussianMean(3, row_covariance=np.diag([3.0, 1.0, 0.2]) + 0.1),
        LinearRegression(
            FAMILIES["linear regression"][0].population,
            2.0,
            row_noise_variance=np.linspace(0.5, 9, 10),
        ),
    ],
    ids=["Gaussian mean", "linear regression"],
)
def test_sandwich_holds_for_rows_of_another_law_and_the_formula_alone_does_not(family):
    theta = np.zeros(family.n_parameters)
    sources = sources_at(family, theta, [2 / N_TARGET, 0.5 / N_TARGET])
    settings = (family, theta, sources, N_TARGET, [N_TARGET, 3 * N_TARGET])
    assert validate(*settings, claim="error", n_repeats=5000, random_state=0).max_abs_z > 4
    for groups in ([1, 1, 1], [2, 4, 1]):
        result = validate(
            *settings, claim="sandwich", group_sizes=groups, n_repeats=20_000, random_state=0
        )
        assert result.max_abs_z < 4, result


@pytest.mark.parametrize("claim", [claim for claim in PLANS if claim != "james_stein"])
def test_z_scores_are_standard_normal(claim):
    """Over a hundred seeds: standard errors that are too wide would let wrong theories pass."""
    settings = arguments("Gaussian mean", claim)
    z = np.array(
        [
            validate(*settings, claim=claim, n_repeats=400, random_state=seed).z
            for seed in range(100)
        ]
    )
    spread = np.sqrt(np.mean(z**2, axis=0))
    assert np.all(spread < 1.3), spread
    assert np.all(spread > 0.75), spread


@pytest.mark.parametrize("n_source", [10_000, 10**6])
def test_argmin_is_as_sharp_where_the_sources_outweigh_the_target(n_source, monkeypatch):
    from skuowq.theory._claims import Setting

    settings = (GaussianMean(5), np.zeros(5), np.zeros((5, 1)), 20, n_source)
    found = [
        validate(*settings, claim="argmin", n_repeats=2000, random_state=seed) for seed in range(40)
    ]
    estimates = [result.simulated[0] for result in found]
    assert 0.6 < np.median([result.std_error[0] for result in found]) / np.std(estimates) < 1.6
    if n_source > 10_000:
        return  # No weight there makes a difference that could be seen.
    right = Setting.optimal_weights
    monkeypatch.setattr(Setting, "optimal_weights", lambda self: 3 * right(self))
    wrong = validate(*settings, claim="argmin", n_repeats=20_000, random_state=0)
    assert wrong.max_abs_z > 4


@pytest.mark.parametrize("distance", [3.0, 100.0])
def test_argmin_of_far_sources_is_not_refuted_by_their_bound(distance):
    settings = (GaussianMean(2), np.zeros(2), np.full((2, 1), distance), 20, 1000)
    for seed in range(20):
        result = validate(*settings, claim="argmin", n_repeats=2000, random_state=seed)
        assert result.max_abs_z < 4, result


def test_a_source_without_weight_makes_the_error_rise():
    family = GaussianMean(1)
    settings = (family, [0.0], [[0.1, 0.3]], 20, [1000, 1000])
    assert np.any(
        solve_source_weights([1000, 1000], family.discrepancy([0], [[0.1, 0.3]])).source_weights
        == 0
    )
    result = validate(*settings, claim="argmin", random_state=0)
    assert result.labels[1] == "rise with source 2, which has no weight"
    assert result.theory[1] > 0
    assert result.max_abs_z < 4


def test_chunks_are_merged_as_if_they_were_one(monkeypatch):
    from skuowq.theory import _validate

    settings = arguments("Poisson", "error")
    outcomes, moments = [], _validate._moments

    def listening(simulate, n_repeats, seed):
        outcomes.append(simulate(n_repeats, np.random.RandomState(seed)))
        return moments(simulate, n_repeats, seed)

    monkeypatch.setattr(_validate, "_moments", listening)
    monkeypatch.setattr(_validate, "_CHUNK_SIZE", 3000)
    result = validate(*settings, n_repeats=1000, random_state=0)
    assert len(outcomes) > 5
    together = np.hstack(outcomes)
    assert together.shape[1] == 1000
    assert_allclose(result.simulated, together.mean(axis=1))
    assert_allclose(result.std_error, together.std(axis=1, ddof=1) / np.sqrt(1000))


@EVERY_FAMILY
def test_fewer_rows_are_the_first_of_more(name):
    """Sums of nested rows: the law of each, and their covariance that of the shared rows."""
    from skuowq.theory._claims import Setting

    family, theta = FAMILIES[name]
    setting = Setting(family, theta, theta[:, None], 10.0, np.array([100.0]))
    sums = setting.draw_statistics(1, [60, 15], 4000, np.random.RandomState(0))
    correlation = [
        np.corrcoef(a, b)[0, 1] for a, b in zip(sums[15].T, sums[60].T, strict=True) if a.std() > 0
    ]
    assert_allclose(correlation, np.sqrt(15 / 60), atol=4 * 0.75 / np.sqrt(4000))


def test_rounding_is_judged_point_by_point():
    """A number that is wrong by a factor is not hidden by a huge one beside it."""
    right = _errors.asymptotic_error
    settings = (GaussianMean(1), [0.0], [[0.1]], 20, 100)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_errors, "asymptotic_error", lambda *a: 3 * right(*a))
        result = validate(*settings, claim="distance", multiples=[0, 1e8], random_state=0)
    assert abs(result.z[0]) > 4


@pytest.mark.parametrize("seed", range(20))
def test_normality_survives_few_repeats(seed):
    result = validate(
        *arguments("Gaussian mean", "normality"),
        claim="normality",
        n_repeats=500,
        random_state=seed,
    )
    assert result.max_abs_z < 5


def test_reml_of_contrasts_that_are_not_orthogonal():
    family = GaussianMean(4)
    theta_sources = np.array([[1.0, 0.8], [0.0, 0.9], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="bias REML by"):
        validate(family, np.zeros(4), theta_sources, 100, [100, 100], claim="reml")
    result = validate(
        family, np.zeros(4), theta_sources, 10**5, [10**5, 10**5], claim="reml", random_state=0
    )
    assert result.max_abs_z < 4


def test_multiples_may_be_whole_up_to_rounding():
    validate(
        Poisson(), [2.0], [[2.1]], 100, 300, claim="sample_size", multiples=[1.1], n_repeats=100
    )


def test_other_backends_serve():
    import joblib

    settings = arguments("Poisson", "error")
    alone = validate(*settings, n_repeats=200, random_state=0)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert_allclose(validate(*settings, n_repeats=200, random_state=0).z, alone.z)


def test_results_are_frozen():
    result = validate(*arguments("Poisson", "error"), n_repeats=10, random_state=0)
    with pytest.raises(ValueError, match="read-only"):
        result.simulated[0] = 7


def test_result_does_not_depend_on_the_number_of_processes():
    settings = arguments("Poisson", "error")
    alone = validate(*settings, n_repeats=100_000, random_state=0)
    together = validate(*settings, n_repeats=100_000, n_jobs=2, random_state=0)
    assert_allclose(together.simulated, alone.simulated, rtol=0)
    assert_allclose(together.std_error, alone.std_error, rtol=0)


def test_progress_and_interruption(capsys, monkeypatch):
    from skuowq.theory import _validate

    monkeypatch.setattr(_validate, "_CHUNK_SIZE", 10_000)
    settings = arguments("Poisson", "error")
    full = validate(*settings, n_repeats=3000, random_state=0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    last = "[validate] error on Poisson(n_parameters=4): 3,000 of 3,000 repeats, 0 left, "
    assert lines[-1].startswith(last)
    assert len(lines) > 2
    moments, calls = _validate._moments, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return moments(*arguments)

    monkeypatch.setattr(_validate, "_moments", interrupted)
    with pytest.warns(RuntimeWarning, match="interrupted after"):
        partial = validate(*settings, n_repeats=3000, random_state=0)
    assert 0 < partial.n_repeats < full.n_repeats
    assert partial.max_abs_z < 4
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("gaussian", [0], [[1]], 10, 10), TypeError, "family is a str"),
        ((Poisson(), [1.0], [[1.2]], 10.5, 10), ValueError, "n_target holds a fraction"),
        ((Poisson(), [1.0], [[1.2]], 10, 10.5), ValueError, "n_samples holds a fraction"),
        ((Bernoulli(), [0.1], [[0.1]], 3, 3), ValueError, "expected divergence is infinite"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        validate(*arguments, random_state=0)


@pytest.mark.parametrize(
    ("claim", "options", "message"),
    [
        ("optimal_quantity", {}, "optimal quantity is"),
        ("sandwich", {"group_sizes": [3, 1]}, "cannot be dealt into groups"),
        ("james_stein", {}, "fewer than 3"),
        ("reml", {}, "standard errors of its estimate"),
        ("unequal_noise", {}, "Poisson has no noise beside its parameters"),
        ("sample_size", {"multiples": [0.25]}, "fraction of a row"),
    ],
)
def test_settings_that_a_claim_cannot_use_are_refused(claim, options, message):
    with pytest.raises(ValueError, match=message):
        validate(Poisson(2), [2.0, 3.0], [[4.0], [5.0]], 10, 10, claim=claim, **options)


@pytest.mark.parametrize(
    ("family", "theta"), [(Bernoulli(1), 0.6), (Poisson(1), 0.3), (Categorical(2), 0.3)]
)
def test_fits_at_the_edge_of_their_range_have_no_metric(family, theta):
    """Five rows of one kind: the information at their fit is infinite, and so is no comparison."""
    with pytest.raises(ValueError, match=r"n_target is 5, and some fits .* pass more rows"):
        validate(
            family, [theta], [[theta]], 5, [5], claim="plugin_bias", n_repeats=50, random_state=0
        )
    assert np.isinf(family.fisher_information([0.0])).all()
