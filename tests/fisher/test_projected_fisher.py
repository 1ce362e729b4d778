"""Directions in the Fisher metric against the explicit matrix of small modules."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.func import functional_call, jacrev

from skuowq.fisher import projected_fisher


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh())
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(12, 3)

    def forward(self, X):
        return self.head(self.drop(self.features(X.reshape(-1, 1, 4, 4)).flatten(1)))


def mlp():
    return nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3))


def probabilities():
    return nn.Sequential(mlp(), nn.Softmax(dim=-1))


MODULES = {
    "mlp": (mlp, 5, "logits"),
    "convolutional": (Convolutional, 16, "logits"),
    "probabilities": (probabilities, 5, "probabilities"),
}


def make(name, seed=0):
    build, n_features, output = MODULES[name]
    torch.manual_seed(seed)
    module = build().double()
    X = torch.randn(23, n_features, dtype=torch.float64)
    directions = [
        {key: torch.randn_like(value) for key, value in module.named_parameters()} for _ in range(3)
    ]
    return module, X, directions, output


def explicit(module, X, directions, output, names=None, y=None, weight=None):
    """``Theta' J Theta`` from every row's Jacobian, row by row and class by class."""
    module.eval()
    point = dict(module.named_parameters())
    names = list(point) if names is None else names
    theta = np.array(
        [np.concatenate([d[key].numpy().ravel() for key in names]) for d in directions]
    )
    J = np.zeros((theta.shape[1],) * 2)
    weight = np.full(len(X), 1 / len(X)) if weight is None else weight / weight.sum()
    for i, row in enumerate(X):

        def log_probabilities(parameters, row=row):
            returned = functional_call(module, parameters, (row[None],))[0]
            if output == "logits":
                return torch.log_softmax(returned, dim=-1)
            return returned.log()

        jacobian = jacrev(log_probabilities)(point)
        scores = np.hstack([jacobian[key].detach().numpy().reshape(3, -1) for key in names])
        p = log_probabilities(point).exp().detach().numpy()
        for c in range(3):
            share = p[c] if y is None else float(y[i] == c)
            J += weight[i] * share * np.outer(scores[c], scores[c])
    return theta @ J @ theta.T


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("batch_size", [4, 512])
def test_equals_the_explicit_matrix(name, batch_size):
    module, X, directions, output = make(name)
    module.train()
    found = projected_fisher(module, None, directions, X, batch_size=batch_size, output=output)
    assert module.training  # Left as it was; dropout and batch norm were in evaluation mode.
    assert_allclose(found, explicit(module, X, directions, output), rtol=1e-9)


def test_empirical_weights_and_subsets():
    module, X, directions, output = make("mlp")
    y = torch.arange(len(X)) % 3
    weight = np.arange(1.0, len(X) + 1)
    assert_allclose(
        projected_fisher(module, None, directions, X, y=y, batch_size=5),
        explicit(module, X, directions, output, y=y),
        rtol=1e-9,
    )
    assert_allclose(
        projected_fisher(module, None, directions, X, sample_weight=weight, batch_size=5),
        explicit(module, X, directions, output, weight=weight),
        rtol=1e-9,
    )
    head = ["2.weight", "2.bias"]
    assert_allclose(
        projected_fisher(module, None, [{key: d[key] for key in head} for d in directions], X),
        explicit(module, X, directions, output, names=head),
        rtol=1e-9,
    )


def test_another_point_in_single_precision():
    module, X, directions, output = make("mlp")
    other = {key: value + 0.3 for key, value in module.state_dict().items()}
    moved = mlp().double()
    moved.load_state_dict(other)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    found = projected_fisher(module, other, directions, X)
    assert_allclose(found, explicit(moved, X, directions, output), rtol=1e-9)
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    other = {key: value.float() for key, value in other.items()}
    single = projected_fisher(module.float(), other, directions, X.float())
    assert_allclose(single, found, rtol=1e-5)


class NoForwardDerivative(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x.cos()


class Sine(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(5, 4), nn.Linear(4, 3)
        self.plain = False

    def forward(self, X):
        hidden = self.first(X)
        return self.last(hidden.sin() if self.plain else NoForwardDerivative.apply(hidden))


def test_layers_without_forward_derivatives_get_central_differences():
    torch.manual_seed(0)
    module = Sine().double()
    X = torch.randn(9, 5, dtype=torch.float64)
    directions = [{k: torch.randn_like(v) for k, v in module.named_parameters()} for _ in range(2)]
    found = projected_fisher(module, None, directions, X)
    module.plain = True
    assert_allclose(found, projected_fisher(module, None, directions, X), rtol=1e-8)


def test_an_interpolating_module_has_no_empirical_information():
    """Why the true information is the default."""
    module, X, directions, _ = make("mlp")
    with torch.no_grad():
        module[2].weight.mul_(50)
    y = module(X).argmax(dim=1)
    empirical = projected_fisher(module, None, directions, X, y=y)
    true = projected_fisher(module, None, directions, X)
    assert np.trace(empirical) < np.trace(true)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output": "scores"}, "output is 'scores'"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"X": torch.zeros(0, 5)}, "X has no rows"),
        ({"directions": [{"unknown": torch.zeros(1)}]}, r"directions\[0\] names \['unknown'\]"),
        ({"directions": [{"0.bias": torch.zeros(3)}]}, r"has shape \(3,\), and the parameter"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    module, X, directions, _ = make("mlp")
    arguments = {"module": module, "params": None, "directions": directions, "X": X}
    with pytest.raises(ValueError, match=message):
        projected_fisher(**arguments | changes)


def test_no_directions():
    module, X, _, _ = make("mlp")
    assert projected_fisher(module, None, [], X).shape == (0, 0)
