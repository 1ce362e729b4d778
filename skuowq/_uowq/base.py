"""What the estimators that weigh sources share: how a fit reads its input and what it leaves."""

from dataclasses import fields

from sklearn.utils.validation import check_is_fitted

from skuowq._data.dataset_rows import rows_and_labels
from skuowq._data.domains import is_frame
from skuowq._data.fit_input import FitInputMixin
from skuowq._utils._array_api import in_numpy
from skuowq._utils._sklearn import _fit_context
from skuowq._utils._threads import threads_for
from skuowq.rules import as_rule

from .named_rule import NamedRuleMixin
from .result import attributes_of
from .roads import Options, choose_road


class WeighsSources(NamedRuleMixin, FitInputMixin):
    """The one fit.

    Attributes
    ----------
    _roads : list of type
        From a task to a fitted estimator.
    _model : str
        What the errors in the report are those of.
    _of_some_roads : dict
        Public attributes that only some roads have, as they are elsewhere.
    """

    # Routed without being asked for: the sources are what the estimator exists for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    @in_numpy
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sources=None, *, sample_weight=None, groups=None):
        """Weigh the sources and fit the estimator to all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features) or Dataset
            Rows of the target. A network for classes also takes a map-style torch data set, or
            skorch's ``SliceDataset`` of one; the sources must then be data sets, too.
        y : array-like of shape (n_samples,), default=None
            Labels of the target, or its responses. None takes those of a data set.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns. Wrap them in :class:`skuowq.Sources` when
            cross-validating; a plain list as long as the target is refused. None learns from the
            target alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the target's rows. Their sum is the size of the target.
        groups : array-like of shape (n_samples,), default=None
            Rows of the target with one label here belong together, as the visits of one patient.
            They are held out at once wherever rows are held out to judge the sources. So are rows
            with equal features.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        X, y = rows_and_labels(X, y)
        rule = as_rule(self.discrepancy)
        sources = self._sources_of(sources, X, y)
        given = "nothing" if sources is None else sources.given_by
        road = choose_road(self._roads, self._base_estimator(), given, rule, self._options())
        frames = road.takes_frames and self.estimator is not None and is_frame(X)
        rows = self._read_target(X, y, frames=frames, checks=road.checks())
        task = road.read(rows, sample_weight, sources, groups)
        with threads_for(task.n_entries):
            weighing, fitted = road.fit(task, rule.of_sources(task.left.kept))
        return self._publish(task, rule, weighing, fitted)

    @property
    def discrepancy_(self):
        """The discrepancy behind the weights; formed when it is read, for it may be large."""
        check_is_fitted(self)
        return self._discrepancy.matrix()

    def _options(self):
        """What the user asked for beside the estimator and the rule."""
        given = self.get_params(deep=False)
        names = [field.name for field in fields(Options)]
        return Options(**{name: given[name] for name in names if name in given})

    def _publish(self, task, rule, weighing, fitted):
        """The one place where a fit leaves anything."""
        self._learn(task.rows.learnt)
        self._fitted, self._fitted_on_frames = fitted, task.rows.frames
        found = self._of_some_roads | fitted.attributes()
        found |= attributes_of(weighing, task.left, task.names, self._model, rule)
        for name, value in found.items():
            setattr(self, name, value)
        return self
