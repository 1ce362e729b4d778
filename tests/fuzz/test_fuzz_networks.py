"""Networks: the estimators that train one, and the functions of `skuowq.networks`.

In ``make test`` a few examples of a few epochs each; as the tests say, fewer in ``make test-fuzz``
as well where one example is several trainings.
"""

import pytest

pytest.importorskip("torch")

import inspect

import numpy as np
import torch
from fuzz_harness import assert_probabilities, fuzz, outcome
from fuzz_strategies import SEEDS, as_given, problems, with_bad
from hypothesis import strategies as st
from nets import DEVICE, MLP, make_net
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNetClassifier
from test_fuzz_estimators import check_classifier, check_weighed
from torch.utils.data import Subset, TensorDataset

from skuowq import (
    DiscriminatorGateClassifier,
    JTLNClassifier,
    OT3LClassifier,
    UOWQClassifier,
    networks,
)
from skuowq._data.domains import Domain
from skuowq.rules import Debiased, PlugIn, Reml

ARGUMENTS = {
    name
    for kind in (UOWQClassifier, DiscriminatorGateClassifier, JTLNClassifier, OT3LClassifier)
    for method in (kind, kind.fit)
    for name in inspect.signature(method).parameters
} - {"self"}
# Parameters of nets and alignments.
ARGUMENTS |= {"batch_size", "lr", "weight", "labels"}

small = problems(most_rows=12, containers=("array", "array", "list", "frame", "float32"))


class Dropped(MLP):
    """With dropout; without batch norm, as torch refuses batches of one row, whoever makes them."""

    def forward(self, X):
        return self.head(torch.nn.functional.dropout(self.body(X), 0.3, self.training))


def fitted_or_refused(clf, problem):
    def fit():
        fitted = clf.fit(
            problem.X, problem.y, as_given(problem.sources), sample_weight=problem.sample_weight
        )
        check_classifier(fitted, problem)
        return fitted

    return outcome(fit, ARGUMENTS, hard=problem.hard, refuses=lambda: plain_fit(problem))


def plain_fit(problem):
    """scikit-learn's words for X and y that are not in order."""
    LogisticRegression().fit(problem.X, problem.y, sample_weight=problem.sample_weight)


def fits(net, problem):
    """The net with an input for each column of the target and an output for each class."""
    shape = {
        "module__n_features": np.shape(problem.X)[1],
        "module__n_classes": len(problem.classes),
    }
    return net.set_params(**shape)


def net(module, optimizer, lr, batch_size):
    return make_net(
        module, optimizer=optimizer, lr=lr, batch_size=batch_size, max_epochs=1, callbacks=[]
    )


nets = st.builds(
    net,
    st.sampled_from([MLP, MLP, Dropped]),
    st.sampled_from([torch.optim.Adam, torch.optim.SGD]),
    st.sampled_from([0.01, 0.1, 10.0]),
    st.sampled_from([1, 4, 128, -1]),
)


def rule_of(name, parameters, updates):
    """What `discrepancy=` takes; REML has no choice of parameters."""
    every = 1 if parameters == "all" else None
    return {
        "reml": Reml(updates),
        "debiased": Debiased(parameters),
        "plugin": PlugIn(updates, parameters, every),
    }[name]


@fuzz(
    examples=25,
    deep=5_000,
    problem=small,
    net=nets,
    rule=st.sampled_from(["reml", "reml", "plugin", "debiased"]),
    parameters=st.sampled_from(["head", "head", "all"]),
    cap=st.sampled_from([None, 0.0, 0.5]),
    updates=st.integers(0, 1),
)
def test_uowq_networks(problem, net, rule, parameters, cap, updates):
    """25 examples in ``make test``, 5,000 in ``make test-fuzz``: up to fourteen trainings each."""
    clf = UOWQClassifier(
        fits(net, problem),
        discrepancy=rule_of(rule, parameters, updates),
        max_weight=cap,
        random_state=0,
    )
    fitted = fitted_or_refused(clf, problem)
    if fitted is not None:
        check_weighed(fitted, problem)


