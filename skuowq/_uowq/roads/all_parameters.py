"""The paper's road for networks: weights from all parameters, once or along the training."""

import numpy as np

from skuowq._uowq.fitted import Network
from skuowq._uowq.models.networks import DynamicRule, NetworkContrasts
from skuowq._uowq.weighing import SoftmaxFit, Weighing
from skuowq._utils._base_estimator import is_network
from skuowq._utils._progress import Progress

from .weighted_network import NetworkRoad


class AllParametersRoad(NetworkRoad):
    """Every domain fine-tunes one initial network, and all parameters are compared."""

    measures = ("fits",)
    compares = "all parameters of a network"
    remedy = "pass PlugIn(parameters='all') or Debiased(parameters='all')"

    @classmethod
    def takes(cls, base, given, rule):
        """Networks under a rule that compares all parameters."""
        return is_network(base) and rule.parameters == "all"

    def check(self, rule):
        """Updates must fall into the training."""
        super().check(rule)
        every, n_epochs = rule.epochs_between_updates, self.base.max_epochs
        if rule.n_updates > 0 and n_epochs < every:
            raise ValueError(
                f"update_every is {every}, and the net trains for max_epochs={n_epochs}, so the "
                f"weights would never be updated: pass update_every of at most {n_epochs}, "
                "n_updates=0, or more epochs"
            )

    def fit(self, task, rule):
        """A training for each domain, and one on all weighted rows."""
        from skuowq.networks import train_weighted

        training = self.training_options()
        if not task.domains:
            return self.train_with_weights(task, rule, training)
        options = self.options
        # Of the target, of each source without a network, and the last.
        n_trainings = 2 if rule.source_estimators else 2 + len(task.domains)
        progress = Progress("networks", options.verbose, n_trainings)
        contrasts = NetworkContrasts(
            self.base,
            task.target,
            task.domains,
            rule.source_estimators,
            rule=rule,
            max_weight=options.max_weight,
            solver=options.solver,
            n_jobs=options.n_jobs,
            progress=progress,
            **training,
        )
        report = self.report(rule)
        report(contrasts.weights)
        weights = contrasts.weights.source_weights
        along = None
        if rule.n_updates > 0:
            along = DynamicRule(contrasts, rule.epochs_between_updates, rule.n_updates, report)
        net = train_weighted(self.base, task.target, task.domains, weights, rule=along, **training)
        progress("network trained with the weights")
        return _weighing(contrasts, rule), Network(net, None, task.classes)


def _weighing(contrasts, rule):
    """The latest weights, and how they came about."""
    d = float(contrasts.n_parameters)
    return Weighing(
        weights=contrasts.weights,
        discrepancy=contrasts.discrepancy,
        std_error=rule.std_error(contrasts.discrepancy, contrasts.sizes, d),
        n_parameters=d,
        history=np.array(contrasts.history),
        sizes=contrasts.sizes,
        model=SoftmaxFit(),
    )
