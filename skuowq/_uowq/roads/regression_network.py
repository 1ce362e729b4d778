"""Regression networks: weighed on features from the sources, three trainings averaged."""

from dataclasses import dataclass
from functools import partial

from sklearn.base import is_regressor

from skuowq._data.domains import Domain
from skuowq._uowq.fitted import Plain, Stacked
from skuowq._utils._base_estimator import is_network

from .head_features import HeadFeatures
from .regression import weigh_by_linear
from .rows import fit_or_stack, without_negligible_sources
from .weighted_network import NetworkRoad

# Every fold is held out from three trainings.
_N_FOLDS = 2


class RegressionNetworkRoad(NetworkRoad):
    """Compared by a linear model on the inputs of the last layer of a network of the sources."""

    labels = "numbers"

    @classmethod
    def takes(cls, base, given, rule):
        """Networks, those for numbers alone."""
        return is_network(base)

    def check(self, rule):
        """A network for classes is none for numbers."""
        if not is_regressor(self.base):
            raise ValueError(
                f"estimator is a {type(self.base).__name__}, a network for classes: pass a skorch "
                "NeuralNetRegressor, or use UOWQClassifier"
            )
        if rule.parameters == "all":
            raise ValueError(
                "parameters='all' compares networks for classes alone: leave it out, so that the "
                "sources are compared on the inputs of the last layer"
            )
        super().check(rule)

    def fit(self, task, rule):
        """Features, weights, and trainings with the weights, of the target, and of all rows."""
        training, compared, state = self.training_options(), task, None
        if task.domains:
            head = HeadFeatures(self.base, task.target, task.domains, None, **training)
            compared, state = head.compared(task), head.state
        weighing = weigh_by_linear(compared, rule, self.options, self.bounds(rule))
        if task.domains:
            weighing = without_negligible_sources(weighing, task)
        fit = partial(_train, self.base, task.domains, weighing.model.levels, state, training)
        fitted = fit_or_stack(fit, task, rule, weighing, self.options, n_folds=_N_FOLDS)
        return weighing, _of_nets(fitted)


@dataclass(frozen=True)
class _Net:
    """A trained network that predicts as scikit-learn's regressors do."""

    net: object

    def predict(self, X):
        """Numbers in double precision."""
        from skuowq.networks import predict_proba

        return predict_proba(self.net, X)[:, 0]


def _train(base, domains, levels, state, training, target, source_weights):
    """A network trained on weighted rows; from the sources' network on where these take part."""
    from skuowq.networks import train_weighted

    moved = [
        Domain(domain.X, domain.y + levels[0] - level, domain.sample_weight, domain.label)
        for domain, level in zip(domains, levels[1:], strict=True)
    ]
    helped = bool((source_weights > 0).any())
    net = train_weighted(
        base,
        target,
        moved if helped else [],
        source_weights if helped else [],
        start=state if helped else None,
        final=False,
        **training,
    )
    return _Net(net)


class _PlainNet(Plain):
    def attributes(self):
        """Public attributes: the net itself."""
        return {"estimator_": self.estimator.net}


class _StackedNets(Stacked):
    def attributes(self):
        """Public attributes: the nets themselves."""
        names = ("estimator_", "target_estimator_", "pooled_estimator_")
        found = super().attributes()
        return found | {name: found[name] and found[name].net for name in names}


def _of_nets(fitted):
    if isinstance(fitted, Stacked):
        return _StackedNets(fitted.estimator, fitted.stack)
    return _PlainNet(fitted.estimator)
