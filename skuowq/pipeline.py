"""A pipeline that transforms the sources in the same way as the target."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import partial
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
from ._data.dataset_rows import DatasetRows, rows_and_labels
from ._data.domains import pooled_rows
from ._data.sources import as_sources
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

    scikit-learn's `Pipeline` transforms X only, and passes on other fit parameters unchanged. So a
    scaler would scale the target and not the sources. In all other respects this is a `Pipeline`:
    grid search, ``clone``, ``set_output``, column transformers, calibration and stacking work.

    Parameters
    ----------
    steps : list of (str, estimator)
        Names and transformers, and last an estimator whose ``fit`` takes ``sources``.
    fit_on : {"target", "pooled"}, default="target"
        The rows on which the transformers are fitted: those of the target, or those of all domains.
        With very few target rows "pooled" gives more stable transformers, but the sources then
        decide, for example, what the standard deviations are. With "pooled" each row counts once,
        except rows of weight 0, which are left out.
    transform_input : list of str, default=None
        As in `Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        Caches the fitted transformers.
    verbose : bool, default=False
        Whether to print the time of each step.

    See Also
    --------
    make_transfer_pipeline : Chooses the names of the steps.

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
        """Fit the transformers, transform the target and the sources, and fit the last step.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
            Rows of the target.
        y : array-like of shape (n_samples,)
            Labels of the target.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the same columns as the target. None fits an ordinary pipeline.
        X_unlabeled : array-like or DataFrame, default=None
            Rows of the target without labels, if the last step takes them. They are transformed.
        **params : dict
            Parameters of the steps' ``fit``, as in `Pipeline`.

        Returns
        -------
        self : TransferPipeline
        """
        X, y = rows_and_labels(X, y)
        sources = self._sources_of_fit(sources, params, _num_samples(X))
        if X_unlabeled is None and self.steps:
            X_unlabeled = params.pop(f"{self.steps[-1][0]}__X_unlabeled", None)
        if sources is None and X_unlabeled is None:
            return super().fit(X, y, **params)
        self._validate_steps()
        self._check_last_step("sources" if X_unlabeled is None else "X_unlabeled")
        head_params, last_params = self._split_params(params)
        X = self._fit_head(X, y, sources, head_params)
        return self._fit_last(X, y, sources, X_unlabeled, last_params)

    def _fit_last(self, X, y, sources, X_unlabeled, last_params):
        """Fit the last step to the target's transformed rows; the others are transformed here."""
        transform = partial(_transform, self._head() if len(self.steps) > 1 else None)
        if sources is not None:
            sources = sources.map_features(transform)
        if X_unlabeled is not None:
            X_unlabeled = transform(X_unlabeled, label="X_unlabeled")
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
            # Sources bound to the last step must be transformed as well.
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
        """Split parameters into those of the transformers and those of the last step."""
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
        """Fit the transformers; returns the transformed rows of the target."""
        if len(self.steps) == 1:
            return X
        head = self._head()
        if self.fit_on == "target":
            X = head.fit_transform(X, y, **params)
        elif params:
            raise ValueError(
                f"fit_on='pooled' fits the transformers on rows of all domains, but "
                f"{sorted(params)} belong to the target's: leave them out or use fit_on='target'."
            )
        else:
            X = head.fit(*pooled_rows(X, y, sources)).transform(X)
        # With a cache, the fitted transformers are copies.
        self.steps = [*head.steps, self.steps[-1]]
        return X


def _transform(head, X, label):
    """A source through the fitted transformers, where its rows are."""
    if head is None:
        return X
    if isinstance(X, DatasetRows):
        raise X.in_memory(type(head.steps[0][1]).__name__)
    try:
        return head.transform(X)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{label}: {error}") from error


def make_transfer_pipeline(
    *steps: BaseEstimator,
    fit_on: str = "target",
    transform_input: Sequence[str] | None = None,
    memory: str | joblib.Memory | None = None,
    verbose: bool = False,
) -> TransferPipeline:
    """Make a `TransferPipeline` whose steps are named after their classes.

    Parameters
    ----------
    *steps : estimators
        Transformers, and last an estimator whose ``fit`` takes ``sources``.
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