training = {
    "max_epochs": st.integers(1, 2),
    "batch_size": st.sampled_from([1, 4, 64, -1]),
    "lr": st.sampled_from([1e-3, 0.1, 10.0]),
    "optimizer": st.sampled_from([torch.optim.Adam, torch.optim.SGD]),
}


def perceptron(sizes=(3,), **options):
    return networks.make_perceptron(sizes, device="cpu", **options)


@fuzz(
    examples=25,
    deep=5_000,
    problem=small,
    alignment=with_bad(st.sampled_from(["auto", *networks.ALIGNMENTS])),
    weight=st.sampled_from([None, 0.0, 1.0, 1e3]),
    labels=with_bad(st.sampled_from(["both", "joint", "marginal"])),
    gate=st.sampled_from([True, False, "online"]),
    trust=st.sampled_from([0.0, 1.0, 10.0]),
    clip=with_bad(st.sampled_from([1e-3, 20.0])),
    unlabeled=st.booleans(),
    options=st.fixed_dictionaries(training),
    net=st.one_of(st.none(), nets),
)
def test_gated_networks(
    problem, alignment, weight, labels, gate, trust, clip, unlabeled, options, net
):
    """25 examples in ``make test``, 5,000 in ``make test-fuzz``: a tenth of a second each."""
    net = perceptron(**options) if net is None else fits(net, problem)
    if weight is not None and alignment in list(networks.ALIGNMENTS):
        kind = networks.ALIGNMENTS[alignment]
        adversarial = issubclass(kind, networks.DANN)
        alignment = kind(weight, **({"labels": labels} if adversarial else {}))
    clf = DiscriminatorGateClassifier(
        net, alignment=alignment, gate=gate, trust=trust, clip=clip, random_state=0
    )

    def fit():
        extra = {"X_unlabeled": problem.X_new} if unlabeled else {}
        sources = as_given(problem.sources)
        fitted = clf.fit(
            problem.X, problem.y, sources, sample_weight=problem.sample_weight, **extra
        )
        check_classifier(fitted, problem)
        Z = fitted.transform(problem.X_new)
        assert len(Z) == 5
        assert np.isfinite(Z).all()
        return fitted

    fitted = outcome(fit, ARGUMENTS, hard=problem.hard, refuses=lambda: plain_fit(problem))
    if fitted is not None:
        assert all(np.isfinite(part).all() for part in fitted.gate_weights_)


@fuzz(
    examples=12,
    deep=2_000,
    problem=problems(most_rows=12, min_sources=1, containers=("array", "list", "float32")),
    alignment=with_bad(st.sampled_from(["auto", *networks.ALIGNMENTS])),
    gate=st.sampled_from([True, False, "plausibility", "interactions", "online"]),
    gate_labels=st.booleans(),
    trust=st.sampled_from(["auto", "cv", 0.0, 1.0]),
    classes=st.sampled_from(["union", "union", "target"]),
    options=st.fixed_dictionaries(training),
)
def test_gated_networks_without_labels(problem, options, **parameters):
    """12 examples in ``make test``, 2,000 in ``make test-fuzz``: a tenth of a second each."""
    clf = DiscriminatorGateClassifier(perceptron(**options), random_state=0, **parameters)

    def fit():
        fitted = clf.fit(problem.X, None, as_given(problem.sources))
        check_classifier(fitted, problem)
        return fitted

    fitted = outcome(fit, ARGUMENTS, hard=problem.hard, refuses=lambda: plain_fit(problem))
    if fitted is not None:
        assert all(np.isfinite(part).all() for part in fitted.gate_weights_)
        assert np.isin(fitted.classes_, np.concatenate([y for _, y, _ in problem.parts])).all()


