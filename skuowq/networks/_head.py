"""What the last layer of a network sees: features on which it is a softmax regression."""

import numpy as np
import torch
from skorch.utils import to_device, to_tensor

_BATCH = 1024


def head_inputs(net, parts):
    """Inputs of the network's head, the last linear layer, in evaluation mode.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    parts : list of Tensor
        Inputs of the network.

    Returns
    -------
    features : list of ndarray of shape (n_rows, n_features)

    Raises
    ------
    ValueError
        If the network does not end in a linear layer.
    """
    module = net.module_
    head = _find_head(net, parts[0][:2])
    seen = []
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    was_training = module.training
    module.eval()
    try:
        features = []
        with torch.no_grad():
            for X in parts:
                seen.clear()
                for rows in X.split(_BATCH):
                    module(to_device(to_tensor(rows, device=net.device), net.device))
                features.append(np.concatenate([rows.cpu().double().numpy() for rows in seen]))
    finally:
        handle.remove()
        module.train(was_training)
    return features


def _find_head(net, X):
    """The linear layer run last; its output must be the network's, but for a softmax."""
    module, order = net.module_, []
    handles = [
        layer.register_forward_hook(lambda layer, _, output: order.append((layer, output)))
        for layer in module.modules()
        if isinstance(layer, torch.nn.Linear)
    ]
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            output = module(to_device(to_tensor(X, device=net.device), net.device))
    finally:
        for handle in handles:
            handle.remove()
        module.train(was_training)
    output = output[0] if isinstance(output, tuple) else output
    if order:
        head, logits = order[-1]
        if logits.ndim == 2 and logits.numel() == output.numel():
            return head
    raise ValueError(
        f"{type(module).__name__} does not end in a linear layer, whose inputs would be the "
        "features that sources are compared on: end it in torch.nn.Linear, or pass "
        "parameters='all' with discrepancy='plugin'"
    )
