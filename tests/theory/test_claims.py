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
    Exponential,
    GaussianMean,
    Poisson,
    SoftmaxRegression,
    asymptotic_error,
    james_stein_error,
    optimal_weight,
    validate,
)
from skuowq.theory._claims import PLANS, _discrepancy, _errors, _james_stein
from skuowq.theory._claims._discrepancy import own_discrepancies
from skuowq.theory._families import Family
from skuowq.weights import discrepancy_std_error
from skuowq.weights._reml import reml_fit

N_TARGET = 10**8
EVERY_FAMILY = pytest.mark.parametrize("name", FAMILIES)
REPEATS = pytest.mark.parametrize("n_repeats", [2000, pytest.param(20_000, marks=pytest.mark.slow)])
# Claims about a single source, and the discrepancies of the sources, times the target's rows.
ONE_SOURCE = {"optimal_quantity", "james_stein"}
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
@pytest.mark.parametrize("claim", PLANS)
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
        assert_allclose(result.theory, optimal_weight(n_samples, tau))
        assert result.max_abs_z < 4


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
    assert lines[-1] == "[validate] error on Poisson(n_parameters=4): 3,000 of 3,000 repeats"
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
        ("sample_size", {"multiples": [0.25]}, "fraction of a row"),
    ],
)
def test_settings_that_a_claim_cannot_use_are_refused(claim, options, message):
    with pytest.raises(ValueError, match=message):
        validate(Poisson(2), [2.0, 3.0], [[4.0], [5.0]], 10, 10, claim=claim, **options)