@fuzz(examples=4, deep=500, problem=problems(most_rows=10, min_sources=1, containers=("array",)))
def test_gated_networks_by_cross_validation(problem):
    """4 examples in ``make test``, 500 in ``make test-fuzz``: eleven trainings each, and more."""
    clf = DiscriminatorGateClassifier(perceptron(max_epochs=1), random_state=0)
    fitted = fitted_or_refused(clf, problem)
    if fitted is not None:
        assert np.isfinite(fitted.trust_).all()


@fuzz(
    "JTLNClassifier",
    examples=40,
    deep=5_000,
    problem=small,
    loss_weight=with_bad(st.sampled_from([0.0, 1.0, 1e3])),
    transport_weight=with_bad(st.sampled_from([0.0, 1.0, 1e3])),
    cost=st.sampled_from(["mmd", "gaussian", "exact", "sinkhorn", "none such", np.ones((2, 2))]),
    reg=with_bad(st.sampled_from([1e-3, 0.1, 10.0])),
    to=st.sampled_from(["predictions", "labels"]),
    options=st.fixed_dictionaries(training),
)
def test_joint_networks(problem, loss_weight, transport_weight, cost, reg, to, options):
    """40 examples in ``make test``, 5,000 in ``make test-fuzz``."""
    clf = JTLNClassifier(
        perceptron(**options),
        source_loss_weight=loss_weight,
        transport_weight=transport_weight,
        cost=cost,
        reg=reg,
        transport_to=to,
        random_state=0,
    )
    fitted = fitted_or_refused(clf, problem)
    if fitted is not None and fitted.transport_cost_ is not None:
        assert all(np.isfinite(C).all() for C in fitted.transport_cost_)


@fuzz(
    examples=40,
    deep=5_000,
    problem=small,
    net=nets,
    strategy=st.sampled_from(["mixed", "far", "near", "uniform", "stratified"]),
    budget=st.sampled_from([None, 3, 10]),
    layers=st.sampled_from([None, 1, 2, 9]),
    distance=st.sampled_from(["gaussian", "exact", "sinkhorn", "mmd"]),
)
def test_tuned_networks(problem, net, strategy, budget, layers, distance):
    """40 examples in ``make test``, 5,000 in ``make test-fuzz``."""
    fitted_or_refused(
        OT3LClassifier(
            fits(net, problem),
            strategy=strategy,
            budget=budget,
            n_tuned_layers=layers,
            distance=distance,
            random_state=0,
        ),
        problem,
    )


@st.composite
def domains(draw):
    """A target and up to two sources as the estimators hand them to `skuowq.networks`."""
    rng = np.random.RandomState(draw(SEEDS))
    p, c = draw(st.integers(1, 3)), draw(st.integers(2, 3))

    def domain():
        n = draw(st.integers(c, 9))
        X = rng.normal(size=(n, p)).astype(draw(st.sampled_from([np.float64, np.float32])))
        y = np.append(np.arange(c), rng.randint(c, size=n - c))
        return Domain(X, y, 10.0 ** rng.uniform(-1, 1, size=n))

    return domain(), [domain() for _ in range(draw(st.integers(0, 2)))], c


class Nearest(networks.DistanceAlignment):
    """Features that are near to the nearest of the others."""

    def distance(self, first, second):
        return torch.cdist(first, second).min(dim=1).values.mean()


def module_of(name, p, c):
    torch.manual_seed(0)
    linear = torch.nn.Linear(p, c)
    return {
        "linear": linear,
        "mlp": MLP(p, c, 4),
        "dropped": Dropped(p, c, 4),
        "softmax": torch.nn.Sequential(linear, torch.nn.Softmax(dim=1)),
    }[name]


