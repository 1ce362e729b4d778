"""Joint training of a network on target and sources, and the costs between their classes."""

from dataclasses import dataclass
from itertools import compress

import numpy as np
from sklearn.base import clone

from skuowq._data.dataset_rows import DatasetRows
from skuowq._data.sources import source_label

from .class_costs import class_costs


@dataclass(frozen=True)
class JointOptions:
    """What is minimised, and how the training is kept.

    Attributes
    ----------
    cost : str, array-like or list of array-like
    source_loss_weight, transport_weight, reg : float
    transport_to : str
    checkpoint : str, Path or None
    seed, verbose : int
    """

    cost: object
    source_loss_weight: float
    transport_weight: float
    reg: float
    transport_to: str
    checkpoint: object
    seed: int
    verbose: int


def measure_costs(options, net, task):
    """What it costs to carry a class of each source to one of the target; None carries nothing.

    Parameters
    ----------
    options : JointOptions
    net : NeuralNetClassifier
    task : Task

    Returns
    -------
    costs : list of ndarray or None
        Of the sources that take part.
    """
    if not task.domains or options.transport_weight == 0:
        return None
    labels = [source_label(name) for name in compress(task.names, task.left.kept)]
    cost = options.cost
    if isinstance(cost, list) and len(cost) == len(task.names) and np.ndim(cost[0]) == 2:
        cost = list(compress(cost, task.left.kept))

    def features(X):
        return _given_features(net, X)

    return class_costs(cost, features, task.target, task.domains, task.used_classes, labels)


def _given_features(net, X):
    """Features before the training: of a module that is given as an instance, or the inputs."""
    knows_nothing = isinstance(net.module, type) or not hasattr(net.module, "parameters")
    if knows_nothing and isinstance(X, DatasetRows):
        raise ValueError(
            "cost compares classes before the training, by the features of a module that is given "
            "as an instance, or by columns, which data sets do not have: pass a trained module in "
            "NeuralNetClassifier(module, ...), a matrix as cost, or transport_weight=0"
        )
    if knows_nothing:
        return X.reshape(len(X), -1)
    from skuowq.networks import module_features, predict_features

    if isinstance(X, DatasetRows):
        return predict_features(clone(net).initialize(), X)
    return module_features(net.module, X)


def train_jointly(options, net, task, costs):
    """The trained network.

    Parameters
    ----------
    options : JointOptions
    net : NeuralNetClassifier
        Not changed.
    task : Task
    costs : list of ndarray or None

    Returns
    -------
    net : NeuralNetClassifier
    """
    from skuowq.networks import JointObjective, train_aligned

    ours, *theirs = task.used_classes
    objective = JointObjective(
        n_classes=len(ours),
        n_source_classes=tuple(len(own) for own in theirs),
        costs=costs,
        source_loss_weight=options.source_loss_weight,
        transport_weight=options.transport_weight,
        reg=options.reg,
        transport_to=options.transport_to,
    )
    # Sources are not drawn at all where nothing is learnt from them.
    used = float(options.source_loss_weight > 0 or costs is not None)
    return train_aligned(
        net,
        task.target,
        task.domains,
        [np.ones(len(domain.y)) for domain in task.domains],
        np.full(len(task.domains), used),
        objective=objective,
        seed=options.seed,
        verbose=options.verbose,
        checkpoint=options.checkpoint,
    )
