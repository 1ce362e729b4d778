import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import softmax_regression as reference
from scipy import sparse
from scipy.optimize import approx_fprime
from sklearn.linear_model import LogisticRegression

from skuowq import fisher
from skuowq.fisher import _softmax_regression as module


@pytest.fixture(params=[2, 3, 6])
def problem(request):
    n_classes = request.param
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(40, 4))
    y = rng.integers(0, n_classes, 40)
    theta = rng.normal(size=(4, n_classes - 1))
    weight = rng.uniform(0, 2, 40)
    return X, y, theta, weight


def test_contrasts_are_orthonormal_and_sum_to_zero():
    for n_classes in (2, 3, 10):
        basis = fisher.contrast_basis(n_classes)
        assert_allclose(basis.T @ basis, np.eye(n_classes - 1), atol=1e-14)
        assert_allclose(basis.sum(axis=0), 0, atol=1e-14)


def test_probabilities_and_mean_score(problem):
    X, y, theta, weight = problem
    basis = fisher.contrast_basis(theta.shape[1] + 1)
    expected = [reference.probabilities(x, theta, basis) for x in X]
    assert_allclose(fisher.softmax_probabilities(X, theta), expected, rtol=1e-12)
    scores = [reference.score(x, label, theta, basis) for x, label in zip(X, y, strict=True)]
    mean = np.average(scores, axis=0, weights=weight)
    assert_allclose(fisher.softmax_mean_score(X, y, theta, weight), mean, rtol=1e-10)


def test_the_score_is_the_gradient_of_the_log_likelihood(problem):
    X, y, theta, _ = problem
    basis = fisher.contrast_basis(theta.shape[1] + 1)

    def mean_log_likelihood(flat):
        return reference.log_likelihood(X, y, flat.reshape(theta.shape), basis).mean()

    numeric = approx_fprime(theta.ravel(), mean_log_likelihood, 1e-7)
    assert_allclose(fisher.softmax_mean_score(X, y, theta).ravel(), numeric, atol=1e-6)


def test_fisher_information_by_three_roads(problem, monkeypatch):
    X, _, theta, weight = problem
    basis = fisher.contrast_basis(theta.shape[1] + 1)
    expected = reference.fisher_information(X, theta, basis, weight)
    J = fisher.softmax_fisher_information(X, theta, weight)
    assert_allclose(J, expected, atol=1e-12)
    assert_allclose(fisher.softmax_fisher_product(X, theta, np.eye(len(J)), weight), J, atol=1e-12)
    sparse_J = fisher.softmax_fisher_information(sparse.csr_matrix(X), theta, weight)
    assert_allclose(sparse_J, J, atol=1e-12)
    # Blocks of rows add up to the whole.
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", 28)
    assert_allclose(fisher.softmax_fisher_information(X, theta, weight), J, atol=1e-12)


