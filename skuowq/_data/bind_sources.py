"""Sources that stay with an estimator where no fit parameter reaches."""

from functools import partial

from sklearn.base import BaseEstimator

from .sources import Sources


class _ReprWithSources:
    """``repr`` of an estimator, and the sources that are bound to it.

    Seen from the class it is scikit-learn's own, by which that knows estimators, whose parameters
    it breaks into lines.
    """

    def __get__(self, estimator, kind):
        return BaseEstimator.__repr__ if estimator is None else partial(_repr, estimator)


def _repr(estimator, N_CHAR_MAX=700):  # As scikit-learn calls it.
    text = BaseEstimator.__repr__(estimator, N_CHAR_MAX)
    bound = getattr(estimator, "_bound_sources", None)
    return text if bound is None else f"{text}.bind_sources({bound!r})"


class BindSourcesMixin:
    """Adds `bind_sources` to estimators and pipelines."""

    def bind_sources(self, sources):
        """Keep sources with this estimator, for every later fit that is given none.

        Some meta-estimators hand no fit parameters on, or hand them to the wrong part
        (`StackingClassifier`, `VotingClassifier`, `BaggingClassifier`): bind the sources there,
        as ``Sources(sources, target_classes=y)``, since these hand labels on as 0, 1, ... `clone`
        keeps the sources, and so does a pickle, which then carries the data.

        Parameters
        ----------
        sources : list, dict or Sources
            As in ``fit``. None unbinds.

        Returns
        -------
        self : estimator
        """
        self._bound_sources = None if sources is None else Sources(sources)
        return self

    def _fit_sources(self, sources):
        """The sources of this fit: those given, else those bound."""
        return getattr(self, "_bound_sources", None) if sources is None else sources

    __repr__ = _ReprWithSources()

    def _html_repr(self):
        """The diagram, and below it what was found about the sources, or which ones are bound."""
        last = self.steps[-1][1] if getattr(self, "steps", None) else self
        bound = [getattr(part, "_bound_sources", None) for part in (self, last)]
        shown = getattr(last, "source_report_", bound[0] or bound[1])
        html = super()._html_repr()
        return html if shown is None else html + shown._repr_html_()

    def __sklearn_clone__(self):
        twin = super().__sklearn_clone__()
        if getattr(self, "_bound_sources", None) is not None:
            twin._bound_sources = self._bound_sources  # Immutable, so shared.
        return twin
