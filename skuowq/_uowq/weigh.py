"""The one algorithm: weights and weighted fit in turn, until no weight moves; then the judgement.

It knows neither what the domains are compared by, which is the model's affair, nor how far a
contrast says that a source is, which is the rule's.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skuowq._held_out.evidence import candidate_weights, posterior_mean, stands
from skuowq.rules import Rule, Sizes
from skuowq.weights.checked import FactorForm, averaged_weights, weights_record

from .weighing import ModelFit, Weighing

# Updates end early once no weight moves by more than this.
SETTLED = 3e-2
# Of a cosine; steps that are at right angles have one by chance.
_ROUNDING = 1e-6
# Squared contrasts above, beside which nothing counts; their own squares are numbers still.
_INFINITELY_FAR = 1e50


class DomainModel(Protocol):
    """A statistical model in which sources are compared with the target.

    Attributes
    ----------
    sizes : Sizes
    start : ndarray of shape (n_sources,)
        Weights of the first fit. A weight is of a row with the target's information.
    """

    sizes: Sizes
    start: NDArray

    def contrasts(self, weights: NDArray) -> tuple[NDArray, float]:
        """The fit with these weights, and what it says: ``S`` and ``d``.

        Returns
        -------
        contrast_gram : ndarray of shape (n_sources, n_sources) or None
            None for a rule that reads no contrasts.
        n_parameters : float
        """

    def can_hold_out(self) -> bool:
        """Whether any rows of the target can be held out."""

    def held_out_loss(self, weights: NDArray) -> float:
        """Loss of the target's rows, each under a fit that has not seen it, in nats in all."""

    def second_opinion(self) -> DomainModel | None:
        """A model that compares the same domains in another way, or None."""

    def finish(self, weights: NDArray) -> ModelFit:
        """What the model knows at the final weights, beyond them: its attributes."""


def weigh(
    model: DomainModel,
    rule: Rule,
    *,
    max_weight: float | None,
    solver: str | None,
    report: Callable,
) -> Weighing:
    """Find weights at which the fit with them gives them again.

    Parameters
    ----------
    model : DomainModel
    rule : Rule
    max_weight, solver
        As in :func:`skuowq.weights.solve_source_weights`.
    report : callable
        Called with the `SourceWeights` of the first weighing and of each update.

    Returns
    -------
    weighing : Weighing
    """
    sizes, unit = model.sizes, model.sizes.row_information
    solving = {"max_weight": max_weight, "solver": solver}

    def tell(weights, gap):
        report(weights_record(weights * unit, sizes.n_rows, gap))

    found = _settle(model, rule, solving, tell)
    current, history, kept = found.weights, [w * unit for w in found.history], None
    if rule.cross_validates:
        if model.can_hold_out():
            # The plug-in takes the target's own noise for distance: no source weighs much by it.
            cautious, _ = _solved([found.first_gram], [1.0], sizes, solving)
            other = model.second_opinion()
            second = None if other is None else _settle(other, rule, solving).weights
            current = supported(model, current, cautious.source_weights, max_weight, second)
            theory = found.weights @ sizes.n_samples
            kept = float(current @ sizes.n_samples / theory) if theory > 0 else None
        history.append(current * unit)
    return Weighing(
        weights=weights_record(current * unit, sizes.n_rows, found.gap),
        discrepancy=found.discrepancy,
        std_error=rule.std_error(found.discrepancy, sizes, found.n_parameters),
        n_parameters=float(found.n_parameters),
        history=np.array(history),
        sizes=sizes,
        model=model.finish(current),
        kept=kept,
    )


@dataclass(frozen=True)
class _Settled:
    """Weights at which the fit with them gives them again, and how they came about."""

    weights: NDArray
    gap: float
    discrepancy: NDArray
    n_parameters: float
    first_gram: NDArray | None
    history: list