def test_scores_average_to_zero_at_the_truth_with_the_information_as_variance():
    """z-tests over 20,000 draws of the labels of one design."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(5, 3))
    theta = rng.normal(size=(3, 2))
    probabilities = fisher.softmax_probabilities(X, theta)
    J = fisher.softmax_fisher_information(X, theta)
    uniform = rng.random((20_000, 5, 1))
    labels = (uniform > probabilities.cumsum(axis=1)).sum(axis=2)
    scores = np.array([fisher.softmax_mean_score(X, y, theta).ravel() for y in labels])
    z = scores.mean(axis=0) / (scores.std(axis=0) / np.sqrt(len(scores)))
    assert np.abs(z).max() < 4
    squares = 5 * scores[:, :, None] * scores[:, None, :]
    z = (squares.mean(axis=0) - J) / (squares.std(axis=0) / np.sqrt(len(scores)))
    assert np.abs(z).max() < 4


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("road", ["newton", "l-bfgs"])
def test_fit_agrees_with_logistic_regression(n_classes, road, monkeypatch):
    if road == "l-bfgs":
        monkeypatch.setattr(module, "NEWTON_MAX_PARAMETERS", 0)
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(300, 5))
    y = (X[:, 0] + rng.normal(size=300) > 0).astype(int) + (n_classes // 4) * 2 * (X[:, 1] > 0)
    weight = rng.uniform(0.1, 3, 300)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(X, y, weight)
    # One vector for two classes: the penalty doubles along the orthonormal contrast.
    penalty = np.full(6, 2.0 * (2 if n_classes == 2 else 1))
    penalty[-1] = 1e-10
    design = np.column_stack([X, np.ones(300)])
    theta = fisher.fit_softmax(design, y, n_classes, weight, penalty, tol=1e-10)
    probabilities = fisher.softmax_probabilities(design, theta)
    assert_allclose(probabilities, theirs.predict_proba(X), atol=1e-5)


def test_fit_does_not_depend_on_where_it_starts(problem):
    X, y, theta, weight = problem
    n_classes = theta.shape[1] + 1
    penalty = np.full(4, 0.5)
    cold = fisher.fit_softmax(X, y, n_classes, weight, penalty, tol=1e-12)
    J = fisher.softmax_fisher_information(X, theta, weight)
    for curvature in (None, J, 100 * J, 0.01 * J):
        warm = fisher.fit_softmax(
            X, y, n_classes, weight, penalty, start=3 * theta, curvature=curvature, tol=1e-12
        )
        assert_allclose(warm, cold, atol=1e-5)


def test_a_class_without_rows_keeps_finite_parameters():
    X = np.column_stack([np.linspace(-1, 1, 20), np.ones(20)])
    y = np.repeat([0, 2], 10)
    theta = fisher.fit_softmax(X, y, 3, np.ones(20), np.array([1.0, 1e-4]))
    probabilities = fisher.softmax_probabilities(X, theta)
    assert np.all(np.isfinite(theta))
    assert probabilities[:, 1].max() < 0.01


def as_indices(y, dtype):
    if dtype == "category codes":
        return pytest.importorskip("pandas").Series(y).astype("category").cat.codes
    if dtype == "Int8":
        return pytest.importorskip("pandas").Series(y, dtype="Int8")
    return y.tolist() if dtype == "list" else y.astype(dtype)


@pytest.mark.parametrize(
    "dtype", ["int8", "int16", "uint8", "uint64", "category codes", "Int8", "list"]
)
def test_the_dtype_of_the_classes_changes_nothing(problem, dtype):
    """300 rows of six classes: products of the two overflow small integers."""
    X, y, theta, weight = (np.concatenate([part] * 10) for part in problem)
    X[:, 0] += np.linspace(0, 1, len(y))
    theta, small = theta[:4], as_indices(y, dtype)
    found = fisher.softmax_mean_score(X, small, theta, weight)
    assert_allclose(found, fisher.softmax_mean_score(X, y, theta, weight), rtol=1e-12)
    arguments = (theta.shape[1] + 1, weight, np.ones(4))
    expected = fisher.fit_softmax(X, y, *arguments)
    assert_allclose(fisher.fit_softmax(X, small, *arguments), expected, rtol=1e-9)
    A = weight.sum() * fisher.softmax_fisher_information(X, expected, weight)
    A += np.eye(len(A))
    found = fisher.leave_one_out_loss(X, small, expected, A, weight)
    assert_allclose(found, fisher.leave_one_out_loss(X, y, expected, A, weight), rtol=1e-12)


def test_two_classes_may_be_bools(problem):
    X, y, _, weight = problem
    arguments = (2, weight, np.ones(4))
    found = fisher.fit_softmax(X, y > 0, *arguments)
    assert_allclose(found, fisher.fit_softmax(X, (y > 0).astype(int), *arguments))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0, 1, -1, 2], dtype=np.int8), r"y holds -1, and there are 3 classes: pass"),
        (np.array([0, 1, 3, 2]), "y holds 3, and there are 3 classes"),
        (np.array([0.0, 1.0, 2.0, 1.0]), "y holds float64: pass class indices, the integers 0"),
        (np.array(["0", "1", "2", "1"]), "y holds str"),
        ([0, 1, None, 2], "y holds object"),
        (np.array([0, 1, 2]), r"y has shape \(3,\), and X has 4 rows"),
        (np.eye(4, dtype=int), r"y has shape \(4, 4\), and X has 4 rows"),
    ],
)
def test_labels_that_are_no_class_indices(y, message):
    X, theta = np.ones((4, 2)), np.zeros((2, 2))
    with pytest.raises(ValueError, match=message):
        fisher.fit_softmax(X, y, 3, np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match=message):
        fisher.softmax_mean_score(X, y, theta)
    with pytest.raises(ValueError, match=message):
        fisher.leave_one_out_loss(X, y, theta, np.eye(4))


def test_other_arguments_are_named():
    X, y, theta = np.ones((4, 2)), np.array([0, 1, 2, 0]), np.zeros((2, 2))
    with pytest.raises(ValueError, match="n_classes is 1: pass the number of classes"):
        fisher.fit_softmax(X, y, 1, np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match=r"penalty has shape \(\), and X has 2 columns"):
        fisher.fit_softmax(X, y, 3, np.ones(4), 1.0)
    with pytest.raises(ValueError, match="sample_weight has entries that are below 0"):
        fisher.fit_softmax(X, y, 3, -np.ones(4), np.ones(2))
    with pytest.raises(ValueError, match=r"sample_weight has shape \(3,\), and X has 4 rows"):
        fisher.softmax_fisher_information(X, theta, np.ones(3))
    with pytest.raises(ValueError, match="sample_weight is 0 for all rows"):
        fisher.softmax_mean_score(X, y, theta, np.zeros(4))
    with pytest.raises(ValueError, match=r"theta has shape \(3, 2\), and X has 2 columns"):
        fisher.softmax_probabilities(X, np.zeros((3, 2)))
    with pytest.raises(ValueError, match="n_classes is 0"):
        fisher.contrast_basis(0)