@fuzz(
    "networks.train_weighted",
    "networks.as_inputs",
    "networks.predict_proba",
    "networks.head_inputs",
    "networks.layers_in_order",
    "networks.module_features",
    "networks.state_with_head",
    "networks.state_with_outputs",
    examples=120,
    deep=5_000,
    drawn=domains(),
    name=st.sampled_from(["linear", "mlp", "dropped", "softmax"]),
    weights=st.lists(st.sampled_from([0.0, 1e-6, 1.0, 1e3]), min_size=2, max_size=2),
    batch_size=st.sampled_from([2, 4, 128, -1]),
    epoch_rows=st.sampled_from([0, 20]),
    seed=st.integers(0, 1000),
)
def test_training(drawn, name, weights, batch_size, epoch_rows, seed):
    """120 examples in ``make test``, 5,000 in ``make test-fuzz``: a training each."""
    target, sources, c = drawn
    p = target.X.shape[1]
    criterion = torch.nn.NLLLoss if name == "softmax" else torch.nn.CrossEntropyLoss
    base = NeuralNetClassifier(
        module_of(name, p, c),
        criterion=criterion,
        max_epochs=1,
        batch_size=batch_size,
        train_split=None,
        lr=0.01,
        callbacks=[],
        device=DEVICE,
    )
    sources = [Domain(s.X.astype(target.X.dtype), s.y, s.sample_weight) for s in sources]

    def train():
        return networks.train_weighted(
            base, target, sources, weights[: len(sources)], seed=seed, epoch_rows=epoch_rows
        )

    trained = outcome(train, [], valid=True)
    P = networks.predict_proba(trained, target.X)
    assert_probabilities(P, len(target.y), c)
    X = networks.as_inputs(trained, target.X)
    assert len(X) == len(target.y)
    (Z,) = networks.head_inputs(trained, [X])
    assert np.isfinite(Z).all()
    assert networks.layers_in_order(trained, X[:2])
    assert np.isfinite(networks.module_features(trained.module_, target.X)).all()
    head = networks.state_with_head(trained, X, np.arange(c), np.ones((c, Z.shape[1])), np.zeros(c))
    other = networks.state_with_outputs(trained, X, np.array([c - 1]), c)
    for state in (head, other):
        assert set(state) == set(trained.module_.state_dict())
        assert all(torch.isfinite(value.double()).all() for value in state.values())


@fuzz(
    "networks.train_aligned",
    "networks.online_odds",
    "networks.joint_terms",
    "networks.predict_features",
    "networks.GatedObjective",
    "networks.JointObjective",
    "networks.alignment_of",
    "networks.ALIGNMENTS",
    "networks.Alignment",
    "networks.AlignmentPart",
    "networks.DistanceAlignment",
    "networks.DANN",
    "networks.DAN",
    "networks.DCORAL",
    "networks.ADDA",
    "networks.PADA",
    "networks.GTA",
    examples=30,
    deep=5_000,
    drawn=domains(),
    alignment=st.sampled_from(
        [None, *networks.ALIGNMENTS, networks.Alignment(), Nearest(2.0), networks.DANN(1.0)]
    ),
    trust=st.lists(st.sampled_from([0.0, 1.0, 5.0]), min_size=2, max_size=2),
    joint=st.booleans(),
    online=st.sampled_from([0.0, 0.5, 1.0]),
    unlabeled=st.booleans(),
    labelled=st.sampled_from([True, True, False]),
    to=st.sampled_from(["predictions", "labels"]),
)
def test_aligned_training(drawn, alignment, trust, joint, online, unlabeled, labelled, to):
    """30 examples in ``make test``, 5,000 in ``make test-fuzz``: ten batches each."""
    target, sources, c = drawn
    k = len(sources)
    if joint:
        costs = [np.ones((c, c)) - np.eye(c)] * k
        objective = networks.JointObjective(c, (c,) * k, costs, transport_to=to)
    else:
        alignment = networks.alignment_of(alignment)
        objective = networks.GatedObjective(alignment, c, max(k, 1), online=online)
    base = perceptron(lr=0.01, max_epochs=1, batch_size=4)
    rows = target.X[:3] if unlabeled and not joint else None
    gated = [np.ones(len(s.y)) for s in sources]

    def train():
        return networks.train_aligned(
            base,
            target,
            sources,
            gated,
            trust[:k],
            rows,
            objective=objective,
            seed=0,
            labelled=labelled,
        )

    valid = labelled or (not joint and any(trust[:k]))
    trained = outcome(train, ["labelled", "trust", "objective"], valid=valid)
    assert (trained is not None) == valid
    if not valid:
        return
    assert_probabilities(networks.predict_proba(trained, target.X), len(target.y), c)
    assert networks.predict_features(trained, target.X).shape == (len(target.y), 3)
    if joint:
        terms = networks.joint_terms(trained, target, sources)
        found = [terms.target_loss, *terms.source_losses, *terms.transport]
        assert len(found) == 1 + 2 * k
        assert np.isfinite(found).all()
        assert min(found[: 1 + k]) >= 0
    if not joint and online and k:
        odds = networks.online_odds(trained, sources[0].X, sources[0].y, 0)
        assert odds.shape == (len(sources[0].y),)
        assert np.isfinite(odds).all()
        assert odds.min() >= 0


