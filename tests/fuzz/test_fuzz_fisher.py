"""`skuowq.fisher`: scores and information of softmax regression, and of torch modules."""

import inspect

import numpy as np
import pytest
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS, problems, with_bad
from hypothesis import strategies as st
from scipy import sparse

from skuowq import fisher

# What the functions on arrays take: class indices of any dtype, columns in units of any size.
DTYPES = [int, np.int8, np.int16, np.uint8, np.int32]


@st.composite
def softmax_data(draw):
    rng = np.random.RandomState(draw(SEEDS))
    n, p, c = draw(st.integers(1, 300)), draw(st.integers(1, 4)), draw(st.integers(2, 5))
    X = rng.normal(size=(n, p)) * draw(st.sampled_from([1.0, 1.0, 1e-6, 1e3]))
    X[:, 0] = draw(st.sampled_from([1.0, 0.0, X[0, 0]]))
    y = rng.randint(c, size=n).astype(draw(st.sampled_from(DTYPES)))
    weight = rng.uniform(0.01, 2, size=n) * 10.0 ** draw(st.sampled_from([0, 0, -6, 6]))
    if draw(st.booleans()):
        X = sparse.csr_matrix(X)
    return X, y, c, weight, rng


@fuzz("fisher.contrast_basis", n_classes=with_bad(st.integers(2, 30)))
def test_contrast_basis(n_classes):
    V = outcome(lambda: fisher.contrast_basis(n_classes), ["n_classes"])
    if V is not None:
        np.testing.assert_allclose(V.T @ V, np.eye(n_classes - 1), atol=1e-12)


@fuzz(
    "fisher.fit_softmax",
    "fisher.softmax_probabilities",
    "fisher.softmax_mean_score",
    "fisher.softmax_fisher_information",
    "fisher.softmax_fisher_product",
    "fisher.leave_one_out_loss",
    "fisher.penalised_gram",
    "fisher.penalised_gram_by_products",
    data=softmax_data(),
    penalty=st.floats(-4, 4).map(lambda e: 10.0**e),
    weighted=st.booleans(),
)
def test_softmax(data, penalty, weighted):
    X, y, c, weight, rng = data
    weight = weight if weighted else np.ones(len(y))
    p = X.shape[1]
    ridge = np.full(p, penalty)
    theta = outcome(lambda: fisher.fit_softmax(X, y, c, weight, ridge), [], valid=True)
    assert theta.shape == (p, c - 1)
    assert np.isfinite(theta).all()
    # The optimum: the score of all rows is the pull of the penalty. What is short of it is small
    # beside what the rows' curvature and the penalty make of a step.
    score = fisher.softmax_mean_score(X, y, theta, weight)
    J = fisher.softmax_fisher_information(X, theta, weight)
    A = weight.sum() * J + np.diag(np.repeat(ridge, c - 1))
    short = (weight.sum() * score - ridge[:, None] * theta).ravel()
    assert short @ np.linalg.solve(A, short) <= 1e-4 * theta.size
    P = fisher.softmax_probabilities(X, theta)
    assert P.shape == (len(y), c)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    directions = rng.normal(size=(theta.size, 2))
    product = fisher.softmax_fisher_product(X, theta, directions, weight)
    # Beside the squares of the columns: probabilities near 1 leave differences of these.
    squares = np.abs(X).max() ** 2
    np.testing.assert_allclose(product, J @ directions, rtol=1e-6, atol=1e-12 * squares)
    losses = outcome(lambda: fisher.leave_one_out_loss(X, y, theta, A, weight), [], valid=True)
    assert losses.shape == (len(y),)
    assert np.isfinite(losses).all()
    shares = np.repeat(ridge, c - 1) / weight.sum()
    gram, d = fisher.penalised_gram(J, shares, directions)
    products, d_estimated = outcome(
        lambda: fisher.penalised_gram_by_products(
            lambda v: J @ v, np.diag(J), shares, directions, np.random.RandomState(0)
        ),
        [],
        valid=True,
    )
    assert np.isfinite(gram).all()
    assert np.isfinite(products).all()
    assert 1 <= d <= theta.size + 1e-9
    assert 1 <= d_estimated <= theta.size


