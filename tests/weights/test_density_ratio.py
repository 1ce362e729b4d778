"""Ratios of densities against those known, and what they must not do."""

import numpy as np
import pytest
from scipy import sparse
from scipy.stats import spearmanr
from sklearn.ensemble import RandomForestClassifier

from skuowq.weights import density_ratio


def gaussian_classes(n, means, rng):
    y = rng.randint(len(means), size=n)
    return means[y] + rng.normal(size=(n, means.shape[1])), y


def log_density(X, y, means):
    return -0.5 * ((X - means[y]) ** 2).sum(axis=1)


def shifted_classes(seed, n_target, n_classes=3, d=4):
    """Gaussian classes whose means have moved, and the logarithm of the ratio."""
    rng = np.random.RandomState(seed)
    means = rng.normal(size=(n_classes, d))
    moved = means + 0.7 * rng.normal(size=means.shape)
    target, source = gaussian_classes(n_target, means, rng), gaussian_classes(2000, moved, rng)
    return target, source, log_density(*source, means) - log_density(*source, moved)


def changed_relation(seed, n_target, d=4):
    """The same features, other labels given them."""
    rng = np.random.RandomState(seed)
    ours = 2 * rng.normal(size=d) / np.sqrt(d)
    theirs = ours + 1.5 * rng.normal(size=d) / np.sqrt(d)

    def draw(n, b):
        X = rng.normal(size=(n, d))
        return X, (rng.uniform(size=n) < 1 / (1 + np.exp(-X @ b))).astype(int)

    target, (X, y) = draw(n_target, ours), draw(2000, theirs)
    sign = 2 * y - 1
    log_ratio = np.logaddexp(0, -sign * (X @ theirs)) - np.logaddexp(0, -sign * (X @ ours))
    return target, (X, y), log_ratio


@pytest.mark.parametrize("seed", range(3))
def test_interactions_rank_rows_as_the_ratio_of_the_densities(seed):
    target, source, log_ratio = shifted_classes(seed, 400)
    ratio = density_ratio(*target, *source, discriminator="interactions", random_state=0)
    assert spearmanr(ratio, log_ratio).statistic > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_plausibility_ranks_rows_as_the_ratio_where_the_relation_changes(seed):
    target, source, log_ratio = changed_relation(seed, 400)
    ratio = density_ratio(*target, *source, random_state=0)
    assert spearmanr(ratio, log_ratio).statistic > 0.9


def test_boosted_trees_rank_rows_given_rows_enough():
    target, source, log_ratio = shifted_classes(0, 2000)
    ratio = density_ratio(*target, *source, discriminator="boosted", random_state=0)
    assert spearmanr(ratio, log_ratio).statistic > 0.85


@pytest.mark.parametrize("kind", ["plausibility", "interactions"])
def test_a_calibrated_ratio_has_mean_1_and_sums_to_the_targets_mean(kind):
    target, source, _ = changed_relation(0, 2000)
    ratio = density_ratio(*target, *source, discriminator=kind, clip=1e3, random_state=0)
    assert abs(ratio.mean() - 1) < 0.05


@pytest.mark.parametrize(
    "kind", ["plausibility", "interactions", pytest.param("boosted", marks=pytest.mark.slow)]
)
def test_rows_of_one_distribution_have_ratios_near_1(kind):
    rng = np.random.RandomState(0)
    means = rng.normal(size=(3, 20))
    target, source = gaussian_classes(30, means, rng), gaussian_classes(500, means, rng)
    ratio = density_ratio(*target, *source, discriminator=kind, random_state=0)
    # A discriminator that knows thirty rows by heart would find nothing alike.
    assert 0.3 < np.median(ratio) < 3
    assert ratio.mean() > 0.3


def test_without_labels_the_ratio_is_that_of_the_features():
    rng = np.random.RandomState(0)
    X, X_source = rng.normal(size=(300, 2)) + [1, 0], rng.normal(size=(1000, 2))
    y, y_source = rng.randint(2, size=300), rng.randint(2, size=1000)
    ratio = density_ratio(X, y, X_source, y_source, labels=False, random_state=0)
    assert spearmanr(ratio, X_source[:, 0]).statistic > 0.95
    other = density_ratio(X, 1 - y, X_source, y_source, labels=False, random_state=0)
    assert spearmanr(other, ratio).statistic > 0.99


