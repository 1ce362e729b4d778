"""DAN: features whose maximum mean discrepancy is small."""

import torch

from .distance import DistanceAlignment

# Bandwidths of the kernels, in mean squared distances.
_BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


class DAN(DistanceAlignment):
    """Features whose squared maximum mean discrepancy is small, under five Gaussian kernels.

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features follow the distance. It rises to this value during the training.

    References
    ----------
    Long et al., "Learning transferable features with deep adaptation networks", ICML 2015.

    Examples
    --------
    >>> from skuowq.networks import DAN
    >>> DAN(weight=1)
    DAN(weight=1)
    """

    def distance(self, first, second):
        return squared_mmd(first, second)


def squared_mmd(first, second):
    """Unbiased estimate of the squared maximum mean discrepancy of two sets of rows."""
    n, m = len(first), len(second)
    rows = torch.cat([first, second])
    squared = _squared(rows)
    bandwidth = squared.detach().sum() / ((n + m) * (n + m - 1))
    scaled = squared / bandwidth.clamp_min(1e-12)
    kernel = sum(torch.exp(-scaled / width) for width in _BANDWIDTHS) / len(_BANDWIDTHS)
    within_first = (kernel[:n, :n].sum() - n) / (n * (n - 1))
    within_second = (kernel[n:, n:].sum() - m) / (m * (m - 1))
    return within_first + within_second - 2 * kernel[:n, n:].mean()


def _squared(rows):
    """Squared distances; their gradient is finite where rows are equal."""
    norms = (rows**2).sum(dim=1)
    return (norms[:, None] + norms[None, :] - 2 * rows @ rows.T).clamp_min(0)
