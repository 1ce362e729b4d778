"""The objective of the gated networks: against a transcription, and who learns from what."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from numpy.testing import assert_allclose
from reference import gate_loss
from torch import nn

from skuowq.networks import ALIGNMENTS, DANN, GatedObjective
from skuowq.networks._aligned_training import AlignedBatches, AlignedRows, BatchParts
from skuowq.networks._perceptron import Perceptron
from skuowq.networks._split import split_classifier
from skuowq.networks.alignments.dan import _BANDWIDTHS, squared_mmd

N, M, K = 5, 6, 8  # Rows of the target, unlabelled ones, source rows.
METHODS = ("dann", "dan", "dcoral", "adda", "pada", "gta")


class Network(nn.Module):
    """A perceptron and the objective beside it, as they are trained together."""

    def __init__(self, objective):
        super().__init__()
        self.perceptron = Perceptron(3, 3, (7, 4))
        self.classifier = split_classifier(self.perceptron, torch.zeros(2, 3))
        self.objective = objective.build(self.classifier, torch.zeros(2, 3))
        self.features, self.alignment = self.perceptron.features, self.objective.alignment
        self.discriminator = self.objective.discriminator

    def forward(self, X):
        return self.perceptron(X)

    def loss(self, X, y, parts):
        return self.objective.loss(self.classifier, X, y, parts, row_losses)

    def odds(self, X, y, source):
        return self.objective.odds(self.classifier, X, y, source)

    def begin_epoch(self, X, progress):
        self.objective.begin_epoch(self.classifier, X, progress)


def row_losses(outputs, y):
    return nn.functional.cross_entropy(outputs, y, reduction="none")


def make_network(method="dann", *, n_sources=1, **options):
    torch.manual_seed(0)
    alignment = None if method is None else ALIGNMENTS[method](weight=1.0)
    if isinstance(alignment, DANN):
        alignment.set_params(discriminator_size=5, labels=options.pop("labels", "both"))
    return Network(GatedObjective(alignment, 3, n_sources, **options)).double()


def make_batch(n_sources=1, strength=0.5, n_unlabeled=M, weight=None, **options):
    rng = np.random.RandomState(0)
    X = torch.tensor(rng.normal(size=(N + n_unlabeled + K, 3)))
    y = torch.tensor(rng.randint(3, size=len(X)))
    source = torch.tensor(np.arange(K) % n_sources)
    parts = BatchParts(
        n_target=N,
        n_unlabeled=n_unlabeled,
        weight=torch.ones(N + K) if weight is None else torch.tensor(weight),
        plays=torch.ones(N + K),
        source=source,
        shares=torch.full((n_sources,), 1 / n_sources),
        size_ratio=0.25,
        strength=strength,
        **options,
    )
    return X, y, parts


def probabilities(network, features, labels):
    one_hot = torch.eye(4, dtype=torch.float64)[labels]
    return torch.sigmoid(network.discriminator(features, one_hot)).detach().numpy()


def test_the_loss_is_the_one_written_out():
    network = make_network()
    rng = np.random.RandomState(1)
    weight = rng.uniform(0.5, 2.0, N + K)
    X, y, parts = make_batch(weight=weight)
    loss, logits = network.loss(X, y, parts)
    features = network.features(X)
    labels = torch.cat([y[:N], y[N + M :]])
    all_logits = network(torch.cat([X[:N], X[N + M :]]))
    assert_allclose(logits.detach(), all_logits.detach())
    losses = gate_loss.cross_entropy(all_logits.detach().numpy(), labels.numpy())
    expected = gate_loss.two_means(
        weight[:N] * losses[:N], losses[N:], weight[N:], np.zeros(K, dtype=int), [1.0]
    )
    nil = torch.full((M,), 3), torch.full((K,), 3)
    game = gate_loss.adversarial_objective(
        probabilities(network, features[N : N + M], nil[0])[:, 0],
        probabilities(network, features[N + M :], nil[1])[:, 0],
        probabilities(network, features[:N], y[:N])[:, 0],
        probabilities(network, features[N + M :], y[N + M :])[:, 0],
    )
    # The discriminator ascends the game, so its loss is minus that.
    assert_allclose(float(loss.detach()), expected - game, rtol=1e-10)


@pytest.mark.parametrize("online", [0.0, 1.0])
@pytest.mark.parametrize("method", METHODS)
def test_labels_that_the_target_lacks_are_not_read(method, online):
    found = []
    for shift in (0, 1, 2):
        network = make_network(method, online=online, gate_labels=False)
        X, y, parts = make_batch(n_unlabeled=0, labelled=False)
        y[:N] = (y[:N] + shift) % 3
        network.begin_epoch(X[:N], 0.6)
        torch.manual_seed(0)
        loss, _ = network.loss(X, y, parts)
        loss.backward()
        parameters = [p.grad for p in network.parameters() if p.grad is not None]
        found.append([loss.detach(), *parameters])
    for other in found[1:]:
        for first, second in zip(found[0], other, strict=True):
            assert_allclose(first, second, rtol=1e-9, atol=1e-12)


def test_without_labels_the_classification_is_the_sources_and_the_game_the_marginal_one():
    network = make_network()
    X, y, parts = make_batch(n_unlabeled=0, labelled=False)
    loss, logits = network.loss(X, y, parts)
    losses = gate_loss.cross_entropy(logits.detach().numpy()[N:], y[N:].numpy())
    of_target = probabilities(network, network.features(X[:N]), torch.full((N,), 3))
    of_source = probabilities(network, network.features(X[N:]), torch.full((K,), 3))
    game = np.log(of_target).mean() + np.log(1 - of_source).mean()
    assert_allclose(float(loss.detach()), losses.mean() - game, rtol=1e-6)


def test_online_odds_weigh_rows_and_get_no_gradient():
    network = make_network(None, online=1.0)
    X, y, parts = make_batch()
    theirs = network.features(X[N + M :])
    d = probabilities(network, theirs, y[N + M :])[:, 0]
    assert_allclose(network.odds(X[N + M :], y[N + M :], 0), d / (1 - d), rtol=1e-6)
    loss, logits = network.loss(X, y, parts)
    losses = gate_loss.cross_entropy(logits.detach().numpy(), torch.cat([y[:N], y[N + M :]]))
    expected = losses[:N].mean() + (d / (1 - d) * losses[N:]).mean()
    game = -np.log(probabilities(network, network.features(X[:N]), y[:N])).mean()
    game += -np.log(1 - d).mean()
    assert_allclose(float(loss.detach()), expected + game, rtol=1e-6)
    # The features learn from the classification alone, and the discriminator from its game alone.
    loss.backward()
    found = network.features[1].weight.grad.clone()
    network.zero_grad()
    _, logits = network.loss(X, y, parts)
    losses = nn.functional.cross_entropy(logits, torch.cat([y[:N], y[N + M :]]), reduction="none")
    (losses[:N].mean() + (torch.tensor(d / (1 - d)) * losses[N:]).mean()).backward()
    assert_allclose(found, network.features[1].weight.grad, rtol=1e-6)


@pytest.mark.parametrize("conditioning", ["both", "joint", "marginal"])
def test_features_climb_what_the_discriminator_descends(conditioning):
    network = make_network(labels=conditioning)
    X, y, parts = make_batch(strength=0.5)
    loss, _ = network.loss(X, y, parts)
    loss.backward()
    found = network.features[1].weight.grad.clone()
    of_discriminator = network.discriminator.hidden.weight.grad.clone()
    network.zero_grad()
    # By hand: classification plus, for the features, minus half of the discriminator's loss.
    features = network.features(X)
    ours, free, theirs = features[:N], features[N : N + M], features[N + M :]
    eye = torch.eye(4, dtype=torch.float64)

    def game(target, y_target, source, y_source):
        up = network.discriminator(target, eye[y_target])[:, 0]
        down = network.discriminator(source, eye[y_source])[:, 0]
        return nn.functional.softplus(-up).mean() + nn.functional.softplus(down).mean()

    total = 0.0
    if conditioning in ("both", "marginal"):
        nil = torch.full((M,), 3), torch.full((K,), 3)
        total = total + game(free, nil[0], theirs, nil[1])
    if conditioning in ("both", "joint"):
        total = total + game(ours, y[:N], theirs, y[N + M :])
    labelled = torch.cat([ours, theirs])
    losses = nn.functional.cross_entropy(
        network.perceptron.head(labelled), torch.cat([y[:N], y[N + M :]]), reduction="none"
    )
    clean = losses[:N].mean() + losses[N:].mean()
    (by_game,) = torch.autograd.grad(total, network.features[1].weight, retain_graph=True)
    (by_labels,) = torch.autograd.grad(clean, network.features[1].weight, retain_graph=True)
    (hidden,) = torch.autograd.grad(total, network.discriminator.hidden.weight)
    assert_allclose(found, by_labels - 0.5 * by_game, rtol=1e-8, atol=1e-12)
    assert_allclose(of_discriminator, hidden, rtol=1e-8, atol=1e-12)


def test_each_source_has_odds_of_its_own():
    network = make_network(n_sources=2, online=1.0)
    X, y, _ = make_batch(2)
    rows, labels = X[N + M :], y[N + M :]
    first, second = (network.odds(rows, labels, k) for k in (0, 1))
    assert not torch.allclose(first, second)
    loss, _ = network.loss(*make_batch(2))
    loss.backward()
    assert (network.discriminator.plain.weight.grad.abs().sum(dim=1) > 0).all()


def test_kernel_and_correlation_distances_are_those_written_out():
    rng = np.random.RandomState(0)
    first, second = rng.normal(size=(9, 4)), 1 + rng.normal(size=(7, 4))
    found = squared_mmd(torch.tensor(first), torch.tensor(second))
    assert_allclose(float(found), gate_loss.squared_mmd(first, second, _BANDWIDTHS), rtol=1e-10)
    network = make_network("dcoral")
    X, y, parts = make_batch(strength=1.0)
    features = network.features(X).detach().numpy()
    loss, _ = network.loss(X, y, parts)
    plain, _ = make_network(None).loss(X, y, parts)
    expected = gate_loss.coral(features[N : N + M], features[N + M :])
    assert_allclose(float((loss - plain).detach()), expected, rtol=1e-8)


def test_the_mean_discrepancy_of_one_distribution_is_0_on_average():
    generator = torch.Generator().manual_seed(0)
    values = [
        float(squared_mmd(*torch.randn(2, 15, 3, generator=generator, dtype=torch.float64)))
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20


@pytest.mark.parametrize("method", METHODS)
def test_at_strength_0_the_features_learn_from_labels_alone(method):
    """Whatever the method, and the more the further the training is."""
    X, _y, _ = make_batch()
    found = {}
    for strength in (0.0, 0.5):
        network = make_network(method)
        if method == "adda":
            network.begin_epoch(X, 0.5)
        loss, _ = network.loss(*make_batch(strength=strength))
        loss.backward()
        found[strength] = network.features[1].weight.grad
    # ADDA's source rows do not train the encoder from half way on.
    network = make_network("adda" if method == "adda" else None)
    if method == "adda":
        network.begin_epoch(X, 0.5)
    loss, _ = network.loss(*make_batch(strength=0.0))
    loss.backward()
    assert_allclose(found[0.0], network.features[1].weight.grad, atol=1e-12)
    assert not torch.allclose(found[0.5], found[0.0])


def test_adda_keeps_the_sources_encoder_from_half_way():
    network = make_network("adda")
    X, _y, _ = make_batch()
    assert network.alignment.source_classifier(network.classifier) is network.classifier
    assert network.alignment.is_idle()
    network.begin_epoch(X, 0.5)
    frozen = network.alignment.source_classifier(network.classifier)
    assert_allclose(frozen.features(X).detach(), network.features(X).detach())
    assert not network.alignment.is_idle()
    with torch.no_grad():
        network.features[1].weight.add_(1.0)
    before = frozen.features(X).detach()
    network.begin_epoch(X, 0.6)
    assert_allclose(frozen.features(X).detach(), before)
    assert not any(value.requires_grad for value in frozen.module.parameters())


def test_pada_weighs_classes_by_what_the_target_looks_like():
    network = make_network("pada")
    X, y, _parts = make_batch()
    network.begin_epoch(X, 0.0)
    assert_allclose(network.alignment.class_weight, 1.0)
    network.begin_epoch(X, 0.1)
    share = torch.softmax(network(X), dim=1).mean(dim=0).detach()
    assert_allclose(network.alignment.class_weight, share / share.max(), rtol=1e-6)
    assert_allclose(network.alignment.row_weight(y), (share / share.max())[y], rtol=1e-6)


def test_the_players_of_gta_learn_apart():
    network = make_network("gta")
    _X, _y, _ = make_batch()
    torch.manual_seed(0)
    loss, _ = network.loss(*make_batch(strength=0.0))
    loss.backward()
    critic = network.alignment.critic[0].weight.grad.clone()
    generator = network.alignment.generator[0].weight.grad.clone()
    network.zero_grad()
    torch.manual_seed(0)
    loss, _ = network.loss(*make_batch(strength=1.0))
    loss.backward()
    # What the features learn through them moves neither.
    assert_allclose(network.alignment.critic[0].weight.grad, critic, atol=1e-12)
    assert_allclose(network.alignment.generator[0].weight.grad, generator, atol=1e-12)


def test_odds_are_raw_or_balanced_and_clipped():
    X, y, parts = make_batch()
    network = make_network(online=1.0, clip=1.0)
    assert float(network.odds(X, y, 0).max()) <= 1.0
    raw = make_network(online=1.0, balanced=False)
    loss, _ = raw.loss(X, y, parts)
    balanced, _ = make_network(online=1.0).loss(X, y, parts)
    # A quarter as many target rows as source rows weigh a quarter in the raw discriminator.
    assert float(loss.detach()) < float(balanced.detach())


def make_rows(n_target=6, n_source=40, n_unlabeled=0, epoch_rows=0):
    n = n_target + n_source
    domain = torch.repeat_interleave(torch.tensor([0, 1]), torch.tensor([n_target, n_source]))
    rows = AlignedRows(
        torch.arange(n)[:, None].double(),
        torch.arange(n),
        torch.linspace(0.5, 2.0, n),
        domain,
        [1.0],
        epoch_rows,
    )
    rows.epoch_share = 1.0
    rows.counts = torch.ones(n)
    if n_unlabeled:
        rows.unlabeled = 1000.0 + torch.arange(n_unlabeled)[:, None]
    return rows


@pytest.mark.parametrize("n_unlabeled", [0, 9])
def test_batches_hold_target_unlabelled_and_source_rows(n_unlabeled):
    torch.manual_seed(0)
    rows = make_rows(n_unlabeled=n_unlabeled)
    batches = AlignedBatches(rows, 4)
    drawn = list(batches)
    assert len(drawn) == len(batches) == 10
    seen = []
    for number, (X, y) in enumerate(drawn):
        parts = y.parts
        assert (parts.n_target, parts.n_unlabeled) == (4, min(4, n_unlabeled))
        ours, theirs = X[:4, 0], X[4 + parts.n_unlabeled :, 0]
        assert (ours < 6).all()
        assert ((theirs >= 6) & (theirs < 1000)).all()
        assert (X[4 : 4 + parts.n_unlabeled] >= 1000).all()
        labelled = torch.cat([y[:4], y[4 + parts.n_unlabeled :]])
        assert_allclose(labelled, torch.cat([ours, theirs]))
        assert_allclose(parts.weight, rows.weight[labelled])
        assert_allclose(parts.strength, 2 / (1 + np.exp(-10 * number / 10)) - 1)
        seen.append(theirs)
    # Every source row once an epoch.
    assert sorted(torch.cat(seen).tolist()) == list(range(6, 46))


def test_an_epoch_is_as_long_without_the_sources():
    rows = make_rows(n_source=0, epoch_rows=400)
    assert len(AlignedBatches(rows, 4)) == 100
    assert len(AlignedBatches(make_rows(n_source=0), 64)) == 10
