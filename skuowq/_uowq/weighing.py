"""What was found about the sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from skuowq.rules import Sizes
from skuowq.weights import SourceWeights
from skuowq.weights.checked import error_of_rows, weights_record


@dataclass(frozen=True)
class Weighing:
    """Weights, and how they came about.

    Attributes
    ----------
    weights : SourceWeights
        Of source rows, a target row being 1.
    discrepancy : ndarray of shape (n_sources, n_sources)
    std_error : ndarray of shape (n_sources,)
        Of the own discrepancies.
    n_parameters : float
        ``d``: directions free of the penalty for "reml", all parameters otherwise.
    history : ndarray of shape (n_steps, n_sources)
        Source weights after every update, and after the target's rows have judged them.
    sizes : Sizes
    model : ModelFit
        What the model knows beyond the weights.
    kept : float or None
        Share of the theory's source weight that held-out rows of the target kept; None where none
        were held out.
    """

    weights: SourceWeights
    discrepancy: np.ndarray
    std_error: np.ndarray
    n_parameters: float
    history: np.ndarray
    sizes: Sizes
    model: ModelFit
    kept: float | None = None

    def with_weights(self, source_weights):
        """The same with other weights, as a further step of the history."""
        return replace(
            self,
            weights=weights_record(source_weights, self.sizes.n_rows, self.weights.gap),
            history=np.vstack([self.history, source_weights]),
        )

    def error(self, source_weights):
        """The theory's expected error of a fit with such weights."""
        sizes = self.sizes
        rows = source_weights * sizes.n_rows
        return float(
            error_of_rows(
                sizes.n_target, sizes.n_samples, rows, self.discrepancy, self.n_parameters
            )
        )

    def at_most(self, source_weights):
        """The same with weights that are at most these, in place of the last step."""
        bounded = np.minimum(self.weights.source_weights, source_weights)
        return replace(self, history=self.history[:-1]).with_weights(bounded)


class ModelFit(Protocol):
    """What a model knows beyond the weights."""

    def attributes(self, among_all: Callable) -> dict:
        """Public attributes; `among_all` puts values of sources where all sources have one."""


def nothing_to_weigh(n_target, n_parameters, model, history=None):
    """The weighing of no source at all."""
    return Weighing(
        weights=SourceWeights(np.zeros(0), np.zeros(0), 0.0, 0.0),
        discrepancy=np.zeros((0, 0)),
        std_error=np.zeros(0),
        n_parameters=float(n_parameters),
        history=np.zeros((1, 0)) if history is None else history,
        sizes=Sizes(n_target, np.zeros(0), np.zeros(0)),
        model=model,
    )


@dataclass(frozen=True)
class SoftmaxFit:
    """What softmax models know beyond the weights.

    Attributes
    ----------
    intercept_variance : float
        Of the domains' own intercepts; 0 where they have none.
    own_intercepts : ndarray of shape (1 + n_sources, n_classes - 1) or None
        The target's first, as contrasts between classes.
    theta : ndarray of shape (n_design_columns, n_classes - 1) or None
        The last weighted fit: effects, common and own intercepts.
    slope_variance : float
        Of the target's own effects beside the common ones, in standardised columns.
    centre, scale : ndarray of shape (n_columns,) or None
        What standardised the columns; None where they are standardised as they are given.
    """

    intercept_variance: float = 0.0
    own_intercepts: np.ndarray | None = None
    theta: np.ndarray | None = None
    slope_variance: float = 0.0
    centre: np.ndarray | None = None
    scale: np.ndarray | None = None

    def attributes(self, among_all):
        """Public attributes; `among_all` puts values of sources where all sources have one."""
        return {
            "intercept_variance_": self.intercept_variance,
            "slope_variance_": self.slope_variance,
        }


@dataclass(frozen=True)
class LinearFit:
    """What the Gaussian linear model knows beyond the weights.

    Attributes
    ----------
    noise_variance : ndarray of shape (1 + n_sources,)
        Of every domain, the target's first.
    levels : ndarray of shape (1 + n_sources,)
        Every domain's own level, the target's first.
    level_variance : float
    """

    noise_variance: np.ndarray
    levels: np.ndarray
    level_variance: float

    def attributes(self, among_all):
        """Public attributes; `among_all` puts values of sources where all sources have one."""
        of_all = {"noise_variance_": self.noise_variance, "levels_": self.levels}
        return {
            name: np.append(values[:1], among_all(values[1:], np.nan))
            for name, values in of_all.items()
        } | {"level_variance_": self.level_variance}