def test_raw_odds_are_smaller_by_the_sizes():
    target, source, _ = changed_relation(0, 100)
    balanced = density_ratio(*target, *source, random_state=0)
    raw = density_ratio(*target, *source, balanced=False, random_state=0)
    np.testing.assert_allclose(raw, balanced * 100 / 2000)


def test_clip_and_any_classifier_and_sparse():
    target, source, log_ratio = shifted_classes(0, 300)
    assert density_ratio(*target, *source, clip=1.5, random_state=0).max() <= 1.5
    forest = RandomForestClassifier(30, min_samples_leaf=20, random_state=0)
    ratio = density_ratio(*target, *source, discriminator=forest, random_state=0)
    assert spearmanr(ratio, log_ratio).statistic > 0.5
    for kind in ("plausibility", "interactions"):
        dense = density_ratio(*target, *source, discriminator=kind, random_state=0)
        thin = density_ratio(
            sparse.csr_matrix(target[0]),
            target[1],
            sparse.csr_matrix(source[0]),
            source[1],
            discriminator=kind,
            random_state=0,
        )
        np.testing.assert_allclose(thin, dense, rtol=0.02)


def test_weights_count_rows():
    target, (X, y), _ = changed_relation(1, 60)
    weight = np.where(np.arange(2000) < 300, 2.0, 1.0)
    weighted = density_ratio(*target, X, y, source_weight=weight, random_state=0)
    plain = density_ratio(*target, X, y, random_state=0)
    assert not np.allclose(weighted, plain)
    assert spearmanr(weighted, plain).statistic > 0.95


def test_few_rows_and_a_missing_class():
    rng = np.random.RandomState(0)
    X, y = gaussian_classes(200, 3 * np.eye(3), rng)
    ratio = density_ratio(X[:1], y[:1], X[1:], y[1:], random_state=0)
    assert np.isfinite(ratio).all()
    seen = y[:60] != 2
    ratio = density_ratio(X[:60][seen], y[:60][seen], X[60:], y[60:], random_state=0)
    assert ratio[y[60:] == 2].mean() < 0.2 * ratio[y[60:] != 2].mean()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discriminator": "gan"}, "discriminator is 'gan': pass one of plausibility"),
        ({"clip": 0}, "clip is 0: pass the largest ratio"),
        ({"cv": 1}, "cv is 1: pass the number of folds"),
    ],
)
def test_bad_arguments(options, message):
    target, source, _ = shifted_classes(0, 20)
    with pytest.raises(ValueError, match=message):
        density_ratio(*target, *source, **options)
    with pytest.raises(ValueError, match="X_source has 2 features, X_target has 4"):
        density_ratio(*target, source[0][:, :2], source[1])
    with pytest.raises(TypeError, match="discriminator is the class RandomForestClassifier: pass"):
        density_ratio(*target, *source, discriminator=RandomForestClassifier)


@pytest.mark.parametrize("kind", ["plausibility", "interactions", "boosted"])
def test_one_source_row_is_named(kind):
    target, (X, y), _ = shifted_classes(0, 20)
    with pytest.raises(ValueError, match="X_source has 1 row, and no row is judged by a model"):
        density_ratio(*target, X[:1], y[:1], discriminator=kind)


def test_labels_of_two_kinds_are_named():
    target, (X, y), _ = shifted_classes(0, 20)
    with pytest.raises(ValueError, match="y_target holds numbers and y_source text: label both"):
        density_ratio(*target, X, y.astype(str))


def test_folds_of_one_domain_leave_odds_even():
    """Equal rows are held out at once: without the source's there is one domain left."""
    X = np.repeat([[0.0], [1.0], [5.0]], [3, 4, 5], axis=0)
    y = np.arange(12) % 2
    for kind in ("interactions", "boosted"):
        ratio = density_ratio(X[:7], y[:7], X[7:], y[7:], discriminator=kind, random_state=0)
        np.testing.assert_allclose(ratio, 1.0)


@pytest.mark.parametrize("offset", [56.0, 1e3, 1e6])
def test_a_source_far_from_the_target_does_not_warn(offset):
    """Nine rows of three classes, whose spread is small beside their distance."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(6, 4)), np.array([0, 1, 2, 0, 1, 2])
    X_source, y_source = offset + rng.normal(size=(9, 4)), np.array([0, 1, 2, 0, 1, 2, 1, 1, 1])
    ratio = density_ratio(X, y, X_source, y_source, random_state=0)
    assert np.isfinite(ratio).all()
    assert (ratio >= 0).all()
