"""The layers of a network in the order in which they run."""

import torch
from skorch.utils import to_device

from ._reading import sample_of


def layers_in_order(net, X):
    """Names of the modules that hold parameters themselves, each where it begins last.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    X : Tensor or ReadInputs
        Some inputs.

    Returns
    -------
    names : list of str
    """
    module, order = net.module_, []
    handles = [
        # As it begins: what holds parameters beside other layers uses them at a time of its own.
        layer.register_forward_pre_hook(lambda _, __, name=name: order.append(name))
        for name, layer in module.named_modules()
        if next(layer.parameters(recurse=False), None) is not None
    ]
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            module(to_device(sample_of(X), net.device))
    finally:
        for handle in handles:
            handle.remove()
        module.train(was_training)
    latest = {name: place for place, name in enumerate(order)}
    return sorted(latest, key=latest.get)
