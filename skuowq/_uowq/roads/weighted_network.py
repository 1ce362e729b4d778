"""A network whose sources have given weights, or none: one training on weighted rows."""

from sklearn.utils import check_random_state

from skuowq._uowq.fitted import Network
from skuowq._utils._base_estimator import check_checkpoint, is_network
from skuowq._utils._progress import Progress

from .road import Road
from .softmax_weighing import weigh_by_softmax


class NetworkRoad(Road):
    """What all roads of networks share."""

    takes_frames = False
    trains_epochs = True

    def check(self, rule):
        """Refuse what the road cannot honour."""
        super().check(rule)
        check_checkpoint(self.options.checkpoint, self.options.random_state)

    def training_options(self):
        """Arguments of `train_weighted`; draws the seed, so called once a fit."""
        seed = check_random_state(self.options.random_state).randint(2**31 - 1)
        options = self.options
        return {"seed": seed, "verbose": options.verbose, "checkpoint": options.checkpoint}

    def train_with_weights(self, task, rule, training):
        """Weights that need no features, and one training."""
        from skuowq.networks import train_weighted

        weighing = weigh_by_softmax(task, rule, self.options, self.bounds(rule))
        weights = weighing.weights.source_weights
        progress = Progress("networks", self.options.verbose, 1)
        net = train_weighted(self.base, task.target, task.domains, weights, **training)
        progress("network trained with the weights")
        return weighing, Network(net, None, task.classes)


class WeightedNetworkRoad(NetworkRoad):
    """With a discrepancy that is given, no network has to be compared."""

    @classmethod
    def takes(cls, base, given, rule):
        """Networks whose sources, if any, have a known discrepancy."""
        return is_network(base) and (given == "nothing" or rule.measure is None)

    def fit(self, task, rule):
        """One training."""
        return self.train_with_weights(task, rule, self.training_options())
