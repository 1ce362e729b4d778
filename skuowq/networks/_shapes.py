"""What a module of the user's makes of two rows, before it is trained on all."""

from copy import deepcopy

import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetRegressor

from skuowq._utils._failed_fit import FailedFit

from ._reading import sample_of

# What modules raise that are called with inputs of a shape they are not made for.
CALL_ERRORS = (RuntimeError, ValueError, TypeError, IndexError, AttributeError)


def first_output(argument, module, run, *inputs):
    """The output for some rows, in evaluation mode; an error that names the argument.

    Parameters
    ----------
    argument : str
        Under which the user passed the module.
    module : Module
    run : callable
        Calls the module.
    *inputs : Tensor
    """
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            output = run(*inputs)
    except CALL_ERRORS as error:
        shapes = " and ".join(str(tuple(part.shape)) for part in inputs)
        raise ValueError(
            f"{argument}: {type(module).__name__} cannot be called with inputs of shape {shapes}: "
            f"fit its layers to the data. It said: {error}"
        ) from error
    finally:
        module.train(was_training)
    return output


def described(output):
    """An output in the words of a message."""
    if isinstance(output, torch.Tensor):
        return f"an output of shape {tuple(output.shape)}"
    return f"a {type(output).__name__}"


def check_outputs(net, rows, n_classes=None):
    """Refuse a network without a column for each class, which would fail deep inside.

    Parameters
    ----------
    net : NeuralNetClassifier
        Initialised.
    rows : WeightedRows
    n_classes : int, default=None
        None is as many as the rows have.
    """
    if not hasattr(net.criterion_, "reduction"):
        raise ValueError(
            f"the criterion {type(net.criterion_).__name__} has no `reduction`, so rows cannot be "
            "weighed: use one of torch's, such as torch.nn.CrossEntropyLoss"
        )
    sample = sample_of(rows.X)
    output = first_output("estimator", net.module_, net.infer, sample)
    output = output[0] if isinstance(output, tuple) else output
    if isinstance(net, NeuralNetRegressor):
        if getattr(output, "shape", ()) != (len(sample), 1):
            raise ValueError(
                f"estimator: {type(net.module_).__name__} turns {len(sample)} rows into "
                f"{described(output)}: return a number for each input, in one of shape "
                f"{(len(sample), 1)}"
            )
        return
    n_classes = n_classes or int(rows.y.max()) + 1
    # A logit of the second of two classes is an axis less.
    binary = isinstance(net, NeuralNetBinaryClassifier)
    if getattr(output, "ndim", 0) != 2 - binary or len(output) != len(sample):
        raise ValueError(
            f"estimator: {type(net.module_).__name__} turns {len(sample)} rows into "
            f"{described(output)}, and there are {n_classes} classes: return one of shape "
            f"{(len(sample), 1 if binary else n_classes)}, a row for each input"
        )
    n_outputs = 2 if binary else output.shape[1]
    if n_outputs < n_classes:
        raise too_few_outputs(net.module_, n_outputs, n_classes)


def too_few_outputs(module, n_outputs, n_classes):
    """The error of a network without an output for each class."""
    return ValueError(
        f"estimator: {type(module).__name__} has {n_outputs} outputs, and there are {n_classes} "
        "classes: give it one output for each class"
    )


def check_lone_row(net, module, X):
    """Refuse a module that cannot learn from one row, where batches hold no more.

    Parameters
    ----------
    net : NeuralNetClassifier
        In training.
    module : Module
        Of the net, or a part of it.
    X : Tensor or ReadInputs
        Its inputs.
    """
    net._set_training(True)
    device = next((value.device for value in module.parameters()), "cpu")
    try:
        # Of a copy: what it would learn of the batch it must not learn twice.
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            deepcopy(module)(sample_of(X, 1).to(device))
    except ValueError as error:
        raise FailedFit(
            f"a batch holds a single row, and {type(net.module_).__name__} cannot be trained on "
            "one, as layers that normalise batches cannot: pass more rows, a batch_size of 2 or "
            f"more, or use torch.nn.LayerNorm. It said: {error}"
        ) from error
