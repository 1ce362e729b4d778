"""True parameters and sizes of the domains, and fits simulated from them."""

from dataclasses import dataclass, replace

import numpy as np

from skuowq.theory._error import optimal_weight
from skuowq.theory._families import Family
from skuowq.weights import solve_source_weights


@dataclass(frozen=True, eq=False)
class Setting:
    """A family, true parameters and numbers of rows, all of them checked.

    `theta_sources` has a column for each source. `group_sizes` has an entry for each domain, the
    target first: the rows come in groups of so many equal rows. `row_families` has the families
    from which the rows of each domain are drawn, if these differ from `family`.
    """

    family: Family
    theta_target: np.ndarray
    theta_sources: np.ndarray
    n_target: float
    n_samples: np.ndarray
    group_sizes: np.ndarray | None = None
    row_families: tuple | None = None

    @property
    def n_sources(self):
        return self.theta_sources.shape[1]

    @property
    def n_parameters(self):
        return self.family.n_parameters

    @property
    def discrepancy(self):
        return self.family.discrepancy(self.theta_target, self.theta_sources)

    def scaled(self, *, rows=1.0, distance=1.0):
        """The same setting with all rows and all distances multiplied."""
        contrasts = self.theta_sources - self.theta_target[:, None]
        theta_sources = self.theta_target[:, None] + distance * contrasts
        self.family._check_truth(self.theta_target, theta_sources)
        sizes = rows * np.append(self.n_target, self.n_samples)
        if not self.family.fractional_rows:
            whole = np.round(sizes)
            if not np.allclose(sizes, whole, rtol=1e-12, atol=1e-9):
                raise ValueError(
                    f"{rows:g} times the rows of the domains leaves a fraction of a row: choose "
                    "multiples and rows whose products are whole"
                )
            sizes = whole
        return replace(
            self, theta_sources=theta_sources, n_target=float(sizes[0]), n_samples=sizes[1:]
        )

    def optimal_weights(self, n_samples=None):
        """Best weights of one row of each source, the rows used being `n_samples`."""
        n_samples = self.n_samples if n_samples is None else n_samples
        if self.n_sources == 1:
            return optimal_weight(n_samples, self.discrepancy[0])
        return solve_source_weights(n_samples, self.discrepancy).source_weights

    def draw_statistics(self, domain, n_rows, n_repeats, rng):
        """Draw sums of the sufficient statistics over the first rows of a domain (0 is the target).

        `n_rows` is a sequence. Fewer rows are the first of more rows, so that the sums share their
        noise. Returns a dict from the number of rows to an array (n_repeats, n_statistics).
        """
        theta = self.theta_target if domain == 0 else self.theta_sources[:, domain - 1]
        group = 1 if self.group_sizes is None else self.group_sizes[domain]
        family = self.family if self.row_families is None else self.row_families[domain]
        total, drawn, sums = 0.0, 0, {}
        for n in sorted({_plain(n) for n in n_rows}):
            more = _plain((n - drawn) / group)
            total = total + group * family._draw_statistics(theta, more, n_repeats, rng)
            sums[n], drawn = total, n
        return sums

    def fits(self, n_samples, source_weights, n_repeats, rng):
        """Weighted fits at the points of a grid, one array (n_repeats, n_parameters) at a time.

        All points use the same rows, so that the differences between points are far more precise
        than the points themselves.

        Parameters
        ----------
        n_samples, source_weights : ndarray of shape (n_points, n_sources)
            Rows used and weight of one row, at each grid point.
        """
        target = self.draw_statistics(0, [self.n_target], n_repeats, rng)[_plain(self.n_target)]
        sources = [
            self.draw_statistics(i + 1, n_samples[:, i], n_repeats, rng)
            for i in range(self.n_sources)
        ]
        for n, w in zip(n_samples, source_weights, strict=True):
            mean = target / (total := self.n_target + w @ n)
            for n_i, w_i, sums in zip(n, w, sources, strict=True):
                if w_i:
                    mean += sums[_plain(n_i)] * (w_i / total)
            yield self.family._fit(mean)

    def errors(self, n_samples, source_weights, n_repeats, rng):
        """Divergences from the target's truth to the fits, (n_points, n_repeats)."""
        fits = self.fits(n_samples, source_weights, n_repeats, rng)
        return np.array([self.divergence(theta) for theta in fits])

    def divergence(self, fits):
        """Divergences from the target's truth to fits (n_repeats, n_parameters), all finite."""
        errors = self.family.kl_divergence(self.theta_target, fits)
        infinite = np.sum(~np.isfinite(errors))
        if infinite:
            raise ValueError(
                f"{infinite} of {len(errors)} simulated fits rule out what happens to the target "
                "(no event of some kind in any row), so the expected divergence is infinite: take "
                "more rows, or a truth further from the edge of its range"
            )
        return errors


def _plain(n):
    """A whole number of rows as an int, which some distributions require."""
    return int(n) if n == int(n) else float(n)
