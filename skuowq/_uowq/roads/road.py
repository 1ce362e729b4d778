"""What a road is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator

from skuowq._data.task import Task, read_task
from skuowq._uowq.weighing import Weighing
from skuowq._utils._base_estimator import array_checks
from skuowq._utils._progress import Progress
from skuowq.rules import Rule
from skuowq.weights.checked import check_solver

_READS = {"scores": "mean scores", "fits": "separately fitted parameters", None: "nothing"}


@dataclass(frozen=True)
class Options:
    """What the user asked for beside the estimator and the rule; as in :class:`UOWQClassifier`."""

    max_weight: float | None = None
    classes: str = "union"
    solver: str | None = None
    checkpoint: object = None
    own_levels: bool = True
    n_jobs: int | None = None
    random_state: object = None
    verbose: int = 0


class Road:
    """From a task to weights and a fitted estimator.

    Parameters
    ----------
    base : estimator
        Not changed.
    options : Options

    Attributes
    ----------
    labels : {"common", "numbers"}
        What the sources' labels are to the road; see :func:`read_task`.
    measures : tuple
        Contrasts that the road has for a rule to read; see :class:`skuowq.rules.Rule`.
    compares : str
        What has these contrasts, in words.
    remedy : str
        Which rules there are for them.
    takes_frames : bool
        Whether the estimator may see data frames.
    trains_epochs : bool
        Whether there are epochs that a checkpoint can keep.
    """

    labels: str = "common"
    measures: tuple[str | None, ...] = ("scores", "fits", None)
    compares: str = "these domains"
    remedy: str = "pass another rule"
    takes_frames: bool = True
    trains_epochs: bool = False

    def __init__(self, base: BaseEstimator, options: Options):
        self.base, self.options = base, options

    @classmethod
    def takes(cls, base: BaseEstimator, given: str, rule: Rule) -> bool:
        """Whether this road is for such an estimator, sources and rule.

        Parameters
        ----------
        base : estimator
        given : {"nothing", "rows", "elsewhere", "models"}
            Of the sources: none at all, the rows of all, rows of some that are elsewhere, or a
            model or record of some.
        rule : Rule
        """
        raise NotImplementedError

    def fit(self, task: Task, rule: Rule) -> tuple[Weighing, object]:
        """Weigh the sources, and fit.

        Parameters
        ----------
        task : Task
        rule : Rule

        Returns
        -------
        weighing : Weighing
        fitted : Plain, Stacked or Network
            Or another object with `attributes` and the methods that predict.
        """
        raise NotImplementedError

    def check(self, rule: Rule) -> None:
        """Refuse what the road cannot honour, and say which would."""
        if self.options.solver is not None:
            check_solver(self.options.solver)
        name = type(self.base).__name__
        if self.options.checkpoint is not None and not self.trains_epochs:
            raise ValueError(
                f"checkpoint={str(self.options.checkpoint)!r} saves the epochs of a network, and "
                f"{name} has none: leave it out, or pass a skorch net as estimator"
            )
        if rule.measure not in self.measures:
            raise ValueError(
                f"discrepancy={rule!r} reads contrasts of {_READS[rule.measure]}, which "
                f"{self.compares} do not have: {self.remedy}"
            )
        if rule.parameters == "all" and not self.trains_epochs:
            raise ValueError(
                f"parameters='all' compares all parameters of networks, and {name} is none: leave "
                "it out, or pass a skorch net as estimator"
            )

    def read(self, rows, sample_weight, sources, groups):
        """The task as this road sees it."""
        return read_task(
            rows, sample_weight, sources, groups, labels=self.labels, classes=self.options.classes
        )

    def checks(self):
        """What the estimator takes, as arguments of `check_array`."""
        return array_checks(self.base)

    def report(self, rule):
        """What prints a line for each weighing where the user asks for it."""
        n_weighings = rule.n_updates + 1
        progress = Progress("UOWQ", self.options.verbose, n_weighings, at_most=True)

        def report(weights):
            w = weights.source_weights
            listed = np.array2string(w, max_line_width=np.inf, precision=3, threshold=8)
            worth = f"{weights.effective_source_size:.4g}"
            progress(f"weights {listed}, sources worth {worth} target rows")

        return report

    def bounds(self, rule):
        """Arguments of `weigh`."""
        options = self.options
        return {
            "max_weight": options.max_weight,
            "solver": options.solver,
            "report": self.report(rule),
        }
