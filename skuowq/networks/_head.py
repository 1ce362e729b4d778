"""What the last layer of a network sees: features on which it is a softmax regression."""

import numpy as np
import torch
from skorch.utils import to_device, to_tensor

from skuowq._utils._failed_fit import FailedFit

from ._reading import ReadInputs, sample_of
from ._shapes import first_output, too_few_outputs

_BATCH = 1024
# Logits below all others: probabilities under 1e-8.
_RULED_OUT = 20.0


def head_inputs(net, parts):
    """Inputs of the network's head, the last linear layer, in evaluation mode.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    parts : list of Tensor or list of ReadInputs
        Inputs of the network.

    Returns
    -------
    features : list of ndarray of shape (n_rows, n_features)
        In double precision; in single precision where rows are read, as there are many.

    Raises
    ------
    ValueError
        If the network does not end in a linear layer, or it sees no finite numbers there.
    """
    module = net.module_
    head = module.get_submodule(head_name(net, parts[0]))
    seen = []
    # A head that runs twice sees its own output last.
    handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    was_training = module.training
    module.eval()
    try:
        features = []
        with torch.no_grad():
            for X in parts:
                found = []
                for rows in X.split(_BATCH):
                    seen.clear()
                    module(to_device(to_tensor(rows, device=net.device), net.device))
                    found.append(_as_array(seen[-1], single=isinstance(X, ReadInputs)))
                features.append(np.concatenate(found))
    finally:
        handle.remove()
        module.train(was_training)
    if not all(np.isfinite(found).all() for found in features):
        raise FailedFit(
            f"The last layer of {type(module).__name__} sees numbers that are not finite: scale "
            "the columns, for instance with make_transfer_pipeline(StandardScaler(), ...)"
        )
    return features


def _as_array(features, *, single):
    # On the CPU first: some devices have no double precision.
    features = features.cpu()
    return (features.float() if single else features.double()).numpy()


def state_with_head(net, X, outputs, coef, intercept):
    """The module's state with another head: of a softmax regression on its inputs.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    X : Tensor or ReadInputs
        Some inputs of the network.
    outputs : ndarray of shape (n_classes,)
        Which output stands for each class of the regression.
    coef : ndarray of shape (n_classes, n_features)
    intercept : ndarray of shape (n_classes,)

    Returns
    -------
    state : dict of str to Tensor
        Other outputs are ruled out by their bias, where the head has one. A head of one output, the
        logit of the second of two classes, gets the difference.
    """
    state = {name: value.clone() for name, value in net.module_.state_dict().items()}
    name = head_name(net, X)
    prefix = f"{name}." if name else ""
    weight, bias = state[f"{prefix}weight"], state.get(f"{prefix}bias")
    if len(weight) == 1:
        outputs, coef, intercept = [0], coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    outputs = torch.as_tensor(outputs).to(weight.device)
    weight.zero_()
    weight[outputs] = torch.as_tensor(coef).to(weight)
    if bias is not None:
        bias.fill_(intercept.min() - _RULED_OUT)
        bias[outputs] = torch.as_tensor(intercept).to(bias)
    return state


def state_with_outputs(net, X, unknown, n_outputs):
    """The module's state, with outputs that nothing is known of, and others ruled out.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    X : Tensor or ReadInputs
        Some inputs of the network.
    unknown : ndarray of int
        Outputs that start with weights of 0 and an average bias.
    n_outputs : int
        Outputs from here on are ruled out by their bias, where the head has one.

    Returns
    -------
    state : dict of str to Tensor
    """
    state = {name: value.clone() for name, value in net.module_.state_dict().items()}
    name = head_name(net, X)
    prefix = f"{name}." if name else ""
    weight, bias = state[f"{prefix}weight"], state.get(f"{prefix}bias")
    if 1 < len(weight) < n_outputs:
        raise too_few_outputs(net.module_, len(weight), n_outputs)
    if len(weight) == 1:
        return state  # The logit of the second of two classes.
    known = torch.ones(n_outputs, dtype=torch.bool)
    known[unknown] = False
    weight[:n_outputs][~known] = 0.0
    if bias is not None:
        usual = bias[:n_outputs][known].mean() if known.any() else 0.0
        bias[:n_outputs][~known] = usual
        bias[n_outputs:] = bias[:n_outputs].min() - _RULED_OUT
    return state


def head_name(net, X):
    """Name of the linear layer run last; its output must be the network's, but for a softmax."""
    inputs = to_device(to_tensor(sample_of(X), device=net.device), net.device)
    return find_head(net.module_, inputs)[0]


def find_head(module, X):
    """The linear layer that runs last.

    Parameters
    ----------
    module : Module
    X : Tensor
        Some inputs, on the module's device.

    Returns
    -------
    name : str
    logits : Tensor
        Its output, which must be as large as the network's.
    output : Tensor or tuple
        The network's.

    Raises
    ------
    ValueError
        If the network does not end in a linear layer.
    """
    order, output = _layers_run(module, X, lambda layer: isinstance(layer, torch.nn.Linear))
    first = output[0] if isinstance(output, tuple) else output
    if order:
        name, logits = order[-1]
        if logits.ndim == 2 and logits.numel() == first.numel():
            return name, logits, output
    raise ValueError(
        f"estimator: {type(module).__name__} does not end in a linear layer, whose inputs would be "
        "the features that sources are compared on: end it in torch.nn.Linear (UOWQClassifier also "
        "takes it with parameters='all' and discrepancy='plugin')"
    )


def last_with_numbers(module, X):
    """Name of the last layer to run that has parameters or buffers of its own.

    Parameters
    ----------
    module : Module
    X : Tensor
        Some inputs, on the module's device.

    Returns
    -------
    name : str
    """

    def has_numbers(layer):
        return any(True for _ in (*layer.parameters(recurse=False), *layer.buffers(recurse=False)))

    order, _ = _layers_run(module, X, has_numbers)
    return order[-1][0]


def _layers_run(module, X, wanted):
    """Names and outputs of some layers in the order in which they run, and the network's output."""
    order = []
    handles = [
        layer.register_forward_hook(lambda _, __, output, name=name: order.append((name, output)))
        for name, layer in module.named_modules()
        if wanted(layer)
    ]
    try:
        output = first_output("estimator", module, module, X)
    finally:
        for handle in handles:
            handle.remove()
    return order, output
