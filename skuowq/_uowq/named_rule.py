"""Parameters of a rule that stands there by its name."""

from skuowq.rules import as_rule


class NamedRuleMixin:
    """Reaches ``discrepancy__n_updates`` where `discrepancy` is "reml", say."""

    def set_params(self, **params):
        """Set parameters, those of a rule as ``discrepancy__n_updates``.

        Parameters
        ----------
        **params : dict
            As in scikit-learn. Where `discrepancy` is a name, its rule takes its place first.

        Returns
        -------
        self : estimator
        """
        name = params.get("discrepancy", self.discrepancy)
        nested = any(key.startswith("discrepancy__") for key in params)
        if nested and isinstance(name, str):
            params = params | {"discrepancy": as_rule(name)}
        return super().set_params(**params)
