"""Columns in any units, repeated or far from 0, heavy rows: a fit, and the one of benign units."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB

from skuowq import Sources, UOWQClassifier, UOWQRegressor
from skuowq._uowq.models.noise_variance import own_ridge
from skuowq._utils._factor import factorise
from skuowq.datasets import make_classification_tasks
from skuowq.fisher import _softmax_regression as softmax_regression
from skuowq.fisher import (
    contrast_basis,
    fit_softmax,
    leave_one_out_loss,
    penalised_gram,
    softmax_fisher_information,
    source_record,
)
from skuowq.weights import discrepancy_std_error

# scikit-learn's own, of the final fit in the user's units; the plain estimator has them, too.
pytestmark = [
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge"),
    pytest.mark.filterwarnings("ignore:.*ll-conditioned matrix"),
]

TASKS = make_classification_tasks(
    n_target=60,
    n_samples=(300,) * 3,
    discrepancies=(0.0, 0.05, 2.0),
    n_features=4,
    n_classes=2,
    random_state=0,
)
MIXING = np.random.RandomState(0).normal(size=(4, 100))


def twice(X):
    return np.column_stack([X, X[:, 0]])


def wide(X):
    """More columns than the target has rows, of full rank."""
    return X @ MIXING + np.sin(37 * X @ MIXING)


def as_given(X):
    return X


def responses(X, y):
    """Of the same kinds of sources, for regression."""
    noise = np.random.RandomState(len(X)).normal(size=len(X))
    return 2.0 * y + X[:, 1] + noise


def models_of(columns, C, scale, shift, parts):
    """Fitted in benign units, their coefficients put into the given ones."""
    for X, y in parts:
        X = columns(X)
        model = LogisticRegression(C=min(C * scale**2, 1e6), max_iter=10_000).fit(X, y)
        model.C, model.coef_ = C, model.coef_ / scale
        model.intercept_ = model.intercept_ - shift * model.coef_.sum(axis=1)
        yield model, len(y)


ROADS = ["dense", "sparse", "regressor", "sparse regressor", "records", "sparse records", "models"]
ROADS += ["other models"]


def weigh(road, columns=as_given, *, C=1.0, scale=1.0, shift=0.0, n_target=60, heavy=None):
    """Source weights, and predictions for the target's rows, finite."""

    def given(X):
        X = columns(X) * scale + shift
        return sparse.csr_matrix(X) if road.startswith("sparse") else X

    X, y = TASKS.X_target[:n_target], TASKS.y_target[:n_target]
    parts = list(TASKS.sources)
    weights = [np.ones(len(labels)) for _, labels in parts]
    if heavy is not None:
        parts[0] = parts[0][0][:3], parts[0][1][:3]
        weights[0] = np.full(3, heavy)
    if road.endswith("regressor"):
        y = responses(X, y)
        parts = [(X_k, responses(X_k, y_k)) for X_k, y_k in parts]
        base = LinearRegression() if np.inf == C else Ridge(alpha=1 / C)
        model, predict = UOWQRegressor(base), "predict"
    else:
        model, predict = UOWQClassifier(LogisticRegression(C=C, max_iter=1000)), "predict_proba"
    sources = [(given(X_k), y_k, weight) for (X_k, y_k), weight in zip(parts, weights, strict=True)]
    if road.endswith("records"):
        sources = [
            source_record(X_k, y_k, classes=[0, 1], C=C, sample_weight=weight)
            for X_k, y_k, weight in sources
        ]
    elif road == "models":
        sources = list(models_of(columns, C, scale, shift, parts))
    elif road == "other models":
        sources = [(GaussianNB().fit(X_k, y_k), len(y_k)) for X_k, y_k, _ in sources]
    rows = given(X)
    if road.endswith(("records", "models")) and sparse.issparse(rows):
        rows = rows.toarray()
    model.fit(rows, y, sources=Sources(sources))
    assert np.isfinite(getattr(model, predict)(rows)).all()
    assert np.all(np.isfinite(model.source_weights_) & (model.source_weights_ >= 0))
    return model.source_weights_


