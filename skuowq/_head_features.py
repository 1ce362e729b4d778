"""Features of a network, on which its domains are compared."""

from dataclasses import replace

import numpy as np


def on_head_features(net, target, domains, *, seed, verbose, checkpoint):
    """The domains with the inputs of the network's head for features.

    The network is trained first on all rows, the sources together weighing as much as the target:
    features that all domains had a say in, and none alone.

    Returns
    -------
    target : Domain
    domains : list of Domain
    """
    from .networks import as_inputs, head_inputs, train_weighted

    n_samples = sum(domain.n_samples for domain in domains)
    weights = np.full(len(domains), min(1.0, target.n_samples / n_samples))
    trained = train_weighted(
        net,
        target,
        domains,
        weights,
        seed=seed,
        verbose=verbose,
        checkpoint=checkpoint,
        final=False,
    )
    parts = [as_inputs(trained, domain.X) for domain in (target, *domains)]
    features = head_inputs(trained, parts)
    target, *domains = (
        replace(domain, X=X) for domain, X in zip([target, *domains], features, strict=True)
    )
    return target, domains
