"""Compare the theory with simulations of a model family whose true parameters are known.

Each comparison is a z-test: the simulated number minus the claimed one, divided by its standard
error. Points that fit the same domains use the same simulated rows. So claims about differences are
tested on paired rows, which is far more precise.
"""

from __future__ import annotations

from numbers import Integral

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skuowq._data.types import Seed
from skuowq._utils._progress import Progress
from skuowq._utils._warn import warn

from ._arguments import above_zero, one_number, one_per_source
from ._claims import PLANS, Setting
from ._families import Family
from ._validation_result import ValidationResult

# About how many numbers are held at a time. More repeats are simulated in further chunks.
_CHUNK_SIZE = 1_000_000
# Arguments that only some claims take, with their default for each of these claims.
_OWN_ARGUMENTS = {
    "source_weights": {"error": None},
    "multiples": {
        "reml": (1, 4, 16),
        "sample_size": (1, 4, 16, 64, 256, 1024),
        "distance": (0, 0.5, 1, 2, 4, 8),
    },
    "group_sizes": {"sandwich": None},
    "noise_ratios": {"unequal_noise": None},
}


def validate(
    family: Family,
    theta_target: ArrayLike,
    theta_sources: ArrayLike,
    n_target: float,
    n_samples: ArrayLike,
    *,
    claim: str = "error",
    source_weights: ArrayLike | None = None,
    multiples: ArrayLike | None = None,
    group_sizes: ArrayLike | None = None,
    noise_ratios: ArrayLike | None = None,
    n_repeats: int = 20000,
    n_jobs: int | None = None,
    random_state: Seed = None,
    verbose: int = 0,
) -> ValidationResult:
    """Compare the theory with simulated weighted maximum likelihood fits.

    If you interrupt it from the keyboard, it warns and returns the result of the repeats done so
    far.

    Parameters
    ----------
    family : Family
        A model family.
    theta_target : array-like of shape (n_parameters,)
        True parameters of the target.
    theta_sources : array-like of shape (n_parameters, n_sources)
        True parameters of the sources, one column for each source.
    n_target : float
        Number of target rows, above 0. Only `GaussianMean` takes a fraction.
    n_samples : array-like of shape (n_sources,)
        Number of rows of each source, above 0. A scalar is one source. The claim "error" also takes
        a grid of shape (n_points, n_sources).
    claim : str, default="error"
        What is tested. Claims about the error of the fit:

        - "error": the error is `asymptotic_error`, on a grid of weights, of rows, or of both.
        - "optimal_weight": the error at the optimal weights w* is `minimal_error`. Multiples of w*,
          and w* with the weight of one source changed, have larger errors, by as much as the
          formula says.
        - "argmin": the simulated error is smallest at w*.
        - "all_rows": with the best weights for the rows used, fewer rows of a source are never
          better.
        - "optimal_quantity": for one source with rows of weight 1. The error at `optimal_quantity`
          is as the formula says. Other numbers of rows have larger errors, by as much as the
          formula says. All rows with `optimal_weight` have no larger error.
        - "normality": the fit at w* is normally distributed. Tested are the means and variances of
          its coordinates, quantiles of the first coordinate, and the coverage of ellipsoids.

        Claims about the estimated discrepancy:

        - "plugin_bias": the mean of the plug-in estimate is ``G + 11'/N0 + diag(1/N)``.
        - "reml": the squared errors of REML's own discrepancies are as the theory of estimating
          equations says, so they tend to 0 as the rows grow. The likelihood is maximised by another
          algorithm than that of `skuowq.weights`, for many fits at once.
        - "james_stein": for one source and d >= 3. Weighting by the debiased discrepancy is a
          positive-part James-Stein estimator, and its error is `james_stein_error`. With Stein's
          ``d - 2`` it is never worse than the target alone.

        Claims about the limits of the theory:

        - "sandwich": rows come in groups of equal rows, or follow another distribution than the
          model assumes (set it in `GaussianMean` or `LinearRegression`). Then the error is that of
          ``N / kappa`` rows, where ``kappa = trace(J^-1 V) / d``, and the w* of the model is not
          optimal.
        - "unequal_noise": the noise variance of a source is ``r`` times that of the target
          (`GaussianMean` and `LinearRegression`). Then its rows count as `equivalent_rows`, and a
          w* that ignores this is not optimal.
        - "sample_size": the formula holds at w* for each multiple of the rows, while the distances
          shrink with the square root of the rows. With few rows the simulation refutes it, with
          many rows it does not.
        - "distance": the formula holds while the distances grow and the rows and weights stay the
          same (the w* of the given parameters). Beyond some multiples of ``1/sqrt(N0)`` the
          simulation refutes it.
    source_weights : array-like of shape (n_points, n_sources), default=None
        The grid of weights for the claim "error". None takes multiples of the optimal weights, and
        weights 1. With a grid of rows, None takes the optimal weights for each.
    multiples : array-like of shape (n_points,), default=None
        Multiples of the rows for "sample_size" and "reml", and of the distance for "distance". None
        takes (1, 4, 16, 64, 256, 1024), (1, 4, 16) and (0, 0.5, 1, 2, 4, 8).
    group_sizes : array-like of shape (1 + n_sources,), default=None
        For the claim "sandwich": how many equal rows form a group in each domain, the target first.
        None takes 4 for the target and 1 for the sources.
    noise_ratios : array-like of shape (n_sources,), default=None
        For the claim "unequal_noise": the noise variance of each source divided by that of the
        target. None takes 4.
    n_repeats : int, default=20000
        Number of simulated fits, at least 2. The standard errors decrease with its square root; the
        time increases in proportion.
    n_jobs : int, default=None
        Number of processes. None means 1 unless in a `joblib.parallel_config`; -1 means all cores.
        The result does not depend on it.
    random_state : int, RandomState instance or None, default=None
        Pass an int for a reproducible result.
    verbose : int, default=0
        1 shows how many repeats are done and left, and the time.

    Returns
    -------
    result : ValidationResult
        Print it for a table. The claim is refuted if a z score is far from 0, say beyond 4.

    Raises
    ------
    ValueError
        If an argument is out of range, or does not fit the claim. Also if in some repeat the fit
        does not exist or its divergence is infinite.

    Examples
    --------
    >>> from skuowq.theory import Exponential, GaussianMean, validate
    >>> result = validate(GaussianMean(2), [0, 0], [[0.3], [0.1]], 20, 100, random_state=0)
    >>> result.max_abs_z < 4
    True

    For an exponential rate the formula is wrong with ten rows, and right with forty thousand:

    >>> result = validate(
    ...     Exponential(), [1.0], [[1.1]], 10, 30, claim="sample_size", multiples=[1, 4000],
    ...     random_state=0,
    ... )
    >>> (result.z.round() + 0.0).tolist()
    [12.0, 0.0]
    """
    if not isinstance(claim, str) or claim not in PLANS:
        raise ValueError(f"claim is {claim!r}, and must be one of {', '.join(map(repr, PLANS))}")
    if not isinstance(n_repeats, Integral) or n_repeats < 2:
        raise ValueError(
            f"n_repeats is {n_repeats!r}, and must be an integer of at least 2: a standard error "
            "needs two fits, and a useful one thousands"
        )
    setting = _check_setting(family, theta_target, theta_sources, n_target, n_samples, claim)
    given = {
        "source_weights": source_weights,
        "multiples": multiples,
        "group_sizes": group_sizes,
        "noise_ratios": noise_ratios,
    }
    plan = PLANS[claim](setting, **_own_arguments(claim, given))

    sizes = _chunk_sizes(n_repeats, plan.width)
    seeds = check_random_state(random_state).randint(2**31 - 1, size=len(sizes))
    done, mean, scatter = 0, 0.0, 0.0
    rounds = _in_rounds(plan.simulate, sizes, seeds, n_jobs)
    try:
        with Progress("validate", verbose, n_repeats, unit="repeats") as progress:
            for size, chunk_mean, chunk_scatter in rounds:
                step = chunk_mean - mean
                product = np.outer(step, step) * done * size / (done + size)
                scatter = scatter + chunk_scatter + product
                done += size
                mean = mean + step * (size / done)
                progress(f"{claim} on {family!r}", size)
    except KeyboardInterrupt:
        if done < 2:
            raise
        warn(
            f"interrupted after {done} of {n_repeats} repeats: the result rests on these alone",
            RuntimeWarning,
        )
    covariance = scatter / (done - 1)
    if plan.variance is not None:
        known = np.flatnonzero(np.isfinite(plan.variance))
        covariance[known, known] = plan.variance[known]
    simulated, jacobian = mean, np.eye(len(mean))
    if plan.summarise is not None:
        simulated, jacobian = plan.summarise(mean)
    variance = np.einsum("pi,ij,pj->p", jacobian, covariance / done, jacobian)
    return ValidationResult(
        claim=claim,
        family=family,
        labels=plan.labels,
        grid=plan.grid,
        theory=plan.theory,
        simulated=simulated,
        std_error=np.sqrt(np.maximum(variance, 0)),
        n_repeats=done,
        quantity=plan.quantity,
        scale=np.abs(plan.theory) if plan.scale is None else plan.scale,
    )