@fuzz(
    "fisher.source_record",
    "fisher.SourceRecord",
    problem=problems(kind="classes"),
    C=with_bad(st.floats(-6, 6).map(lambda e: 10.0**e)),
    union=st.booleans(),
    at_zero=st.booleans(),
)
def test_source_record(problem, C, union, at_zero):
    classes = problem.classes if union else None
    shape = (np.shape(problem.X_new)[1] + 1, len(problem.classes) - 1)
    point = np.zeros(shape) if at_zero else None
    record = outcome(
        lambda: fisher.source_record(
            problem.X,
            problem.y,
            classes=classes,
            point=point,
            C=C,
            sample_weight=problem.sample_weight,
        ),
        inspect.signature(fisher.source_record).parameters,
        hard=problem.hard,
    )
    if record is not None:
        assert record.n_samples > 0
        assert record.nbytes > 0
        for part in (record.theta, record.score, record.information):
            assert np.isfinite(part).all()


@fuzz(
    "fisher.regression_record",
    "fisher.RegressionRecord",
    examples=50,
    problem=problems(kind="numbers"),
    factor=with_bad(st.floats(-6, 6).map(lambda e: 10.0**e)),
)
def test_regression_record(problem, factor):
    """50 examples in ``make test``."""
    names = inspect.signature(fisher.regression_record).parameters
    record = outcome(
        lambda: fisher.regression_record(problem.X, problem.y, sample_weight=problem.sample_weight),
        names,
    )
    if record is None:
        return
    assert record.n_samples > 0
    assert np.isfinite(record.mean).all()
    assert (record.variance >= 0).all()
    assert np.linalg.eigvalsh(record.products)[0] >= -1e-9 * np.trace(record.products)
    back = fisher.RegressionRecord.from_json(record.to_json())
    np.testing.assert_array_equal(back.products, record.products)
    if isinstance(factor, float) and 0 < factor < np.inf:
        twice = factor * record + factor * record
        np.testing.assert_allclose(twice.products, (2 * factor) * record.products, rtol=1e-9)


@fuzz(
    "fisher.projected_fisher",
    seed=SEEDS,
    n=st.integers(0, 12),
    shape=st.tuples(st.integers(1, 3), st.integers(2, 4)),
    scale=st.sampled_from([1.0, 1e-6, 1e4]),
    batch_size=with_bad(st.integers(1, 15)),
    output=with_bad(st.sampled_from(["logits", "probabilities"])),
    wrong=st.sampled_from(["", "", "", "name", "shape", "weights"]),
    empirical=st.booleans(),
)
def test_projected_fisher(seed, n, shape, scale, batch_size, output, wrong, empirical):
    torch = pytest.importorskip("torch")
    torch.manual_seed(seed % 2**31)
    module = torch.nn.Linear(*shape)
    if output == "probabilities":
        module = torch.nn.Sequential(module, torch.nn.Softmax(dim=1))
    X = scale * torch.randn(n, shape[0])
    y = torch.randint(shape[1], (n,)) if empirical else None
    directions = [
        {name: torch.randn_like(value) for name, value in module.named_parameters()}
        for _ in range(2)
    ]
    if wrong == "name":
        directions[0]["none such"] = torch.zeros(1)
    if wrong == "shape":
        directions[0] = {name: value[:1, None] for name, value in directions[0].items()}
    weight = torch.rand(n + (wrong == "weights")) + 0.01
    G = outcome(
        lambda: fisher.projected_fisher(
            module,
            None,
            directions,
            X,
            y=y,
            sample_weight=weight,
            batch_size=batch_size,
            output=output,
        ),
        [*inspect.signature(fisher.projected_fisher).parameters, "direction"],
    )
    if G is not None:
        assert G.shape == (2, 2)
        assert np.isfinite(G).all()
        assert np.linalg.eigvalsh((G + G.T) / 2).min() >= -1e-6 * np.abs(G).max()
