"""Distances of classes and data sets: closed forms, assignments, invariances, limits."""

import pytest

pytest.importorskip("ot")

import numpy as np
from numpy.testing import assert_allclose
from reference import transport as reference
from scipy.stats import ortho_group
from sklearn.datasets import load_iris

from skuowq import Sources
from skuowq.transport import (
    class_distances,
    dataset_distance,
    pairwise_dataset_distances,
    rank_sources,
)

METHODS = ("gaussian", "exact", "sinkhorn", "mmd")


def draw(seed, n=12, n_classes=3, d=2, shift=0.0):
    rng = np.random.RandomState(seed)
    y = np.repeat(np.arange(n_classes), n)
    return rng.normal(size=(len(y), d)) + 2 * y[:, None] + shift, y


def parts(X, y):
    return [X[y == label] for label in np.unique(y)]


def test_exact_distances_are_those_of_the_best_assignment():
    one, other = draw(0), draw(1)
    expected = [[reference.assignment_distance(a, b) for b in parts(*other)] for a in parts(*one)]
    assert_allclose(class_distances(*other, *one, method="exact"), expected, rtol=1e-9)


def test_gaussian_distances_are_the_closed_form():
    one, other = draw(0, d=3), draw(1, d=3, n_classes=2)
    expected = [
        [
            reference.gaussian_distance(a.mean(axis=0), np.cov(a.T), b.mean(axis=0), np.cov(b.T))
            for b in parts(*other)
        ]
        for a in parts(*one)
    ]
    assert_allclose(class_distances(*other, *one), expected, rtol=1e-6)
    # In one dimension: means and standard deviations.
    a, b = draw(2, d=1, n_classes=1)[0], draw(3, d=1, n_classes=1)[0]
    zeros = np.zeros(12, dtype=int)
    expected = np.hypot(a.mean() - b.mean(), a.std(ddof=1) - b.std(ddof=1))
    assert_allclose(class_distances(b, zeros, a, zeros), [[expected]], rtol=1e-9)


@pytest.mark.parametrize("n", [(4, 9), (9, 30), (4, 30)])
def test_a_class_may_have_fewer_rows_than_columns(n):
    """Rows themselves or a triangular factor, of one class or of both: one distance."""
    rng = np.random.RandomState(0)
    a, b = rng.normal(size=(n[0], 12)), 1.5 * rng.normal(size=(n[1], 12)) + 0.5
    expected = reference.gaussian_distance(a.mean(axis=0), np.cov(a.T), b.mean(axis=0), np.cov(b.T))
    found = class_distances(b, np.zeros(n[1]), a, np.zeros(n[0]))
    assert_allclose(found, [[expected]], rtol=1e-5)


def test_classes_of_fewer_rows_than_features():
    """Covariances without full rank, and constant columns, as images have."""
    one, other = draw(0, n=6, d=20), draw(1, n=6, d=20)
    one[0][:, :3] = other[0][:, :3] = 1.0
    found = class_distances(*other, *one)
    assert np.isfinite(found).all()
    # Turned into one coordinate system of the rows' span, nothing changes.
    rows = np.vstack([one[0], other[0]])
    _, _, axes = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=True)
    assert_allclose(
        class_distances(other[0] @ axes.T, other[1], one[0] @ axes.T, one[1]), found, rtol=1e-6
    )
    assert dataset_distance(*one, *one) == 0