def check_family(family):
    """Refuse what is no family."""
    if not isinstance(family, Family):
        raise TypeError(
            f"family is a {type(family).__name__}, and must be one of skuowq.theory's families, "
            "such as GaussianMean(5)"
        )


def _check_setting(family, theta_target, theta_sources, n_target, n_samples, claim):
    check_family(family)
    theta_target, theta_sources = family._check_truth(theta_target, theta_sources)
    n_sources = theta_sources.shape[1]
    n_target = one_number("n_target", n_target, "pass the number of target rows")
    n_samples = above_zero("n_samples", n_samples, "pass the number of rows of each source")
    n_samples = one_per_source("n_samples", n_samples, n_sources)
    if n_samples.ndim > (2 if claim == "error" else 1):
        raise ValueError(f"n_samples has shape {n_samples.shape}, and must be ({n_sources},)")
    if not family.fractional_rows:
        for name, rows in [("n_target", n_target), ("n_samples", n_samples)]:
            if np.any(rows != np.round(rows)):
                raise ValueError(
                    f"{name} holds a fraction of a row, and {type(family).__name__} has whole rows "
                    "only: round it"
                )
    return Setting(family, theta_target, theta_sources, n_target, n_samples)


def _own_arguments(claim, given):
    """The arguments that this claim takes, with defaults; refuses those of other claims."""
    own = {}
    for name, defaults in _OWN_ARGUMENTS.items():
        value = given[name]
        if claim in defaults:
            own[name] = defaults[claim] if value is None else value
        elif value is not None:
            raise ValueError(
                f"{name} is given, and claim {claim!r} takes none: leave it out, or use claim "
                + " or ".join(map(repr, defaults))
            )
    if "multiples" in own:
        own["multiples"] = _check_multiples(own["multiples"], least_is_zero=claim == "distance")
    return own


