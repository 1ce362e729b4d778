"""The transport loss: the fixed point, limits with a closed form, its slope."""

import pytest

pytest.importorskip("ot")
pytest.importorskip("torch")

import numpy as np
import torch
from numpy.testing import assert_allclose
from reference.transport_loss import entropic_cost

from skuowq.networks import transport_loss


def draw(seed=0, n=6, shape=(4, 3)):
    rng = np.random.RandomState(seed)
    p, g = (rng.dirichlet(np.ones(k), size=n) for k in shape)
    cost = rng.uniform(size=shape)
    return [torch.tensor(part) for part in (p, g, cost / cost.max())]


@pytest.mark.parametrize("reg", [0.05, 0.3, 2.0])
def test_value_and_slope_are_those_of_the_fixed_point(reg):
    p, g, cost = draw()
    p.requires_grad_()
    loss = transport_loss(p, g, cost, reg)
    loss.sum().backward()
    slope = p.grad.numpy() - (p.grad.numpy() * p.detach().numpy()).sum(axis=1, keepdims=True)
    for row in range(len(p)):
        value, potential = entropic_cost(p[row].detach().numpy(), g[row].numpy(), cost.numpy(), reg)
        # The solver stops at marginals that are 1e-3 off.
        assert_allclose(loss[row].item(), value, atol=2e-3)
        assert_allclose(slope[row], potential, atol=5e-3)


def test_one_label_has_one_plan():
    p, _, cost = draw()
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    one_hot = torch.nn.functional.one_hot(labels, 3).double()
    expected = (p * cost[:, labels].T).sum(dim=1)
    assert_allclose(transport_loss(p, one_hot, cost, 0.1), expected, atol=1e-4)


def test_an_equal_cost_is_the_loss():
    p, g, _ = draw()
    p.requires_grad_()
    loss = transport_loss(p, g, torch.full((4, 3), 0.7, dtype=torch.double), 0.1)
    assert_allclose(loss.detach(), 0.7, atol=1e-9)
    (slope,) = torch.autograd.grad(loss.sum(), p)
    assert_allclose(slope, slope[:, :1].expand(-1, 4), atol=1e-6)


def test_much_entropy_makes_the_plan_independent():
    p, g, cost = draw()
    assert_allclose(transport_loss(p, g, cost, 1e3), ((p @ cost) * g).sum(dim=1), atol=1e-3)


def test_little_entropy_is_exact_transport():
    import ot

    p, g, cost = draw()
    expected = [ot.emd2(a, b, cost.numpy()) for a, b in zip(p.numpy(), g.numpy(), strict=True)]
    assert_allclose(transport_loss(p, g, cost, 0.01), expected, atol=0.03)


def test_certain_predictions_in_single_precision():
    p = torch.softmax(torch.tensor([[200.0, 0.0, 0.0]]), dim=1).requires_grad_()
    g = torch.softmax(torch.tensor([[0.0, 300.0]]), dim=1)
    cost = torch.tensor([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])
    loss = transport_loss(p, g, cost, 0.05)
    (slope,) = torch.autograd.grad(loss.sum(), p)
    assert loss.item() == pytest.approx(1.0, abs=1e-3)
    assert torch.isfinite(slope).all()
    assert slope[0, 0] > slope[0, 1] > slope[0, 2]
