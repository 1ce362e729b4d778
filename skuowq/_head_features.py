"""Features of a network, on which its domains are compared."""

from dataclasses import replace

import numpy as np


def find_head_features(net, domains, *, seed, verbose, checkpoint=None, alike=False):
    """Inputs of the network's head for the rows of all domains, the target's first.

    The network is trained on all rows, the sources together weighing as much as the target:
    features that all domains had a say in, and none alone.

    Parameters
    ----------
    net : NeuralNetClassifier
    domains : list of Domain
        The target first.
    seed, verbose, checkpoint
        As in `train_weighted`.
    alike : bool, default=False
        Whether every domain weighs as much as the first, and not the others together.

    Returns
    -------
    features : list of ndarray of shape (n_rows, n_features)
    """
    from .networks import as_inputs, head_inputs, train_weighted

    target, *sources = domains
    n_samples = np.array([domain.n_samples for domain in sources])
    if alike:
        weights = target.n_samples / n_samples
    else:
        weights = np.full(len(sources), min(1.0, target.n_samples / n_samples.sum()))
    trained = train_weighted(
        net,
        target,
        sources,
        weights,
        seed=seed,
        verbose=verbose,
        checkpoint=checkpoint,
        final=False,
    )
    return head_inputs(trained, [as_inputs(trained, domain.X) for domain in domains])


def with_features(domains, features):
    """The domains with other features."""
    return [replace(domain, X=X) for domain, X in zip(domains, features, strict=True)]
