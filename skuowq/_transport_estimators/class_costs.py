"""What it costs to carry a class of a source to a class of the target: measured once, or given."""

import numpy as np

from skuowq.transport import class_distances
from skuowq.transport.checked import by_class, check_two_rows


def class_costs(cost, features, target, domains, classes, names):
    """A matrix for each source, all divided by the largest entry of any.

    Parameters
    ----------
    cost : str, array or list of arrays
        A method of :func:`class_distances`, or the costs.
    features : callable
        Maps inputs to rows of features, on which classes are compared.
    target : Domain
    domains : list of Domain
        The sources.
    classes : list of ndarray
        Of the target and of every source.
    names : sequence of str
        Of the sources.

    Returns
    -------
    costs : list of ndarray of shape (n_source_classes, n_target_classes)
    """
    shapes = [(len(own), len(classes[0])) for own in classes[1:]]
    if isinstance(cost, str):
        costs = _measured(cost, features, target, domains, classes, names)
    else:
        costs = _given(cost, shapes, names)
    # Below 0 is an unbiased estimate of 0.
    costs = [np.maximum(matrix, 0.0) for matrix in costs]
    largest = max(matrix.max() for matrix in costs)
    return [matrix / largest if largest > 0 else matrix for matrix in costs]


def _measured(method, features, target, domains, classes, names):
    Z = features(target.X)
    parts = [features(domain.X) for domain in domains]
    if method in ("gaussian", "mmd"):
        for Z_i, domain, own, name in zip(
            [Z, *parts], [target, *domains], classes, ["the target", *names], strict=True
        ):
            remedy = "add a row of it, or pass cost='exact' or transport_weight=0"
            check_two_rows(by_class(Z_i, domain.y)[0], own, name, remedy)
    return [
        class_distances(Z, target.y, Z_i, domain.y, method)
        for Z_i, domain in zip(parts, domains, strict=True)
    ]


def _given(cost, shapes, names):
    if len(cost) == 0:
        raise ValueError("cost is empty: pass a matrix for each source, or one for all")
    if np.ndim(cost[0]) < 2:  # One matrix: of the only source, or of all.
        cost = [cost] * len(shapes)
    if len(cost) != len(shapes):
        raise ValueError(
            f"cost has {len(cost)} matrices, and there are {len(shapes)} sources: pass one for "
            "each, or one for all"
        )
    costs = [np.asarray(matrix, dtype=float) for matrix in cost]
    for matrix, shape, name in zip(costs, shapes, names, strict=True):
        if matrix.shape != shape:
            raise ValueError(
                f"cost for {name} has shape {matrix.shape}, and it has {shape[0]} classes, the "
                f"target {shape[1]}: pass a row for each class of the source, a column for each of "
                "the target, both sorted"
            )
        if not np.all(np.isfinite(matrix) & (matrix >= 0)):
            raise ValueError(
                f"cost for {name} has entries that are below 0 or not finite: all must be at least "
                "0"
            )
    return costs
