"""What it costs to carry one distribution over classes to another, row by row."""

import torch

from skuowq._utils._optional import import_optional

# Less than any probability that matters; the logarithm of 0 would be no number.
_SMALLEST = 1e-6
_MAX_ITERATIONS = 200
# Of the marginals.
_TOLERANCE = 1e-3


def transport_loss(p, g, cost, reg):
    """Entropic transport cost between two distributions, for each row.

    Parameters
    ----------
    p : Tensor of shape (n_rows, n_source_classes)
        Rows sum to 1.
    g : Tensor of shape (n_rows, n_target_classes)
        Rows sum to 1.
    cost : Tensor of shape (n_source_classes, n_target_classes)
    reg : float
        Weight of the plan's entropy, in units of the cost.

    Returns
    -------
    loss : Tensor of shape (n_rows,)
        ``min_P <P, cost> + reg KL(P | p g')``, differentiable in `p`: the slope is the dual
        potential, so that nothing is remembered of the iterations.
    """
    solve_batch = import_optional("ot.batch", "The transport loss of JTLNClassifier").solve_batch
    ours, theirs = _positive(p.detach()), _positive(g.detach())
    with torch.no_grad():
        solved = solve_batch(
            cost.expand(len(p), -1, -1),
            reg,
            ours,
            theirs,
            max_iter=_MAX_ITERATIONS,
            tol=_TOLERANCE,
            grad="detach",
        )
        u, v = solved.potentials
        slope = reg * (u - ours.log())
        value = (ours * slope).sum(dim=1) + reg * (theirs * (v - theirs.log())).sum(dim=1)
    return value + ((p - p.detach()) * slope).sum(dim=1)


def _positive(p):
    p = p.clamp_min(_SMALLEST)
    return p / p.sum(dim=1, keepdim=True)
