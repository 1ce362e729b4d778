"""A pipeline whose steps transform the sources as they transform the target."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self

import joblib
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch
from sklearn.utils.metadata_routing import get_routing_for_object, process_routing
from sklearn.utils.validation import _num_samples

from skuowq._data.types import Matrix, SourcesLike

from ._data.bind_sources import BindSourcesMixin
from ._data.sources import as_sources
from ._data.task import pooled_rows
from ._utils._sklearn import (
    StrOptions,
    _fit_context,
    _name_estimators,
    _print_elapsed_time,
    _routing_enabled,
)

__all__ = ["TransferPipeline", "make_transfer_pipeline"]


class TransferPipeline(BindSourcesMixin, Pipeline):
    """Pipeline that applies its transformers to the target and to every source.

    scikit-learn's `Pipeline` transforms X and hands fit parameters on as they came, so a scaler
    would scale the target and leave the sources raw. This one is a `Pipeline` in everything else:
    grid search, ``clone``, ``set_output``, column transformers, calibration and stacking work.

    Parameters
    ----------
    steps : list of (str, estimator)
        Transformers and, last, an estimator whose ``fit`` takes ``sources``.
    fit_on : {"target", "pooled"}, default="target"
        The rows on which the transformers are fitted: the target's, or those of all domains.
        With very few target rows "pooled" gives steadier transformers, at the cost of letting
        the sources decide what is, say, a standard deviation. Every row counts once there, but
        those of weight 0 not at all.
    transform_input : list of str, default=None
        As in `Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        Caches the fitted transformers.
    verbose : bool, default=False
        Prints the time of every step.

    See Also
    --------
    make_transfer_pipeline : Names the steps by itself.

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skuowq import TransferPipeline, UOWQClassifier
    >>> from skuowq.datasets import make_classification_tasks
    >>> tasks = make_classification_tasks(random_state=0)
    >>> model = TransferPipeline([("scale", StandardScaler()), ("uowq", UOWQClassifier())])
    >>> model = model.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    >>> model["uowq"].source_weights_.shape
    (3,)
    """

    _parameter_constraints = {  # noqa: RUF012
        **Pipeline._parameter_constraints,
        "fit_on": [StrOptions({"target", "pooled"})],
    }

    def __init__(
        self,
        steps: Sequence[tuple[str, BaseEstimator]],
        *,
        fit_on: str = "target",
        transform_input: Sequence[str] | None = None,
        memory: str | joblib.Memory | None = None,
        verbose: bool = False,
    ) -> None:
        super().__init__(steps, transform_input=transform_input, memory=memory, verbose=verbose)
        self.fit_on = fit_on

    def __getitem__(self, ind):
        part = super().__getitem__(ind)
        return part.set_params(fit_on=self.fit_on) if isinstance(ind, slice) else part

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Matrix,
        y: ArrayLike | None = None,
        sources: SourcesLike | None = None,
        X_unlabeled: Matrix | None = None,
        **params: Any,
    ) -> Self:
        """Fit the transformers, transform target and sources, fit the last step.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows of the target.
        y : array-like of shape (n_samples,)
            Labels of the target.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns. None fits an ordinary pipeline.
        X_unlabeled : array-like or DataFrame, default=None
            Rows of the target without labels, for a last step that takes them; transformed, too.
        **params : dict
            Parameters of the steps' ``fit``, as in `Pipeline`.

        Returns
        -------
        self : TransferPipeline
        """
        sources = self._sources_of_fit(sources, params, _num_samples(X))
        if X_unlabeled is None and self.steps:
            X_unlabeled = params.pop(f"{self.steps[-1][0]}__X_unlabeled", None)
        if sources is None and X_unlabeled is None:
            return super().fit(X, y, **params)
        self._validate_steps()
        self._check_last_step("sources" if X_unlabeled is None else "X_unlabeled")
        head_params, last_params = self._split_params(params)
        X = self._fit_head(X, y, sources, head_params)
        if sources is not None:
            sources = sources.map_features(self._transform_source)
        if X_unlabeled is not None:
            X_unlabeled = self._transform_source(X_unlabeled, "X_unlabeled")
            last_params = {**last_params, "X_unlabeled": X_unlabeled}
        with _print_elapsed_time("Pipeline", self._log_message(len(self.steps) - 1)):
            self.steps[-1][1].fit(X, y, sources=sources, **last_params)
        return self

    def _sources_of_fit(self, sources, params, n_rows):
        # Without metadata routing, scikit-learn's convention names the step.
        spelt_out = f"{self.steps[-1][0]}__sources" if self.steps else None
        if spelt_out in params:
            if sources is not None:
                raise ValueError(f"sources and {spelt_out} were both given: pass one of them.")
            sources = params.pop(spelt_out)
        sources = self._fit_sources(sources)
        if sources is None and self.steps:
            # Bound to the last step: they must pass the transformers all the same.
            sources = getattr(self.steps[-1][1], "_bound_sources", None)
        return as_sources(sources, n_rows)

    def _check_last_step(self, what):
        name, last = self.steps[-1]
        parameters = inspect.signature(getattr(last, "fit", lambda: None)).parameters.values()
        if not any(p.name == what or p.kind is p.VAR_KEYWORD for p in parameters):
            raise TypeError(
                f"{what} were given, but the last step {name!r} ({type(last).__name__}) takes "
                "none: end the pipeline with an estimator of skuowq."
            )

    def _split_params(self, params):
        """Parameters of the transformers and of the last step."""
        last = self.steps[-1][0]
        if _routing_enabled():
            routed = process_routing(self, "fit", **params) if params else {last: Bunch(fit={})}
            if len(self.steps) == 1:
                return {}, routed[last].fit
            consumed = get_routing_for_object(self._head()).consumes("fit_transform", params)
            return {name: params[name] for name in consumed}, routed[last].fit
        self._check_method_params(method="fit", props=params)
        prefix = f"{last}__"
        head = {name: value for name, value in params.items() if not name.startswith(prefix)}
        return head, {
            name.removeprefix(prefix): value
            for name, value in params.items()
            if name.startswith(prefix)
        }

    def _head(self):
        return Pipeline(
            self.steps[:-1],
            transform_input=self.transform_input,
            memory=self.memory,
            verbose=self.verbose,
        )

    def _fit_head(self, X, y, sources, params):
        """Fit the transformers; returns the target's transformed rows."""
        if len(self.steps) == 1:
            return X
        head = self._head()
        if self.fit_on == "target":
            X = head.fit_transform(X, y, **params)
        else:
            if params:
                raise ValueError(
                    f"fit_on='pooled' fits the transformers on rows of all domains, but "
                    f"{sorted(params)} belong to the target's: leave them out or use "
                    "fit_on='target'."
                )
            X = head.fit(*pooled_rows(X, y, sources)).transform(X)
        # With a cache the head holds fitted copies.
        self.steps = [*head.steps, self.steps[-1]]
        return X

    def _transform_source(self, X, label):
        if len(self.steps) == 1:
            return X
        try:
            return self._head().transform(X)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{label}: {error}") from error


def make_transfer_pipeline(
    *steps: BaseEstimator,
    fit_on: str = "target",
    transform_input: Sequence[str] | None = None,
    memory: str | joblib.Memory | None = None,
    verbose: bool = False,
) -> TransferPipeline:
    """`TransferPipeline` with the steps named after their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers and, last, an estimator whose ``fit`` takes ``sources``.
    fit_on, transform_input, memory, verbose
        As in :class:`TransferPipeline`.

    Returns
    -------
    pipeline : TransferPipeline

    Examples
    --------
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skuowq import UOWQClassifier, make_transfer_pipeline
    >>> list(make_transfer_pipeline(StandardScaler(), UOWQClassifier()).named_steps)
    ['standardscaler', 'uowqclassifier']
    """
    return TransferPipeline(
        _name_estimators(steps),
        fit_on=fit_on,
        transform_input=transform_input,
        memory=memory,
        verbose=verbose,
    )
