"""A network's road: features from the sources, a head from the weights, and all of it tuned.

The head of a network is a softmax regression on the features below it, so the theory applies to it
as to any other, provided that the features do not know the target's labels: a network that has been
trained on them separates its few target rows, whose scores then vanish, and every source looks
perfect. So the features are those of the network trained on the sources alone.
"""

from functools import partial

import numpy as np

from skuowq._data.domains import take_rows
from skuowq._held_out.network_pool import NetworkPool, n_trainings
from skuowq._uowq.fitted import Network
from skuowq._utils._base_estimator import is_network
from skuowq._utils._progress import Progress
from skuowq.rules import PlugIn

from .class_shares import at_the_targets_class_shares
from .head_features import HeadFeatures
from .logistic import fit_weighted_logistic
from .rows import without_negligible_sources
from .softmax_weighing import weigh_by_softmax
from .weighted_network import NetworkRoad

# Of the target's weight: what sources weigh at least in the training of a network.
_LEAST_SHARE = 0.1


class HeadRoad(NetworkRoad):
    """Compared on the inputs of the last linear layer of a network trained on the sources."""

    measures = ("scores", "fits")

    @classmethod
    def takes(cls, base, given, rule):
        """Networks under a rule that compares their heads."""
        return is_network(base)

    def fit(self, task, rule):
        """Features, weights, the tuned network and, for a rule that cross-validates, the pool."""
        training = self.training_options()
        if not task.domains:
            return self.train_with_weights(task, rule, training)
        n_pooled = n_trainings(task.target) if rule.cross_validates else 0
        progress = Progress("networks", self.options.verbose, n_pooled + 2)
        head = HeadFeatures(self.base, task.target, task.domains, len(task.classes), **training)
        progress("network of the sources")
        weighing = self._weigh(task, head, rule)
        tuned = _Tuned(self.base, task, head, weighing, training)
        pool = None
        if n_pooled:
            share = weighing.sizes.independent_share
            alone = partial(_alone, self.base, task, training)
            pool = NetworkPool(task.target, tuned, alone, progress, share)
        net = tuned(np.arange(len(task.target.y)), final=True)
        progress("network tuned from the sources")
        return weighing, Network(net, pool, task.classes)

    def _weigh(self, task, head, rule):
        """Weights by the head's features, as a network can use them."""
        weighing = without_negligible_sources(self.measure(head.compared(task), rule), task)
        if rule.cross_validates:
            weighing = _with_some_source_rows(weighing, self.options.max_weight)
        return weighing

    def measure(self, compared, rule):
        """Weights by features of all domains; with few rows at most those of the plug-in."""
        weighing = weigh_by_softmax(compared, rule, self.options, self.bounds(rule))
        # The last column is constant. With no more rows than features scores see little, and the
        # target's rows judge features on which the sources are better than they would be elsewhere.
        if rule.cross_validates and len(compared.target.y) < compared.target.X.shape[1] + 1:
            quiet = self.bounds(rule) | {"report": lambda weights: None}
            static = weigh_by_softmax(compared, PlugIn(n_updates=0), self.options, quiet)
            weighing = weighing.at_most(static.weights.source_weights)
        return weighing


class _Tuned:
    """Networks with the weighted fit for a head, trained on weighted rows."""

    def __init__(self, base, task, head, weighing, training):
        self.base, self.task, self.head, self.training = base, task, head, training
        self.model, self.weights = weighing.model, weighing.weights.source_weights
        self.domains = at_the_targets_class_shares(task.domains, self.model.own_intercepts)

    def __call__(self, kept, final=False):
        """A network trained with these rows of the target."""
        from skuowq.networks import train_weighted

        start = self.head.start(self._fit_head, self.task.classes, self.weights, kept)
        rows = take_rows(self.task.target, kept)
        return train_weighted(
            self.base,
            rows,
            self.domains,
            self.weights,
            start=start,
            final=final,
            **self.training,
        )

    def _fit_head(self, logistic, target, domains):
        return fit_weighted_logistic(
            logistic, self.task.classes, self.model, self.weights, target, domains
        )


def _alone(base, task, training, kept):
    """A network trained with these rows of the target, and none of the sources."""
    from skuowq.networks import train_weighted

    # An epoch of few rows is a step: they get half the steps that all rows would have.
    n_rows = (len(task.target.y) + sum(len(domain.y) for domain in task.domains)) // 2
    rows = take_rows(task.target, kept)
    return train_weighted(base, rows, [], [], epoch_rows=n_rows, final=False, **training)


def _with_some_source_rows(weighing, max_weight):
    """The weighing with sources that together weigh at least a tenth of the target.

    To a softmax regression they may be worth nothing; a network that is tuned on a few rows alone
    separates them in a few steps, and they keep it from that.
    """
    weights, sizes = weighing.weights.source_weights, weighing.sizes
    missing = max(_LEAST_SHARE * sizes.n_target - weights @ sizes.n_rows, 0.0)
    if missing == 0:
        return weighing
    weights = weights + min(missing / sizes.n_rows.sum(), 1.0)
    return weighing.with_weights(np.minimum(weights, np.inf if max_weight is None else max_weight))