@fuzz(
    "networks.make_perceptron",
    drawn=domains(),
    sizes=st.lists(st.integers(-1, 5), max_size=2),
    lr=st.sampled_from([1e-3, 0.1]),
)
def test_perceptron(drawn, sizes, lr):
    target, _, c = drawn
    good = len(sizes) > 0 and min(sizes, default=0) > 0

    def fit():
        net = perceptron(tuple(sizes), max_epochs=1, lr=lr, verbose=0)
        return net.fit(target.X.astype(np.float32), target.y)

    net = outcome(fit, ["hidden_layer_sizes"], valid=good)
    if net is not None:
        P = net.predict_proba(target.X.astype(np.float32))
        assert_probabilities(P, len(target.y), c)
        layers = [layer for layer in net.module_.features if isinstance(layer, torch.nn.Linear)]
        assert [layer.out_features for layer in layers] == sizes


@fuzz(
    "networks.transport_loss",
    seed=SEEDS,
    shape=st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
    reg=st.floats(-2, 2).map(lambda e: 10.0**e),
    sure=st.booleans(),
)
def test_transport_loss(seed, shape, reg, sure):
    torch.manual_seed(seed % 2**31)
    n, a, b = shape
    logits = torch.randn(n, a, requires_grad=True)
    p, g = (logits * (100 if sure else 1)).softmax(dim=1), torch.randn(n, b).softmax(dim=1)
    loss = networks.transport_loss(p, g, torch.rand(a, b), reg)
    assert loss.shape == (n,)
    assert torch.isfinite(loss).all()
    assert loss.min() >= -1e-3 * (1 + reg)
    loss.sum().backward()
    assert torch.isfinite(logits.grad).all()


@fuzz(
    "networks.extract_features",
    examples=60,
    deep=5_000,
    seed=SEEDS,
    shape=st.tuples(st.integers(0, 9), st.integers(1, 3), st.integers(1, 3)),
    dtype=st.sampled_from([np.float32, np.float64, np.uint8, np.float16]),
    bad=st.sampled_from([None, None, None, np.inf, np.nan]),
    batch_size=st.integers(-1, 12),
    order=st.lists(st.integers(0, 8), max_size=5),
)
def test_extracted_features(seed, shape, dtype, bad, batch_size, order):
    """60 examples in ``make test``, 5,000 in ``make test-fuzz``."""
    X = np.random.RandomState(seed % 2**31).uniform(0, 9, size=shape).astype(dtype)
    if bad is not None and X.size and X.dtype.kind == "f":
        X[-1, -1, -1] = bad
    dataset = TensorDataset(torch.tensor(X), torch.zeros(len(X)))
    order = [place for place in order if place < len(X)]
    if order:
        dataset, X = Subset(dataset, order), X[order]

    def extract():
        return networks.extract_features(dataset, torch.nn.Flatten(), batch_size=batch_size)

    finite = bool(np.isfinite(X).all())
    good = len(X) > 0 and batch_size > 0 and finite
    found = outcome(extract, ["dataset", "batch_size", "row"], valid=good)
    assert (found is not None) == good
    if good:
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, X.reshape(len(X), -1), rtol=1e-6)