# Name: the case, and the benign one whose weights it has; None where a model is not invariant.
# Of sparse rows the means, and of rows the small units, rest on the design of the softmax model
# (`make_design`); all else on the factorisations.
CASES = {
    "twice, sd 1e7": ({"columns": twice, "scale": 1e7}, {"columns": twice, "C": 1e6}),
    "twice, sd 1e8": ({"columns": twice, "scale": 1e8}, {"columns": twice, "C": 1e6}),
    "twice, C 1e12": ({"columns": twice, "C": 1e12}, {"columns": twice, "C": 1e6}),
    "wide, sd 1e5, C 1e6": ({"columns": wide, "scale": 1e5, "C": 1e6, "n_target": 30}, None),
    "wide, sd 1e7, C 100": ({"columns": wide, "scale": 1e7, "C": 1e2, "n_target": 30}, None),
    "sd 1e-4": ({"scale": 1e-4, "C": 1e8}, {}),
    "sd 1e-8": ({"scale": 1e-8, "C": 1e16}, {}),
    "sd 1e4": ({"scale": 1e4, "C": 1e-8}, {}),
    "sd 1e8": ({"scale": 1e8, "C": 1e-16}, {}),
    "mean 1e4": ({"shift": 1e4}, {}),
    "mean 1e6": ({"shift": 1e6}, {}),
    "mean 1e7": ({"shift": 1e7}, {}),
    "mean 1e8": ({"shift": 1e8}, {}),
    "mean 1e8, sd 1e-4": ({"shift": 1e4, "scale": 1e-4, "C": 1e8}, {}),
    "three rows of weight 1e7": ({"heavy": 1e7}, None),
    "three rows of weight 1e7, wide": ({"heavy": 1e7, "columns": wide, "C": 1e2}, None),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("case", CASES)
def test_in_any_units(case, road):
    given, benign = CASES[case]
    if benign is None:
        weigh(road, **given)
    else:
        assert_allclose(weigh(road, **given), weigh(road, **benign), atol=0.01)


def test_a_second_round_of_records_far_from_zero():
    """The point travels in given units, and the sources are compared where they were."""
    X, y = TASKS.X_target, TASKS.y_target
    found = []
    for shift in (0.0, 1e8):
        records = [source_record(X_k + shift, y_k) for X_k, y_k in TASKS.sources]
        first = UOWQClassifier().fit(X + shift, y, sources=Sources(records))
        for point in (first.record_point_, records[0]):
            second = [source_record(X_k + shift, y_k, point=point) for X_k, y_k in TASKS.sources]
            clf = UOWQClassifier().fit(X + shift, y, sources=Sources(second))
            found.append(np.append(clf.source_weights_, clf.predict_proba(X + shift)[:, 0]))
    assert_allclose(found[2:], found[:2], atol=1e-4)


@pytest.mark.parametrize("shift", [1e6, 1e8])
def test_a_records_statistics_are_those_of_centred_rows(shift):
    X, y = TASKS.sources[0]
    weight = np.random.RandomState(0).uniform(0.5, 2, size=len(y))
    for form in (np.asarray, sparse.csr_matrix):
        benign = source_record(X, y, sample_weight=weight)
        far = source_record(form(X + shift), y, sample_weight=weight)
        assert_allclose(far.centre, shift + weight @ X / weight.sum(), rtol=1e-12)
        assert_allclose(far.theta, benign.theta, rtol=1e-3, atol=1e-4)
        assert_allclose(far.information, benign.information, rtol=1e-3, atol=1e-5)


def test_a_factor_solves_in_any_units():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(40, 5))
    A, b = X.T @ X, rng.normal(size=(5, 2))
    unit = 10.0 ** np.array([-8, 8, 0, -150, 150])
    for columns in (b, b[:, 0]):
        expected = np.linalg.solve(A, columns)
        assert_allclose(factorise(A)(columns), expected, rtol=1e-12)
        scaled = (columns.T * unit).T
        in_units = (factorise(A * np.outer(unit, unit))(scaled).T * unit).T
        assert_allclose(in_units, expected, rtol=1e-10)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_factor_of_a_singular_matrix(scale):
    """Solutions where there is one; nothing of columns of zeros."""
    rng = np.random.RandomState(1)
    X = scale * rng.normal(size=(40, 5))
    X = np.column_stack([X, X[:, 0], np.zeros(40), X @ rng.normal(size=5)])
    A = X.T @ X
    right = A @ rng.normal(size=8) / scale
    solution = factorise(A)(right)
    assert_allclose(A @ solution, right, rtol=1e-6, atol=1e-8 * np.abs(right).max())
    assert solution[6] == 0
    negative = A - 1e-13 * np.trace(A) * np.eye(8)  # As rounding leaves it.
    assert np.isfinite(factorise(negative)(right)).all()