def test_gaussian_distances_tend_to_the_exact_ones_of_gaussian_rows():
    one, other = draw(0, n=700, n_classes=1), draw(1, n=700, n_classes=1, shift=1.5)
    exact = class_distances(*other, *one, method="exact")
    assert_allclose(class_distances(*other, *one), exact, rtol=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_invariances(method):
    one, other = draw(0, d=3), draw(1, d=3)
    found = class_distances(*other, *one, method=method)
    turn = ortho_group.rvs(3, random_state=0)
    moved = [(X @ turn + 5, y) for X, y in (one, other)]
    assert_allclose(class_distances(*moved[1], *moved[0], method=method), found, atol=1e-6)
    assert_allclose(class_distances(*one, *other, method=method), found.T, atol=1e-6)
    order = np.random.RandomState(0).permutation(36)
    mixed = class_distances(*other, one[0][order], one[1][order], method=method)
    assert_allclose(mixed, found, atol=1e-6)
    names = np.array(["a", "b", "c"])
    assert_allclose(class_distances(*other, one[0], names[one[1]], method=method), found)


@pytest.mark.parametrize("method", ["gaussian", "exact", "sinkhorn"])
def test_a_class_is_at_0_from_itself(method):
    one = draw(0)
    found = class_distances(*one, *one, method=method)
    assert_allclose(np.diag(found), 0, atol=1e-6)
    assert (found[~np.eye(3, dtype=bool)] > 0.5).all()


@pytest.mark.slow
def test_sinkhorn_tends_to_the_exact_and_to_the_means():
    one, other = draw(0, n=8), draw(1, n=8)
    exact = class_distances(*other, *one, method="exact")
    near = class_distances(*other, *one, method="sinkhorn", reg=2e-3)
    assert_allclose(near, exact, rtol=0.05)
    # With entropy alone only the means are compared.
    far = class_distances(*other, *one, method="sinkhorn", reg=1e4)
    means = [[np.linalg.norm(a.mean(0) - b.mean(0)) for b in parts(*other)] for a in parts(*one)]
    assert_allclose(far, means, rtol=1e-3)


def test_kernel_discrepancies_are_unbiased():
    values = []
    for seed in range(200):
        one, other = draw(seed, n_classes=1), draw(1000 + seed, n_classes=1)
        values.append(class_distances(*other, *one, method="mmd")[0, 0])
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(200)
    assert min(values) < 0


@pytest.mark.parametrize("method", ["gaussian", "exact", "sinkhorn"])
def test_a_data_set_is_at_0_from_itself_and_labels_have_no_names(method):
    one, other = draw(0), draw(1, shift=0.7)
    # Roots of sums of 1e-16.
    assert dataset_distance(*one, *one, method) < 2e-6
    found = dataset_distance(*other, *one, method)
    assert found > 0.5
    renamed = np.array([7, 3, 5])[other[1]]
    assert_allclose(dataset_distance(*one, other[0], renamed, method), found, rtol=1e-6)
    assert_allclose(dataset_distance(*other, *one, method), found, rtol=1e-6)


def test_the_exact_dataset_distance_is_the_best_assignment():
    one, other = draw(0, n=5), draw(1, n=5)
    between = class_distances(*other, *one) ** 2
    cost = ((one[0][:, None] - other[0][None]) ** 2).sum(axis=2)
    cost += between[np.ix_(one[1], other[1])]
    expected = np.sqrt(reference.assignment_cost(cost))
    assert_allclose(dataset_distance(*other, *one, "exact"), expected, rtol=1e-9)


def test_moving_whole_classes_costs_more_for_gaussians():
    # The source's classes lie along one line, the target's along another.
    one, other = draw(0, n=300), draw(1, n=300)
    other = (other[0] * [1, -1] + [0, 4], other[1])
    assert dataset_distance(*other, *one) > dataset_distance(*other, *one, "exact")


@pytest.mark.parametrize("function", [class_distances, dataset_distance])
def test_the_target_comes_first(function):
    """And the names of the order before are refused."""
    one, other = draw(0), draw(1, n_classes=2)
    by_name = dict(
        zip(("X_target", "y_target", "X_source", "y_source"), [*other, *one], strict=True)
    )
    assert_allclose(function(**by_name), function(*other, *one))
    with pytest.raises(TypeError, match="X_s"):
        function(X_s=one[0], y_s=one[1], X_t=other[0], y_t=other[1])


def test_pairwise_and_ranking():
    sets = [draw(0), draw(1), draw(2, shift=3.0)]
    found = pairwise_dataset_distances(sets)
    assert_allclose(found, found.T)
    assert_allclose(found[0, 2], dataset_distance(*sets[0], *sets[2]))
    assert_allclose(np.diag(found), 0)
    sources = Sources({"far": sets[2], "near": sets[1]})
    ranking = rank_sources(*sets[0], sources, n_jobs=2)
    assert ranking.names == ("near", "far")
    assert_allclose(ranking.distances, [found[0, 1], found[0, 2]])
    assert list(ranking.order) == [1, 0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: class_distances(X[:, :1], y, X, y), "the source has 2 features, the target"),
        (lambda X, y: class_distances(X, y, X, y, "emd"), "method is 'emd': pass one of gaussian"),
        (lambda X, y: class_distances(X, y, X, y, reg=0), "reg is 0"),
        (
            lambda X, y: class_distances(X, y, X[:13], y[:13]),
            "class 1 of the source has one row",
        ),
        (lambda X, y: dataset_distance(X[:13], y[:13], X, y), "class 1 of the target has one row"),
        (lambda X, y: dataset_distance(X, y, X, y, "mmd"), "method is 'mmd'"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(*draw(0))
    X, y = load_iris(return_X_y=True)
    assert np.isfinite(class_distances(X[:1], y[:1], X, y, "exact")).all()


def on_a_grid(seed):
    """Rows that moving by 1e8 does not round."""
    X, y = draw(seed, d=3)
    return np.round(X * 2**20) / 2**20, y


@pytest.mark.parametrize("offset", [1e4, -1e6, 1e8])
@pytest.mark.parametrize("method", METHODS)
def test_moving_all_rows_changes_nothing(method, offset):
    (X, y), (Z, z) = on_a_grid(0), on_a_grid(1)
    found = class_distances(X, y, Z, z, method)
    moved = class_distances(X + offset, y, Z + offset, z, method)
    assert_allclose(moved, found, rtol=1e-6)
    if method == "mmd":
        return
    distance = dataset_distance(X, y, Z, z, method)
    assert_allclose(dataset_distance(X + offset, y, Z + offset, z, method), distance, rtol=1e-6)
    sources = {"near": (X + offset, y), "far": (X + offset + [0.5, 0, 0], y)}
    ranking = rank_sources(Z + offset, z, sources, method=method)
    assert_allclose(ranking.distances[list(ranking.names).index("near")], distance, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e8])
@pytest.mark.parametrize("method", METHODS)
def test_units_change_nothing_but_the_units(method, scale):
    (X, y), (Z, z) = draw(0, d=3), draw(1, d=3)
    unit = 1.0 if method == "mmd" else scale  # Kernels have the units of the rows.
    found = class_distances(scale * X, y, scale * Z, z, method)
    assert_allclose(found, unit * class_distances(X, y, Z, z, method), rtol=1e-9)
    if method != "mmd":
        found = dataset_distance(scale * X, y, scale * Z, z, method)
        assert_allclose(found, scale * dataset_distance(X, y, Z, z, method), rtol=1e-9)


def test_classes_of_any_kind():
    pd = pytest.importorskip("pandas")
    one, other = draw(0), draw(1)
    found = class_distances(*other, *one)
    months = pd.period_range("2024-01", periods=3, freq="M")
    mixed = pd.Series([[1, "b", ("c", 2)][k] for k in one[1]], dtype=object)
    for names in (pd.Series(months[one[1]]), pd.Series(months.to_timestamp()[one[1]]), mixed):
        assert_allclose(class_distances(*other, one[0], names), found)
    with pytest.raises(ValueError, match="y of the target has missing values"):
        class_distances(other[0], np.where(other[1] == 1, np.nan, other[1]), *one)
