"""`skuowq.datasets` and `skuowq.metrics`."""

import inspect
import itertools

import numpy as np
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS, as_given, problems, with_bad
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold

from skuowq import UOWQClassifier, UOWQRegressor, datasets, metrics
from skuowq.rules import Reml

WRONG_COUNTS = (0, -1, 2.5, None, "many")


def counts(low, high):
    return with_bad(st.integers(low, high), WRONG_COUNTS)


def refused_or(function, *arguments, **options):
    names = inspect.signature(function).parameters
    return outcome(lambda: function(*arguments, **options), names)


distances = with_bad(
    st.lists(st.one_of(st.just(0.0), st.floats(-8, 4).map(lambda e: 10.0**e)), max_size=3),
    ([-1.0], [np.nan], None, "far"),
)
rows = st.lists(counts(1, 30), max_size=3)


@fuzz(
    "datasets.make_gaussian_tasks",
    n=counts(1, 30),
    rows=rows,
    d=counts(1, 5),
    distances=distances,
    shift=with_bad(st.sampled_from([0.0, 1e-6, 1.0, 1e6])),
    seed=SEEDS,
)
def test_gaussian_tasks(n, rows, d, distances, shift, seed):
    tasks = refused_or(
        datasets.make_gaussian_tasks,
        n,
        rows,
        d,
        distances,
        common_shift=shift,
        random_state=seed,
    )
    if tasks is not None:
        assert tasks.X_target.shape == (n, d)
        assert all(np.isfinite(X).all() for X in tasks.sources)
        wanted = np.array(distances) + shift
        np.testing.assert_allclose(np.diag(tasks.discrepancy), wanted, rtol=1e-6, atol=1e-12)


@fuzz(
    "datasets.make_classification_tasks",
    examples=150,
    n=counts(1, 30),
    rows=rows,
    p=counts(1, 3),
    c=counts(2, 4),
    distances=distances,
    class_sep=with_bad(st.floats(-6, 8).map(lambda e: 10.0**e)),
    n_test=counts(0, 10),
    seed=SEEDS,
)
def test_classification_tasks(n, rows, p, c, distances, class_sep, n_test, seed):
    """150 examples in ``make test``: the information is a mean over 20,000 rows."""
    tasks = refused_or(
        datasets.make_classification_tasks,
        n,
        rows,
        p,
        c,
        distances,
        class_sep,
        n_test,
        seed,
    )
    if tasks is not None:
        assert tasks.X_target.shape == (n, p)
        assert np.isfinite(tasks.theta_sources).all()
        np.testing.assert_allclose(
            np.diag(tasks.discrepancy), np.array(distances), rtol=1e-6, atol=1e-12
        )


NAMES = ["upright", "rotated", "tilted", "upside_down", "contrast", "blurred", "inverted"]
NAMES += ["mirrored", "noisy_labels", "shifted_labels", "none such"]


@fuzz(
    "datasets.load_digit_domains",
    examples=40,
    deep=2_000,
    target=st.sampled_from(NAMES),
    sources=st.lists(st.sampled_from(NAMES), max_size=3),
    n=counts(1, 60),
    seed=SEEDS,
)
def test_digit_domains(target, sources, n, seed):
    """40 examples in ``make test``, 2,000 in ``make test-fuzz``: 1,797 images each."""
    domains = refused_or(
        datasets.load_digit_domains, target, sources, n_per_class=n, random_state=seed
    )
    if domains is not None:
        assert domains.X_target.shape == (10 * n, 64)
        assert list(domains.sources) == sources
        assert 0 <= domains.X_target.min() <= domains.X_target.max() <= 1


shares = with_bad(st.floats(0, 1))


@fuzz(
    "datasets.perturb_source",
    "datasets.perturbed_splits",
    problem=problems(weights=False, min_sources=1, containers=("array", "list", "float32")),
    eps=st.tuples(shares, shares),
    image=st.sampled_from([None, None, (1, 1), (2, 2), (1, 1, 2), (1, 1, 3), (2,), "wide", 4]),
    labelled=shares,
    most=with_bad(st.one_of(st.none(), st.integers(1, 3)), WRONG_COUNTS[:-2]),
    n_splits=counts(1, 2),
    one_row=st.booleans(),
    seed=SEEDS,
)
def test_perturbed(problem, eps, image, labelled, most, n_splits, one_row, seed):
    X, y = problem.X, problem.y
    if one_row and problem.fault is None:
        X, y = X[:1], y[:1]
    options = {"image_shape": image, "random_state": seed}
    found = refused_or(datasets.perturb_source, X, y, *eps, return_masks=True, **options)
    if found is not None:
        assert found[0].shape == np.shape(X)
        assert np.isfinite(found[0]).all()
        assert problem.fault or np.isin(found[1], y).all()
        np.testing.assert_array_equal(found[0][~found[2]], np.asarray(X)[~found[2]])
    X_source, y_source, _ = problem.parts[0]
    splits = outcome(
        lambda: list(
            itertools.islice(
                datasets.perturbed_splits(
                    X,
                    y,
                    X_source,
                    y_source,
                    eps_x=eps[0],
                    eps_y=eps[1],
                    labelled=labelled,
                    max_per_class=most,
                    n_splits=n_splits,
                    **options,
                ),
                2,
            )
        ),
        inspect.signature(datasets.perturbed_splits).parameters,
    )
    for split in splits or []:
        assert (len(split.y_target) >= 1) == (labelled > 0)
        assert len(split.X_unlabeled) + len(split.X_test) == len(y)


@fuzz(
    "metrics.negative_transfer_gap",
    "metrics.NegativeTransferGap",
    examples=80,
    data=st.data(),
    numbers=st.booleans(),
    cv=with_bad(st.sampled_from([2, 3, 3, KFold(2), KFold(2, shuffle=True, random_state=0)])),
    scoring=st.sampled_from([None, "neg_log_loss", "accuracy", "none such", 3, ["accuracy"]]),
    n_repeats=with_bad(st.sampled_from([1, 1, 2, "auto"])),
    confidence=with_bad(st.floats(0.01, 0.99)),
)
def test_negative_transfer_gap(data, numbers, cv, scoring, n_repeats, confidence):
    """80 examples in ``make test``: each is four fits or more."""
    kind = "numbers" if numbers else "classes"
    problem = data.draw(problems(kind=kind, min_sources=0, most_rows=15, weights=False))
    if numbers:
        estimator = UOWQRegressor(Ridge(), discrepancy=Reml(1))
        scoring = {"accuracy": "r2", "neg_log_loss": "r2"}.get(str(scoring), scoring)
    else:
        estimator = UOWQClassifier(discrepancy=Reml(1))
    found = outcome(
        lambda: metrics.negative_transfer_gap(
            estimator,
            problem.X,
            problem.y,
            sources=as_given(problem.sources),
            cv=cv,
            scoring=scoring,
            n_repeats=n_repeats,
            confidence=confidence,
            random_state=0,
        ),
        [*inspect.signature(metrics.negative_transfer_gap).parameters, "score", "folds"],
        hard=problem.hard,
        refuses=lambda: LogisticRegression().fit(problem.X, problem.y),
    )
    if found is not None:
        assert np.isfinite(found.gap)
        assert found.interval[0] <= found.gap <= found.interval[1]
        assert found.std_error >= 0
        assert str(found)