def test_a_matrix_that_is_not_finite_has_no_factor():
    with pytest.raises(np.linalg.LinAlgError, match="scale the columns"):
        factorise(np.array([[1.0, np.nan], [np.nan, 1.0]]))


def objective(X, y, weight, penalty, theta):
    logits = X @ theta @ contrast_basis(theta.shape[1] + 1).T
    logits -= logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(y)), y]
    loss = weight @ (np.log(np.exp(logits).sum(axis=1)) - own)
    return loss + np.sum(penalty[:, None] * theta**2) / 2


def softmax_problem(rng):
    X = np.column_stack([rng.normal(size=(200, 5)), np.ones(200)])
    y = (X @ rng.normal(size=(6, 3)) + rng.gumbel(size=(200, 3))).argmax(axis=1)
    return X, y, np.append(np.ones(5), 1e-4)


@pytest.mark.parametrize("newton", [True, False])
@pytest.mark.parametrize(
    "unit", [1e-8, 1e-4, 1e4, 1e8, [1e-8, 1.0, 1e8, 1e-4, 1e4]], ids=lambda unit: str(unit)
)
def test_softmax_regression_in_any_units(unit, newton, monkeypatch):
    """The optimum of the columns in benign units, which scikit-learn finds, too."""
    if not newton:
        monkeypatch.setattr(softmax_regression, "NEWTON_MAX_PARAMETERS", 0)
    X, y, penalty = softmax_problem(np.random.RandomState(0))
    unit = np.append(np.broadcast_to(unit, 5), 1.0)
    theta = fit_softmax(X * unit, y, 3, np.ones(200), penalty * unit**2) * unit[:, None]
    fitted = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X[:, :-1], y)
    vectors = np.vstack([fitted.coef_.T, fitted.intercept_])
    best = objective(X, y, np.ones(200), penalty, vectors @ contrast_basis(3))
    assert objective(X, y, np.ones(200), penalty, theta) < best + 1e-3


@pytest.mark.parametrize("columns", [as_given, twice], ids=["5", "6, one of them twice"])
@pytest.mark.parametrize("ridge", [1.0, 1e-16])
@pytest.mark.parametrize("heavy", [1.0, 1e7])
def test_softmax_regression_with_heavy_rows_and_hardly_a_penalty(heavy, ridge, columns):
    X, y, _ = softmax_problem(np.random.RandomState(0))
    X = np.column_stack([columns(X[:, :-1]), X[:, -1]])
    weight = np.append(np.full(3, heavy), np.ones(197))
    penalty = np.append(np.full(X.shape[1] - 1, ridge), 1e-4)
    theta = fit_softmax(X, y, 3, weight, penalty)
    better = fit_softmax(X, y, 3, weight, penalty, tol=1e-12)
    gain = objective(X, y, weight, penalty, theta) - objective(X, y, weight, penalty, better)
    assert gain < 1e-3
    residual = np.eye(3)[y] - np.exp(X @ better @ contrast_basis(3).T) / np.exp(
        X @ better @ contrast_basis(3).T
    ).sum(axis=1, keepdims=True)
    slope = X.T @ (weight[:, None] * residual) @ contrast_basis(3) - penalty[:, None] * better
    assert np.abs(slope).max() < 1e-5 * weight.sum()


@pytest.mark.parametrize("size", [1.0, 1e11])
def test_a_start_that_is_sure_of_wrong_labels(size):
    """Nothing is curved there: Newton's steps and gradients lead nowhere."""
    X, y, penalty = softmax_problem(np.random.RandomState(0))
    weight = np.append(np.full(3, size), np.ones(197))
    best = fit_softmax(X, y, 3, weight, penalty)
    for start in (-1e3 * best, 1e6 * np.random.RandomState(1).normal(size=best.shape)):
        found = fit_softmax(X, y, 3, weight, penalty, start=start, curvature=np.eye(best.size))
        excess = objective(X, y, weight, penalty, found) - objective(X, y, weight, penalty, best)
        assert abs(excess) < 1e-2