def _check_multiples(multiples, least_is_zero):
    multiples = np.asarray(multiples, dtype=float)
    right = np.isfinite(multiples) & (multiples >= 0 if least_is_zero else multiples > 0)
    if multiples.ndim != 1 or multiples.size == 0 or not right.all():
        raise ValueError(
            f"multiples is {multiples.tolist()}, and must be a row of finite numbers "
            + ("of at least 0" if least_is_zero else "above 0")
        )
    return multiples


def _chunk_sizes(n_repeats, width):
    chunk = max(2, _CHUNK_SIZE // width)
    n_chunks = -(-n_repeats // chunk)
    return np.diff(np.linspace(0, n_repeats, n_chunks + 1).astype(int))


def _in_rounds(simulate, sizes, seeds, n_jobs):
    """Moments of all chunks. Each round has a few chunks a process, which all backends can do."""
    chunks = list(zip(sizes, seeds, strict=True))
    with Parallel(n_jobs=n_jobs) as parallel:
        # An interruption loses one round.
        n_processes = effective_n_jobs(n_jobs)
        a_round = 4 * n_processes if n_processes > 1 else 1
        for k in range(0, len(chunks), a_round):
            yield from parallel(
                delayed(_moments)(simulate, size, seed) for size, seed in chunks[k : k + a_round]
            )


def _moments(simulate, n_repeats, seed):
    outcomes = simulate(n_repeats, np.random.RandomState(seed))
    mean = outcomes.mean(axis=1)
    centred = outcomes - mean[:, None]
    return n_repeats, mean, centred @ centred.T
