"""`skuowq.plotting`: displays draw what they are given, or refuse it.

25 examples each in ``make test``, 1,000 in ``make test-fuzz``: a figure is laid out every time.
"""

import pytest

pytest.importorskip("matplotlib")

import inspect

import numpy as np
from fuzz_harness import fuzz, outcome
from fuzz_strategies import SEEDS
from hypothesis import strategies as st
from matplotlib.figure import Figure

from skuowq import plotting, theory
from skuowq.metrics import NegativeTransferGap

FEW = {"examples": 25, "deep": 1_000}
# No character that a font lacks: of those matplotlib warns.
characters = st.characters(min_codepoint=32, max_codepoint=126)
names = st.lists(st.text(characters, max_size=40), min_size=1, max_size=4, unique=True)
WRONG = st.sampled_from(["", "", "", "length"])


def draw(display, **options):
    """The display, drawn on axes of ours."""
    arguments = [*inspect.signature(type(display)).parameters, "ax", "curve", "results"]
    ax = Figure(figsize=(4, 3)).subplots()
    drawn = outcome(lambda: display.plot(ax=ax, **options), arguments)
    if drawn is not None:
        assert drawn is display
        assert drawn.ax_ is ax
        ax.figure.canvas.draw()
    return drawn


def weights(rng, shape):
    """From 0 to far above 1."""
    return rng.uniform(size=shape) ** 4 * 10.0 ** rng.randint(-8, 4) * rng.randint(2, size=shape)


@fuzz(
    "plotting.SourceWeightsDisplay",
    names=names,
    fits=st.none() | names,
    seed=SEEDS,
    wrong=WRONG,
    **FEW,
)
def test_source_weights(names, fits, seed, wrong):
    rng = np.random.RandomState(seed)
    shape = () if fits is None else (len(fits),)
    n = 10.0 ** rng.uniform(0, 9, size=(*shape, len(names)))
    w = weights(rng, (*shape, len(names) + (wrong == "length")))
    if fits is not None:
        w[rng.uniform(size=w.shape) < 0.3] = np.nan
    draw(
        plotting.SourceWeightsDisplay(
            source_weights=w,
            n_samples=n,
            names=names,
            n_target=10.0 ** rng.randint(0, 6, size=shape or None),
            fits=fits,
        )
    )


@fuzz(
    "plotting.WeightHistoryDisplay",
    names=names,
    fits=st.none() | names,
    seed=SEEDS,
    wrong=WRONG,
    **FEW,
)
def test_weight_history(names, fits, seed, wrong):
    rng = np.random.RandomState(seed)
    shape = () if fits is None else (len(fits),)
    history = weights(rng, (*shape, rng.randint(1, 6), len(names) + (wrong == "length")))
    history[..., rng.randint(6) :, rng.randint(history.shape[-1])] = np.nan
    draw(plotting.WeightHistoryDisplay(history=history, names=names, fits=fits))


@fuzz(
    "plotting.GateWeightsDisplay", names=names, seed=SEEDS, wrong=WRONG, known=st.booleans(), **FEW
)
def test_gate_weights(names, seed, wrong, known):
    rng = np.random.RandomState(seed)
    parts = [weights(rng, rng.randint(1, 50)) for _ in names]
    masks = [rng.uniform(size=part.size + (wrong == "length")) < 0.5 for part in parts]
    draw(
        plotting.GateWeightsDisplay(
            gate_weights=parts,
            names=names,
            trust=weights(rng, len(names)),
            perturbed=masks if known else None,
        )
    )


@fuzz("plotting.NegativeTransferDisplay", names=names, seed=SEEDS, **FEW)
def test_negative_transfer(names, seed):
    rng = np.random.RandomState(seed)
    gaps = rng.normal(size=(len(names), 3)) * 10.0 ** rng.randint(-6, 6)
    results = {
        name: NegativeTransferGap(
            gap=float(gap.mean()),
            std_error=float(gap.std()),
            interval=(float(gap.min()), float(gap.max())),
            confidence=0.95,
            gaps=gap,
            scores_with=gap,
            scores_without=gap,
            scoring="neg_log_loss",
        )
        for name, gap in zip(names, gaps, strict=True)
    }
    ax = Figure(figsize=(4, 3)).subplots()
    assert plotting.NegativeTransferDisplay.from_results(results, ax=ax).ax_ is ax


@fuzz(
    "plotting.TransferErrorDisplay",
    "plotting.BiasVarianceDisplay",
    "plotting.WeightCurveDisplay",
    along=st.sampled_from(["weight", "effective_size", "quantity"]),
    sizes=st.lists(st.floats(0, 9).map(lambda e: 10.0**e), min_size=1, max_size=3),
    tau=st.one_of(st.just(0.0), st.floats(-9, 4).map(lambda e: 10.0**e)),
    n_points=st.integers(2, 12),
    **FEW,
)
def test_curves(along, sizes, tau, n_points):
    G = np.full(len(sizes), tau)
    curve = theory.error_curve(20, sizes, G, 5, along=along, n_points=n_points)
    for display in (plotting.TransferErrorDisplay, plotting.BiasVarianceDisplay):
        ax = Figure(figsize=(4, 3)).subplots()
        outcome(lambda d=display, a=ax: d.from_curve(curve, ax=a), ["curve"], valid=True)
    ax = Figure(figsize=(4, 3)).subplots()
    moved = theory.weight_curve(sizes, G, n_points=n_points)
    outcome(lambda: plotting.WeightCurveDisplay.from_curve(moved, ax=ax), ["curve"], valid=True)


@fuzz("plotting.ValidationDisplay", names=names, seed=SEEDS, **FEW)
def test_validation(names, seed):
    rng = np.random.RandomState(seed)
    z = [rng.normal(size=rng.randint(1, 9)) * 10.0 ** rng.randint(-3, 4) for _ in names]
    draw(plotting.ValidationDisplay(z=z, names=names))


@fuzz(
    "plotting.ClassDistancesDisplay",
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    seed=SEEDS,
    named=st.booleans(),
    wrong=WRONG,
    **FEW,
)
def test_class_distances(shape, seed, named, wrong):
    rng = np.random.RandomState(seed)
    D = rng.uniform(size=shape) * 10.0 ** rng.randint(-12, 12)
    classes = [f"c{k}" for k in range(shape[0] + (wrong == "length"))] if named else None
    draw(plotting.ClassDistancesDisplay(distances=D, source_classes=classes))