def test_many_parameters_in_mixed_units():
    """Beyond the reach of Newton's method."""
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=(300, 450)), np.ones(300)])
    y = (X[:, :2] + rng.gumbel(size=(300, 2))).argmax(axis=1)
    penalty = np.append(np.ones(450), 1e-4)
    unit = 10.0 ** rng.randint(-8, 9, size=451)
    losses = [
        objective(X, y, np.ones(300), penalty, theta)
        for theta in (
            fit_softmax(X, y, 2, np.ones(300), penalty),
            fit_softmax(X * unit, y, 2, np.ones(300), penalty * unit**2) * unit[:, None],
        )
    ]
    assert_allclose(losses[1], losses[0], rtol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_contrasts_of_a_singular_information(seed):
    """Columns twice tell nothing more: the same distances over as many free directions."""
    rng = np.random.RandomState(seed)
    X = rng.normal(size=(50, 8)) * 10.0 ** rng.uniform(-8, 8, size=8)
    scores = X.T @ rng.normal(size=(50, 3)) / 50
    gram, d = penalised_gram(X.T @ X / 50, np.zeros(8), scores)
    X, scores = np.hstack([X, X]), np.vstack([scores, scores])
    again, d_again = penalised_gram(X.T @ X / 50, np.zeros(16), scores)
    assert_allclose([d, d_again], 8, rtol=1e-3)
    assert_allclose(again, gram, rtol=1e-3)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_a_row_that_decides_its_own_fit(share):
    """With the fit exactly its own, what is left of the row is 0."""
    theta = np.full((1, 1), np.sqrt(2) * np.log(share / (1 - share)) / 2)
    information = softmax_fisher_information(np.ones((1, 1)), theta)
    loss = leave_one_out_loss(np.ones((1, 1)), np.array([0]), theta, information)
    assert np.isfinite(loss).all()
    assert loss[0] > 1e3


def test_a_source_without_any_noise_has_standard_errors():
    assert np.isfinite(discrepancy_std_error(np.ones((2, 2)), 9, [1e19, 20], 4)).all()


@pytest.mark.parametrize("noise", [1.0, 1e-4, 1e-8, 1e-10])
def test_noise_far_below_the_signal(noise):
    """What is left of the sum of squares would be rounding."""
    rng = np.random.RandomState(0)
    X, errors = rng.normal(size=(2000, 5)), rng.normal(size=2000)
    y = X @ np.ones(5) + noise * errors
    _, squares, df = own_ridge(X, y, np.ones(2000), np.full(5, 1e-20))
    assert_allclose(squares / df, noise**2, rtol=0.15)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("level", [0.0, 1e8])
def test_responses_in_any_units(scale, level):
    X, y = TASKS.X_target, responses(TASKS.X_target, TASKS.y_target)
    parts = [(X_k, responses(X_k, y_k)) for X_k, y_k in TASKS.sources]
    benign = UOWQRegressor().fit(X, y, sources=Sources(parts))
    moved = [(X_k, (y_k + level) * scale) for X_k, y_k in parts]
    found = UOWQRegressor().fit(X, (y + level) * scale, sources=Sources(moved))
    assert_allclose(found.source_weights_, benign.source_weights_, atol=1e-3)
    assert_allclose(found.noise_variance_, benign.noise_variance_ * scale**2, rtol=1e-3)


@pytest.mark.parametrize("columns", [twice, wide])
def test_copies_of_columns_without_a_penalty(columns):
    X, y = TASKS.X_target[:30], responses(TASKS.X_target, TASKS.y_target)[:30]
    parts = [(X_k, responses(X_k, y_k)) for X_k, y_k in TASKS.sources]
    found = []
    for unit in (1.0, 1e-8, 1e8):
        scaled = [(columns(X_k) * unit, y_k) for X_k, y_k in parts]
        reg = UOWQRegressor(LinearRegression())
        reg.fit(columns(X) * unit, y, sources=Sources(scaled))
        found.append(reg.source_weights_)
    assert_allclose(found[1:], [found[0]] * 2, atol=1e-3)
