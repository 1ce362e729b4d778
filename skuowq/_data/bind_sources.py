"""Sources that stay with an estimator where no fit parameter reaches."""

from .sources import Sources


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

    def __str__(self):
        # Not in repr, whose line breaks scikit-learn makes for its own alone.
        bound = getattr(self, "_bound_sources", None)
        text = super().__str__()
        return text if bound is None else f"{text}.bind_sources({bound!r})"

    def _html_repr(self):
        """The diagram, and below it what was found about the sources, or which ones are bound."""
        last = self.steps[-1][1] if getattr(self, "steps", None) else self
        bound = getattr(self, "_bound_sources", None)
        shown = getattr(last, "source_report_", bound)
        html = super()._html_repr()
        return html if shown is None else html + shown._repr_html_()

    def __sklearn_clone__(self):
        twin = super().__sklearn_clone__()
        if getattr(self, "_bound_sources", None) is not None:
            twin._bound_sources = self._bound_sources  # Immutable, so shared.
        return twin
