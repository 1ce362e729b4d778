"""Fits to each source alone, from sums: all of them in the rounds of the slowest."""

import numpy as np
from numpy.testing import assert_allclose

from skuowq._uowq.models.own_fits_sums import fit_each_alone
from skuowq.fisher import fit_softmax
from skuowq.fisher.checked import point_sums

PENALTY = np.array([1.0, 1.0, 0.1])
# Where no direction has less curvature than that, a fit is at most 8e-5 from the optimum.
NEAR = 2e-4


class Sources:
    """Answer with sums, and count how often they are asked, and for whom."""

    def __init__(self, n_sources, n_classes=3, n_rows=200):
        rng = np.random.default_rng(0)
        self.rows, self.asked = {}, []
        for k in range(n_sources):
            X = np.column_stack([rng.normal(size=(n_rows, 2)), np.ones(n_rows)])
            logits = (0.2 + k) * X @ rng.normal(size=(3, n_classes))
            y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
            self.rows[k] = X, y, rng.integers(1, 3, n_rows).astype(float)

    def __call__(self, points):
        self.asked.append(sorted(points))
        return {k: point_sums([self.rows[k]], theta, True) for k, theta in points.items()}

    def fit(self, which, start, penalty=PENALTY):
        starts = dict.fromkeys(which, start)
        first = self(starts)
        self.asked.clear()
        return fit_each_alone(self, starts, first, penalty, 1e-10)


def expected(sources, k, penalty=PENALTY):
    X, y, weight = sources.rows[k]
    return fit_softmax(X, y, 3, weight, penalty, tol=1e-10)


def test_each_is_the_fit_of_its_rows():
    sources = Sources(5)
    for k, (theta, sums) in sources.fit([0, 2, 4], np.full((3, 2), 0.3)).items():
        assert_allclose(theta, expected(sources, k), atol=NEAR)
        assert sums.total == sources.rows[k][2].sum()
        # At the optimum the rows' slope is that of the penalty.
        assert_allclose(sums.gradient, -PENALTY[:, None] * theta, atol=1e-3)


def test_all_take_as_many_rounds_as_the_slowest_alone():
    sources, start = Sources(8), np.zeros((3, 2))
    alone = []
    for k in range(8):
        sources.fit([k], start)
        alone.append(len(sources.asked))
    sources.fit(range(8), start)
    assert len(sources.asked) == max(alone)
    # Those that have arrived are asked no more.
    assert [len(asked) for asked in sources.asked] == [
        sum(n > i for n in alone) for i in range(max(alone))
    ]
    assert min(alone) < max(alone)


def test_a_start_too_sure_of_wrong_labels_is_left():
    sources, small = Sources(2), np.full(3, 1e-6)
    start = 1000 * np.random.default_rng(1).normal(size=(3, 2))
    for k, (theta, _) in sources.fit([0, 1], start, small).items():
        assert_allclose(theta, expected(sources, k, small), atol=NEAR)
    # From there no step is short enough.
    assert len(sources.asked) < 15
