"""Text, and rows of unlike length, where numbers belong."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from skuowq.datasets import load_digit_domains, make_gaussian_tasks, perturbed_splits
from skuowq.fisher import contrast_basis
from skuowq.metrics import negative_transfer_gap
from skuowq.theory import error_curve, james_stein_error, optimal_quantity, optimal_weight
from skuowq.transport import dataset_distance
from skuowq.weights import discrepancy_std_error, estimate_discrepancy, solve_source_weights

X, y = np.arange(8.0)[:, None], np.array([0, 1] * 4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: solve_source_weights(["many"], [1.0]), "n_samples is .* must hold numbers"),
        (lambda: solve_source_weights([1], "reml"), "discrepancy is 'reml', and must hold numbers"),
        (lambda: solve_source_weights([1, [2, 3]], np.eye(2)), "n_samples is .* numbers alone"),
        (lambda: estimate_discrepancy([[1.0]], 5, [5], "d"), "n_parameters must be finite"),
        (lambda: estimate_discrepancy([[1.0]], 5, [5], None), "n_parameters must be finite"),
        (lambda: optimal_weight("many", 0.1), "n_source is 'many', and must hold numbers"),
        (lambda: james_stein_error(5, 5, [0.1, [1, 2]], 3), "discrepancy is .* hold numbers"),
        (
            lambda: error_curve(5, [5], [0.1], 2, source_weights=["w"]),
            "source_weights is .* must hold numbers",
        ),
        (lambda: make_gaussian_tasks(5, [5], 2, "far"), "discrepancies is 'far'"),
        (lambda: contrast_basis(1), "n_classes is 1: pass the number of classes, 2 or more"),
        (lambda: contrast_basis([2]), "n_classes is "),
        (lambda: next(perturbed_splits(X, y, X, y, n_splits=2.5)), "n_splits is 2.5"),
        (
            lambda: negative_transfer_gap(Ridge(), X, y, sources=[(X, y)], confidence="high"),
            "confidence must lie between 0 and 1, got 'high'",
        ),
        (lambda: dataset_distance(X, y, X, y, "sinkhorn", reg=None), "reg is None: pass a number"),
        (lambda: dataset_distance(X, y, X, y, "sinkhorn", reg=-1.0), "reg is -1.0: pass a number"),
        (lambda: load_digit_domains(n_per_class=2.5), "n_per_class is 2.5"),
        (lambda: load_digit_domains(target="no"), "target names an unknown domain 'no'"),
    ],
)
def test_the_message_names_the_argument(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: optimal_weight([1, 2, 3], [0.1, 0.2]), "n_source .* and discrepancy"),
        (lambda: optimal_weight([], [0.1, 0.2]), "n_source .* and discrepancy"),
        (lambda: optimal_quantity([1, 2], [1, 2, 3], 0.1), "n_target .* n_source"),
    ],
)
def test_shapes_that_do_not_go_together(call, names):
    with pytest.raises(ValueError, match=f"{names} .*do not broadcast: pass as many numbers"):
        call()


@pytest.mark.parametrize(
    "G", [[[1.0, 0.3], [0.3, 0.2]], [[1.0, -0.1], [-0.1, 1.0]], np.diag([1, 2, 3]) + np.eye(3, k=1)]
)
def test_standard_errors_of_what_reml_does_not_estimate(G):
    G = np.asarray(G, dtype=float)
    G = (G + G.T) / 2
    with pytest.raises(ValueError, match="discrepancy is not one that method='reml' estimates"):
        discrepancy_std_error(G, 10, [20] * len(G), 5)
    assert np.isfinite(discrepancy_std_error(G, 10, [20] * len(G), 5, method="plugin")).all()
