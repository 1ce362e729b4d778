"""``Theta' J Theta`` of a torch module, without ``J``.

Convention. ``J`` is the Fisher information of ONE row at the parameters of the module, as a mean
over the given rows. A direction ``theta_k`` changes the logits of a row by ``u_k``, their Jacobian
times ``theta_k``. With the class probabilities ``p`` of the row,

    theta_k' J theta_l = mean over rows of u_k' (diag(p) - p p') u_l.

The ``u_k`` come from forward-mode differentiation, with one pass over a batch for each direction.
So the memory holds the activations of a batch and the directions. It never holds an array as large
as the parameters squared, or as the rows times the parameters.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import deepcopy
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from skuowq._utils._optional import import_optional

if TYPE_CHECKING:
    import torch


# So many directions share one pass over a batch. Each costs a copy of the parameters.
_MAX_TOGETHER = 5


def projected_fisher(
    module: torch.nn.Module,
    params: Mapping[str, torch.Tensor] | None,
    directions: Sequence[Mapping[str, torch.Tensor]],
    X: torch.Tensor,
    *,
    y: torch.Tensor | None = None,
    sample_weight: torch.Tensor | None = None,
    origin: Mapping[str, torch.Tensor] | None = None,
    batch_size: int = 512,
    output: str = "logits",
) -> NDArray:
    """Compute inner products of directions, measured by the Fisher information of a torch module.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a batch of inputs to logits (n_rows, n_classes). It is used in evaluation mode, and is
        left as it was.
    params : dict of str to Tensor or None
        The point at which the information is computed: values of parameters of the module, by name.
        Parameters that are not named keep their values. None keeps all of them.
    directions : list of dict of str to Tensor
        For each direction ``theta_k``, the changes of the parameters, by name. Parameters that are
        not named do not change.
    X : Tensor of shape (n_rows, ...)
        Inputs, in the dtype of the parameters.
    y : Tensor of shape (n_rows,), default=None
        None computes the true Fisher information, the expectation over the labels. With class
        indices it is the empirical one, from the scores of these labels. It vanishes if the module
        fits its rows perfectly, so prefer None.
    sample_weight : Tensor of shape (n_rows,), default=None
        Weights of the rows in the mean. None gives all rows the same weight.
    origin : dict of str to Tensor, default=None
        Is subtracted from each direction. So `directions` may be points, and you need no memory for
        their differences. None subtracts nothing.
    batch_size : int, default=512
        Rows at a time. Increasing it is faster up to a point, at the cost of memory.
    output : {"logits", "probabilities", "logit"}, default="logits"
        What the module returns. "logit" is one number for each row, the logit of the second of two
        classes.

    Returns
    -------
    gram : ndarray of shape (n_directions, n_directions)
        ``Theta' J Theta``. It is not divided by the number of parameters.

    Raises
    ------
    ValueError
        If a direction names unknown parameters or has a wrong shape, or there are no rows.

    Notes
    -----
    If a layer has no forward-mode derivative, central differences in double precision are used.
    They are precise to about ten digits, at twice the cost.

    Examples
    --------
    >>> import torch
    >>> from skuowq.fisher import projected_fisher
    >>> module = torch.nn.Linear(1, 2, bias=False)
    >>> _ = torch.nn.init.zeros_(module.weight)
    >>> direction = {"weight": torch.tensor([[1.0], [0.0]])}
    >>> J = projected_fisher(module, None, [direction], torch.tensor([[2.0]]))
    >>> (J.round(6) + 0.0).tolist()
    [[1.0]]
    """
    torch = import_optional("torch", "projected_fisher")
    if output not in ("logits", "probabilities", "logit"):
        raise ValueError(f"output is {output!r}, and must be 'logits', 'probabilities' or 'logit'")
    if sample_weight is not None and len(sample_weight) != len(X):
        raise ValueError(
            f"sample_weight has {len(sample_weight)} entries, and X has {len(X)} rows: pass one "
            "for each"
        )
    if not isinstance(batch_size, Integral) or batch_size < 1:
        raise ValueError(f"batch_size is {batch_size!r}, and must be an integer of at least 1")
    if not directions:
        return np.zeros((0, 0))
    if not len(X):
        raise ValueError("X has no rows, and the Fisher information is a mean over rows: pass some")
    point = dict(module.named_parameters()) | dict(params or {})
    point = {name: value.detach() for name, value in point.items()}
    for k, direction in enumerate(directions):
        _check_direction(k, direction, point)
    weight = torch.ones(len(X)) if sample_weight is None else torch.as_tensor(sample_weight)
    weight = weight.cpu().double()
    weight = weight / weight.sum()
    gram = np.zeros((len(directions), len(directions)))
    modes = [(layer, layer.training) for layer in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            for start in range(0, len(X), batch_size):
                rows = X[start : start + batch_size]
                labels = None if y is None else y[start : start + batch_size].cpu()
                log_p, changes = _changes(module, point, directions, origin, rows, output)
                gram += _batch_gram(log_p, changes, labels, weight[start : start + batch_size])
    finally:
        for layer, was_training in modes:
            layer.training = was_training
    return gram


def _check_direction(k, direction, point):
    unknown = sorted(set(direction) - set(point))
    if unknown:
        raise ValueError(
            f"directions[{k}] names {unknown}, which are no parameters of the module: use the "
            "names of module.named_parameters()"
        )
    for name, value in direction.items():
        if value.shape != point[name].shape:
            raise ValueError(
                f"directions[{k}][{name!r}] has shape {tuple(value.shape)}, and the parameter has "
                f"{tuple(point[name].shape)}"
            )


def _changes(module, point, directions, origin, rows, output):
    """Log probabilities (n_rows, n_classes) and their changes (n_directions, n_rows, n_classes)."""
    import torch
    from torch.func import functional_call, jvp, vmap

    # All directions get the same names. A direction without a name does not change it.
    names = [name for name in point if any(name in direction for direction in directions)]
    fixed = {name: value for name, value in point.items() if name not in names}
    moving = {name: point[name] for name in names}

    def log_probabilities(parameters):
        return _log_probabilities(functional_call(module, fixed | parameters, (rows,)), output)

    def change(tangents):
        return jvp(log_probabilities, (moving,), (tangents,))[1]

    # Fewer than half, so that they need less memory than the directions themselves.
    together = max(1, min(_MAX_TOGETHER, len(directions) // 2 - 1))
    log_p = log_probabilities(moving)
    changes = []
    for k in range(0, len(directions), together):
        tangents = _stack(directions[k : k + together], moving, origin)
        try:
            with warnings.catch_warnings():
                # From torch itself, when it first loads its forward derivatives.
                warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
                changes.append(vmap(change)(tangents).cpu().double())
        except (NotImplementedError, RuntimeError):
            # An error with another cause is raised again here.
            for j in range(len(directions[k : k + together])):
                direction = {name: value[j] for name, value in tangents.items()}
                found = _central_difference(module, point, direction, rows, output)
                changes.append(found[None])
    return log_p.cpu().double(), torch.cat(changes)


def _stack(directions, moving, origin):
    """Directions minus their origin, stacked along a first axis without an extra copy."""
    import torch

    stacked = {}
    for name, value in moving.items():
        stacked[name] = torch.zeros((len(directions), *value.shape)).to(value)
        for row, direction in zip(stacked[name], directions, strict=True):
            if name in direction:
                row.copy_(direction[name])
                if origin is not None:
                    row.sub_(origin[name])
    return stacked


def _central_difference(module, point, direction, rows, output):
    from torch.func import functional_call

    # On the CPU: some devices have no double precision.
    double = deepcopy(module).cpu().double().eval()
    rows = rows.cpu().double() if rows.dtype.is_floating_point else rows.cpu()
    start = {name: value.cpu().double() for name, value in point.items()}
    direction = {name: value.cpu().double() for name, value in direction.items()}
    length = sum(float(value.square().sum()) for value in direction.values()) ** 0.5
    size = sum(float(start[name].square().sum()) for name in direction) ** 0.5
    step = 1e-5 * max(size, 1.0) / max(length, 1e-300)

    def log_probabilities(shift):
        moved = {name: start[name] + shift * value for name, value in direction.items()}
        return _log_probabilities(functional_call(double, start | moved, (rows,)), output)

    return (log_probabilities(step) - log_probabilities(-step)) / (2 * step)


def _log_probabilities(returned, output):
    import torch

    returned = returned[0] if isinstance(returned, tuple) else returned
    if output == "logit":
        logit = returned.reshape(len(returned), -1)
        returned = torch.cat([torch.zeros_like(logit), logit], dim=1)
    if returned.ndim != 2 or returned.shape[1] < 2:
        raise ValueError(
            f"the module returns shape {tuple(returned.shape)}, and must return a row of at least "
            "two numbers for each input: pass output='logit' for one logit of two classes"
        )
    if output == "probabilities":
        # A class of probability 0 contributes nothing, so its logarithm does not matter.
        return torch.log(returned.clamp_min(torch.finfo(returned.dtype).tiny))
    return torch.log_softmax(returned, dim=-1)


def _batch_gram(log_p, changes, labels, weight):
    """Sum of the products of scores over a batch, expected over labels or at given labels."""
    import torch

    if labels is None:
        # d log p has mean 0 under p: its second moment is the metric diag(p) - p p' of the logits.
        root = (log_p.exp() * weight[:, None]).sqrt()
        scaled = (changes * root).reshape(len(changes), -1)
        return (scaled @ scaled.T).numpy()
    scores = changes[:, torch.arange(len(labels)), labels.long()]
    return ((scores * weight) @ scores.T).numpy()
