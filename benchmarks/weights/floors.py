"""What an estimator of the weights can hardly beat, on Gaussian means: floors for `simulated.py`.

One source: any rule gives the source a share that depends on the length of the contrast (others can
be averaged over rotations without loss), and its expected error is a quadratic function of those
shares. A convex program finds the least error over the oracle's at distance 0 among the rules that
are nowhere more than 2 % worse than target-only.

Many sources: a Bayesian who knows how the distances of the sources are distributed, though not
whose is which nor their directions, errs by his posterior mean, found by Markov chains. Knowing
that every distance occurs exactly once would gain him up to a tenth more. The oracle, who knows the
directions too, lets biases cancel.
"""

import cvxpy as cp
import numpy as np
from scipy.special import gammaln, ive
from scipy.stats import ncx2

from skuowq.weights import solve_source_weights


def one_source(d, n_target, n_source, slack=1.02, n_shares=400):
    """Least error over the oracle's at distance 0 without harm at any distance."""
    v = 1 / n_target + 1 / n_source
    c = (1 / n_target) / v
    z = np.linspace(1e-3, 6.5 * np.sqrt(d) + 4, n_shares)  # Length of the contrast over its noise.
    h = cp.Variable(n_shares)
    relative = []
    for centre in np.append(0, np.geomspace(0.05, 5, 30)) * np.sqrt(d):
        density = np.nan_to_num(2 * z * ncx2.pdf(z**2, d, max(centre**2, 1e-10)))
        density /= density.sum()
        kappa = np.maximum(z * centre, 1e-9)
        along = centre * z * ive(d / 2, kappa) / np.maximum(ive(d / 2 - 1, kappa), 1e-300)
        quadratic = cp.sum(cp.multiply(density * z**2, cp.square(h)))
        moved = quadratic + 2 * c * ((density * along) @ h) + (c * centre) ** 2
        relative.append(n_target * (1 / (n_target + n_source) + v * moved / d))
    bounds = [h >= -c, h <= 1 - c, *(r <= slack for r in relative)]
    cp.Problem(cp.Minimize(relative[0]), bounds).solve(solver="CLARABEL")
    return relative[0].value * (n_target + n_source) / n_target


def many_sources(d, n_target, n_source, distances, n_draws=60, n_steps=6000, seed=0):
    """Error of the posterior mean over the oracle's, and its standard error."""
    rng = np.random.default_rng(seed)
    distances = np.asarray(distances, dtype=float)
    K = len(distances)
    grid = np.linspace(0, distances.max() + 6 * np.sqrt(d / n_source) + 3, 4000)
    log_densities = [log_density(grid, r, n_source, d) for r in distances]
    log_mixture = np.logaddexp.reduce(log_densities) - np.log(K)
    directions = rng.normal(size=(n_draws, K, d))
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    theta = directions * distances[:, None]
    sources = theta + rng.normal(size=theta.shape) / np.sqrt(n_source)
    target = rng.normal(size=(n_draws, d)) / np.sqrt(n_target)

    def log_posterior(x):
        away = np.linalg.norm(sources - x[:, None], axis=2)
        own = -0.5 * n_target * ((target - x) ** 2).sum(axis=1)
        return own + np.interp(away, grid, log_mixture).sum(axis=1)

    # Started at the truth, so only the walk within the mode has to mix.
    x, total, step = np.zeros((n_draws, d)), np.zeros((n_draws, d)), np.full(n_draws, 0.03)
    current = log_posterior(x)
    warm = n_steps // 3
    for i in range(n_steps):
        trial = x + step[:, None] * rng.normal(size=x.shape)
        value = log_posterior(trial)
        accepted = np.log(rng.random(n_draws)) < value - current
        x[accepted] = trial[accepted]
        current = np.where(accepted, value, current)
        if i < warm:
            step *= np.exp(0.05 * (accepted - 0.25))
        else:
            total += x
    bayes = 0.5 * ((total / (n_steps - warm)) ** 2).sum(axis=1)
    oracle = np.empty(n_draws)
    for k in range(n_draws):
        G = theta[k] @ theta[k].T / d
        mass = n_source * solve_source_weights(np.full(K, float(n_source)), G).source_weights
        fitted = (n_target * target[k] + mass @ sources[k]) / (n_target + mass.sum())
        oracle[k] = 0.5 * fitted @ fitted
    ratio = bayes.mean() / oracle.mean()
    error = (bayes - ratio * oracle).std() / oracle.mean() / np.sqrt(n_draws)
    return ratio, error


def log_density(away, distance, n_source, d):
    """Of a source's fitted mean that far from the target's, up to a constant."""
    x = np.maximum(n_source * away * distance, 1e-8)
    order = d / 2 - 1
    bessel = np.log(np.maximum(ive(order, x), 1e-300)) + x - order * np.log(x / 2)
    # The limit at 0, where the scaled Bessel function underflows.
    bessel = np.where(x <= 1e-8, -gammaln(d / 2), bessel)
    return -0.5 * n_source * (away**2 + distance**2) + bessel


def main():
    print("one source: least error over the oracle's at distance 0, never 2 % worse than without")
    for d, n_target, n_source in ((5, 20, 500), (6, 20, 500), (10, 20, 500), (20, 50, 1000)):
        floor = one_source(d, n_target, n_source)
        print(f"  d {d}, N0 {n_target}, N {n_source}: {floor:.2f}")
    print("many sources: the Bayesian's error over the oracle's (standard error)")
    for name, arguments in {
        "5 at 0 to 3": (20, 50, 1000, [0, 0.2, 0.5, 1, 3]),
        "10 mixed": (50, 50, 100, [0, 0, 0.2, 0.3, 0.5, 0.5, 1, 1, 2, 3]),
        "30 mixed": (20, 30, 300, np.linspace(0, 3, 30)),
        "50 mixed, few target rows": (10, 5, 200, np.linspace(0, 2, 50)),
    }.items():
        ratio, error = many_sources(*arguments)
        print(f"  {name}: {ratio:.2f} ({error:.2f})")


if __name__ == "__main__":
    main()
