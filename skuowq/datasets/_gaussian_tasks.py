"""Gaussian domains, with chosen discrepancies of the sources."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.utils import Bunch, check_random_state

from skuowq._data.types import Seed

from ._arguments import check_count, check_number, check_sources


def make_gaussian_tasks(
    n_target: int = 20,
    n_samples: Sequence[int] = (200, 200, 200),
    n_parameters: int = 5,
    discrepancies: Sequence[float] = (0.0, 0.05, 1.0),
    common_shift: float = 0.0,
    random_state: Seed = None,
) -> Bunch:
    """Draw a target and sources from Gaussians with identity covariance and known means.

    Parameters
    ----------
    n_target : int, default=20
        Number of target rows.
    n_samples : sequence of int, default=(200, 200, 200)
        Number of rows of each source.
    n_parameters : int, default=5
        Length ``d`` of the mean.
    discrepancies : sequence of float, default=(0.0, 0.05, 1.0)
        ``tau_i`` of each source, at least 0: its own squared distance per parameter. A source is
        worth at most ``1 / tau_i`` target rows, even if it has many more.
    common_shift : float, default=0.0
        ``c``, at least 0: the squared distance per parameter of a shift that all sources share. It
        does not average out over the sources.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible tasks.

    Returns
    -------
    tasks : Bunch
        - X_target : ndarray of shape (n_target, n_parameters)
        - sources : list of ndarray of shape (n_samples[i], n_parameters)
        - theta_target : ndarray of shape (n_parameters,)
        - theta_sources : ndarray of shape (n_parameters, n_sources), one column for each source
        - discrepancy : ndarray of shape (n_sources, n_sources), the true ``G``
        - fisher_information : ndarray of shape (n_parameters, n_parameters), of one row

    Raises
    ------
    ValueError
        If a number is out of range, or the arguments of the sources differ in length. Also if there
        is one parameter and both a common shift and own discrepancies.

    Notes
    -----
    Source ``i`` has the mean ``theta_i = theta_0 + sqrt(d) (sqrt(c) u + sqrt(tau_i) v_i)``. ``u``
    is a random unit vector that all sources share. ``v_i`` is a random unit vector for each source,
    orthogonal to ``u`` if there is a shift. So for the discrepancy ``G = Theta' J Theta / d``,
    ``G_ii = tau_i + c`` holds exactly, for all draws of the directions.

    Examples
    --------
    >>> from skuowq.datasets import make_gaussian_tasks
    >>> tasks = make_gaussian_tasks(discrepancies=(0.0, 0.05, 1.0), random_state=0)
    >>> tasks.X_target.shape, len(tasks.sources)
    ((20, 5), 3)
    >>> (tasks.discrepancy.diagonal().round(6) + 0.0).tolist()
    [0.0, 0.05, 1.0]
    """
    check_count("n_target", n_target, 1)
    check_count("n_parameters", n_parameters, 1)
    n_samples, discrepancies = check_sources(n_samples, discrepancies)
    check_number("common_shift", common_shift)
    if n_parameters == 1 and common_shift > 0 and discrepancies.any():
        raise ValueError(
            "n_parameters is 1, and a common shift needs a direction apart from the sources' own: "
            "use 2 or more parameters, or set common_shift or discrepancies to 0"
        )
    rng = check_random_state(random_state)
    theta_target = rng.standard_normal(n_parameters)
    shared = rng.standard_normal((n_parameters, 1))
    shared /= np.linalg.norm(shared)
    own = rng.standard_normal((n_parameters, len(n_samples)))
    if common_shift > 0 and n_parameters > 1:
        own -= shared * (shared.T @ own)
    own /= np.linalg.norm(own, axis=0)
    contrasts = np.sqrt(n_parameters) * (
        np.sqrt(common_shift) * shared + np.sqrt(discrepancies) * own
    )
    theta_sources = theta_target[:, None] + contrasts
    return Bunch(
        X_target=theta_target + rng.standard_normal((n_target, n_parameters)),
        sources=[
            theta + rng.standard_normal((n, n_parameters))
            for n, theta in zip(n_samples, theta_sources.T, strict=True)
        ],
        theta_target=theta_target,
        theta_sources=theta_sources,
        discrepancy=contrasts.T @ contrasts / n_parameters,
        fisher_information=np.eye(n_parameters),
    )
