"""The objective of joint training, against itself written out."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
import torch.nn.functional as F
from nets import DEVICE
from numpy.testing import assert_allclose
from torch import nn

from skuowq._data.domains import Domain
from skuowq.networks import (
    JointObjective,
    joint_terms,
    make_perceptron,
    predict_features,
    predict_proba,
    train_aligned,
    transport_loss,
)
from skuowq.networks._aligned_training import BatchParts
from skuowq.networks._perceptron import Perceptron
from skuowq.networks._split import split_classifier

COSTS = [np.random.RandomState(k).uniform(size=(k, 2)) for k in (3, 4)]


class Network(nn.Module):
    """A perceptron and the objective beside it, as they are trained together."""

    def __init__(self, objective):
        super().__init__()
        self.perceptron = Perceptron(5, 2, (6,))
        self.split = split_classifier(self.perceptron, torch.zeros(2, 5))
        self.objective = objective.build(self.split, torch.zeros(2, 5))
        self.features, self.classifier = self.perceptron.features, self.perceptron.head
        self.source_heads = self.objective.source_heads

    def loss(self, X, y, parts):
        def row_losses(outputs, y):
            return F.cross_entropy(outputs, y, reduction="none")

        return self.objective.loss(self.split, X, y, parts, row_losses)


def make(**options):
    torch.manual_seed(0)
    options = {
        "n_classes": 2,
        "n_source_classes": (3, 4),
        "costs": COSTS,
        "source_loss_weight": 0.7,
        "transport_weight": 0.4,
        "reg": 0.2,
        "transport_to": "predictions",
    } | options
    return Network(JointObjective(**options))


def batch():
    rng = torch.Generator().manual_seed(0)
    X = torch.randn(9, 5, generator=rng)
    y = torch.tensor([0, 1, 1, 2, 0, 3, 1, 2, 1])
    parts = BatchParts(
        n_target=3,
        n_unlabeled=0,
        weight=torch.tensor([1.0, 2.0, 0.5, 1.0, 1.5, 0.5, 1.0, 1.0, 2.0]),
        plays=torch.ones(9),
        source=torch.tensor([0, 0, 1, 1, 0, 1]),
        shares=torch.tensor([0.25, 0.75]),
        size_ratio=0.5,
        strength=1.0,
    )
    return X, y, parts


@pytest.mark.parametrize("transport_to", ["predictions", "labels"])
def test_the_loss_is_the_one_written_out(transport_to):
    network = make(transport_to=transport_to)
    X, y, parts = batch()
    loss, logits = network.loss(X, y, parts)
    Z, weight = network.features(X), parts.weight
    assert_allclose(logits.detach(), network.classifier(Z[:3]).detach())
    expected = sum(weight[i] * F.cross_entropy(logits[i], y[i]) for i in range(3)) / 3
    for j in range(3, 9):
        head = network.source_heads[parts.source[j - 3]]
        expected = expected + 0.7 * weight[j] * F.cross_entropy(head(Z[j]), y[j]) / 6
    for i in range(3):
        for k, share in enumerate((0.25, 0.75)):
            p = network.source_heads[k](Z[i]).softmax(dim=0)
            cost = torch.tensor(COSTS[k], dtype=torch.float32)
            if transport_to == "labels":
                carried = p @ cost[:, y[i]]
            else:
                g = logits[i].softmax(dim=0)
                carried = transport_loss(p[None], g[None], cost, 0.2)[0]
            expected = expected + 0.4 * share * weight[i] * carried / 3
    assert_allclose(loss.item(), expected.item(), rtol=1e-3)


def test_the_targets_head_learns_nothing_from_the_transport():
    X, y, parts = batch()
    slopes = []
    for costs in (COSTS, None):
        network = make(costs=costs)
        loss, _ = network.loss(X, y, parts)
        loss.backward()
        slopes.append(network)
    ours, theirs = slopes
    assert_allclose(ours.classifier.weight.grad, theirs.classifier.weight.grad, atol=1e-7)
    assert not np.allclose(ours.features[1].weight.grad, theirs.features[1].weight.grad)


def test_equal_costs_and_weights_of_0_teach_nothing():
    X, y, parts = batch()
    slopes = []
    for options in (
        {"costs": None},
        {"costs": [np.ones((3, 2)), np.ones((4, 2))]},
        {"transport_weight": 0.0},
    ):
        network = make(**options)
        network.loss(X, y, parts)[0].backward()
        slopes.append(network.features[1].weight.grad)
    assert_allclose(slopes[1], slopes[0], atol=1e-6)
    assert_allclose(slopes[2], slopes[0], atol=1e-6)
    network = make(source_loss_weight=0.0, costs=None)
    network.loss(X, y, parts)[0].backward()
    assert all(head.weight.grad is None for head in network.source_heads)


def test_terms_after_the_training():
    """A trained net's terms, each from its head's own predictions."""
    rng = np.random.RandomState(0)

    def domain(n, n_classes):
        y = np.append(np.arange(n_classes), rng.randint(n_classes, size=n - n_classes))
        return Domain(rng.normal(size=(n, 5)), y, rng.uniform(0.5, 2, size=n))

    target, sources = domain(12, 2), [domain(1100, 3), domain(9, 4)]
    objective = JointObjective(n_classes=2, n_source_classes=(3, 4), costs=COSTS)
    net = train_aligned(
        make_perceptron((6,), max_epochs=1, batch_size=500),
        target,
        sources,
        [np.ones(len(source.y)) for source in sources],
        [1.0, 1.0],
        objective=objective,
        seed=0,
    )
    terms = joint_terms(net, target, sources)
    p = predict_proba(net, target.X)
    losses = -np.log(p[np.arange(12), target.y])
    assert_allclose(terms.target_loss, np.average(losses, weights=target.sample_weight), rtol=1e-5)
    Z = [
        torch.tensor(predict_features(net, part.X)).float().to(DEVICE)
        for part in [target, *sources]
    ]
    for k, head in enumerate(net.objective_.source_heads):
        with torch.no_grad():
            y = torch.tensor(sources[k].y, device=DEVICE)
            losses = F.cross_entropy(head(Z[k + 1]), y, reduction="none").cpu()
            q, g = head(Z[0]).softmax(dim=1).cpu(), torch.tensor(p).float()
            carried = transport_loss(q, g, torch.tensor(COSTS[k]).float(), 0.1)
        weight = sources[k].sample_weight
        assert_allclose(terms.source_losses[k], np.average(losses, weights=weight), rtol=1e-5)
        expected = np.average(carried, weights=target.sample_weight)
        assert_allclose(terms.transport[k], expected, rtol=1e-4)