def _settle(model, rule, solving, tell=lambda weights, gap: None):
    """Weights and weighted fit in turn, until no weight moves."""
    sizes = model.sizes
    current = previous = model.start
    first_gram, history, swings = None, [], False
    for update in range(rule.n_updates + 1):
        contrast_gram, d = model.contrasts(current)
        contrast_gram = _in_range(contrast_gram)
        first_gram = contrast_gram if first_gram is None else first_gram
        candidates = checked_candidates(rule, contrast_gram, sizes, d)
        result, discrepancy = _solved(*candidates, sizes, solving)
        found = result.source_weights
        settled = _is_settled(found, current, sizes)
        # Weights that swing look too low from above and too high from below. Separate fits do not.
        swinging = update > 1 and _turns_back(found - current, current - previous)
        swings = swings or (rule.measure == "scores" and swinging)
        if swings and not settled:
            found = (found + current) / 2
        previous, current = current, found
        history.append(current)
        tell(current, result.gap)
        if settled:
            break
    return _Settled(current, result.gap, discrepancy, d, first_gram, history)


def _solved(discrepancies, belief, sizes, solving):
    return averaged_weights(discrepancies, belief, sizes.n_target, sizes.n_samples, **solving)


def _is_settled(found, current, sizes):
    """Whether no weight has moved, neither that of a row nor that of a source among all rows.

    Of very many rows each weighs next to nothing, and all together may decide.
    """
    moved = np.abs(found - current)
    total = sizes.n_independent + current @ sizes.n_samples
    return max(moved.max(), np.max(moved * sizes.n_samples) / total) <= SETTLED


def _turns_back(step, last):
    """Whether a step undoes some of the last one, and not by rounding alone."""
    return step @ last < -_ROUNDING * np.linalg.norm(step) * np.linalg.norm(last)


def _in_range(contrast_gram):
    """The contrasts, those that grow without bounds cut: of a target that tells next to nothing."""
    if contrast_gram is None or isinstance(contrast_gram, FactorForm):
        return contrast_gram
    own = np.diag(contrast_gram)
    if np.max(own, initial=0.0) <= _INFINITELY_FAR:
        return contrast_gram
    cut = np.sqrt(_INFINITELY_FAR / np.maximum(own, _INFINITELY_FAR))
    return cut[:, None] * contrast_gram * cut


def checked_candidates(rule, contrast_gram, sizes, n_parameters):
    """What a rule makes of the contrasts, checked: the rule may be a user's own."""
    discrepancies, belief = rule.candidates(contrast_gram, sizes, n_parameters)
    name, K = type(rule).__name__, len(sizes.n_rows)
    if not isinstance(discrepancies, list) or len(discrepancies) != len(belief):
        raise ValueError(
            f"{name}.candidates returned {reprlib.repr(discrepancies)} and "
            f"{reprlib.repr(belief)}: return a list of matrices, and as many beliefs"
        )
    if not (min(belief) >= 0 and abs(sum(belief) - 1) <= 1e-8):
        raise ValueError(
            f"{name}.candidates returned the beliefs {list(belief)}: they must be at least 0 and "
            "sum to 1"
        )
    for G in discrepancies:
        own = G.diagonal() if isinstance(G, FactorForm) else np.diag(G)
        # In factors no entry is larger than the diagonal's.
        entries = own if isinstance(G, FactorForm) else G
        if not (np.shape(G) == (K, K) and np.isfinite(entries).all() and own.min() >= 0):
            raise ValueError(
                f"{name}.candidates returned a discrepancy of shape {np.shape(G)} with numbers "
                f"from {np.min(G):.3g} to {np.max(G):.3g}: it must be a ({K}, {K}) matrix, "
                "finite and positive semidefinite"
            )
    return discrepancies, belief


def supported(model, weights, cautious_weights, max_weight=None, second=None):
    """Weights as far as the target's rows, held out, support them.

    The scores of a source that contradicts the target are bounded, so its discrepancy is
    underestimated where it is large. The theory says nothing of distances beyond ``1 / sqrt(N0)``.
    And it takes every direction for an independent witness, so differences between sources look
    more certain than they are. So other weights are tried beside these, none and equal ones among
    them; the answer is their mean by their evidence. Some rows can be held out.
    """
    sizes = model.sizes
    candidates = candidate_weights(
        weights, cautious_weights, sizes.n_target, sizes.n_samples, second
    )
    if max_weight is not None:
        candidates = {name: np.minimum(w, max_weight) for name, w in candidates.items()}
    losses = {}
    for name, candidate in candidates.items():
        if name == "equal mass" and stands(losses):
            return weights
        # Weights that are alike already are no other candidate.
        same = [known for known in losses if np.allclose(candidate, candidates[known], rtol=1e-3)]
        losses[name] = losses[same[0]] if same else model.held_out_loss(candidate)
    return posterior_mean(candidates, losses)
