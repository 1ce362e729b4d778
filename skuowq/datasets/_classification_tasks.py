"""Classification tasks from softmax regression, with chosen discrepancies of the sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skuowq._data.types import Seed
from skuowq.fisher import softmax_fisher_information, softmax_probabilities

from ._arguments import check_count, check_number, check_sources

# The Fisher information is a mean over so many rows, so its entries are precise to about 1 %. The
# discrepancies are exact for the matrix that is returned. The rows are the same in each call.
_N_MONTE_CARLO = 20_000


def make_classification_tasks(
    n_target: int = 50,
    n_samples: Sequence[int] = (1000, 1000, 1000),
    n_features: int = 10,
    n_classes: int = 3,
    discrepancies: Sequence[float] = (0.0, 0.1, 1.0),
    class_sep: float = 1.0,
    n_test: int = 2000,
    random_state: Seed = None,
) -> Bunch:
    """Draw a target and sources from softmax regressions with known parameters.

    Parameters
    ----------
    n_target : int, default=50
        Number of labelled target rows.
    n_samples : sequence of int, default=(1000, 1000, 1000)
        Number of rows of each source.
    n_features : int, default=10
        Number of features, without the constant. ``d = (n_features + 1) (n_classes - 1)``.
    n_classes : int, default=3
        Number of classes, at least 2.
    discrepancies : sequence of float, default=(0.0, 0.1, 1.0)
        ``tau_i`` of each source, at least 0.
    class_sep : float, default=1.0
        Standard deviation of the slopes of the target, above 0. Increasing it makes the classes
        easier to separate, and the Fisher information smaller. So the same discrepancy means a
        larger difference of the parameters.
    n_test : int, default=2000
        Number of further target rows for testing.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible tasks.

    Returns
    -------
    tasks : Bunch
        - X_target, X_test : ndarray of shape (n_target or n_test, n_features)
        - y_target, y_test : ndarray of shape (n_target or n_test,)
        - sources : list of pairs ``(X, y)``
        - theta_target : ndarray of shape (n_features + 1, n_classes - 1), intercepts last
        - theta_sources : ndarray of shape (n_sources, n_features + 1, n_classes - 1)
        - discrepancy : ndarray of shape (n_sources, n_sources), the true ``G``
        - fisher_information : ndarray of shape (d, d), ``J`` of one row at the parameters of the
          target, in the order of ``theta.ravel()``; a mean over 20,000 rows that are the same in
          each call
        - classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a number is out of range, or the arguments of the sources differ in length.

    Notes
    -----
    In each domain ``x ~ N(0, I)``, and the probabilities of the classes are
    ``softmax(V theta' [x, 1])``, with ``V`` from :func:`skuowq.fisher.contrast_basis`. The slopes
    of the target are normally distributed, and its intercepts are 0. Source ``i`` has
    ``theta_i = theta_0 + delta_i``, where ``delta_i`` has a random direction and is scaled so that
    ``G_ii = delta_i' J delta_i / d`` equals ``discrepancies[i]``.

    Examples
    --------
    >>> from skuowq.datasets import make_classification_tasks
    >>> tasks = make_classification_tasks(n_target=12, random_state=0)
    >>> tasks.X_target.shape, tasks.y_target.shape, len(tasks.sources)
    ((12, 10), (12,), 3)
    >>> (tasks.discrepancy.diagonal().round(6) + 0.0).tolist()
    [0.0, 0.1, 1.0]
    """
    check_count("n_target", n_target, 1)
    check_count("n_features", n_features, 1)
    check_count("n_classes", n_classes, 2)
    check_count("n_test", n_test, 0)
    n_samples, discrepancies = check_sources(n_samples, discrepancies)
    check_number("class_sep", class_sep, positive=True)
    rng = check_random_state(random_state)
    theta_target = class_sep * rng.standard_normal((n_features + 1, n_classes - 1))
    theta_target[-1] = 0
    fixed_rows = np.random.RandomState(0).standard_normal((_N_MONTE_CARLO, n_features))
    contrasts = rng.standard_normal((len(n_samples), theta_target.size))
    with np.errstate(all="ignore"):
        J = softmax_fisher_information(_with_constant(fixed_rows), theta_target)
        lengths = np.einsum("ka,ab,kb->k", contrasts, J, contrasts) / theta_target.size
        contrasts *= np.sqrt(discrepancies / lengths)[:, None]
        discrepancy = contrasts @ J @ contrasts.T / theta_target.size
    # The diagonal is known. If it differs, the information has lost all its digits to rounding.
    if not np.allclose(discrepancy.diagonal(), discrepancies, rtol=1e-6, atol=0):
        raise ValueError(
            f"class_sep is {class_sep}, which leaves a row no Fisher information to double "
            "precision, and nothing is at a chosen discrepancy: pass a smaller class_sep"
        )
    theta_sources = theta_target + contrasts.reshape(-1, *theta_target.shape)

    X_target, y_target = _draw(n_target, theta_target, rng)
    X_test, y_test = _draw(n_test, theta_target, rng)
    return Bunch(
        X_target=X_target,
        y_target=y_target,
        X_test=X_test,
        y_test=y_test,
        sources=[_draw(n, theta, rng) for n, theta in zip(n_samples, theta_sources, strict=True)],
        theta_target=theta_target,
        theta_sources=theta_sources,
        discrepancy=discrepancy,
        fisher_information=J,
        classes=np.arange(n_classes),
    )


def _draw(n, theta, rng):
    """Draw rows and labels. A uniform number picks the class by cumulated probabilities."""
    X = rng.standard_normal((n, len(theta) - 1))
    probabilities = softmax_probabilities(_with_constant(X), theta)
    below = np.cumsum(probabilities, axis=1)[:, :-1]
    y = np.sum(rng.uniform(size=(n, 1)) > below, axis=1)
    return X, y


def _with_constant(X):
    return np.column_stack([X, np.ones(len(X))])
