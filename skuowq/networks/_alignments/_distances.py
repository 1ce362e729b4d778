"""Features whose distributions are close by a distance that needs no discriminator."""

import torch

from ._alignment import Alignment

# Bandwidths of the kernels, in mean squared distances.
_BANDWIDTHS = (0.25, 0.5, 1.0, 2.0, 4.0)


class DistanceAlignment(Alignment):
    """A distance of source and target features, which the features make small."""

    def forward(self, network, batch):
        if not self.matches or len(batch.source) < 2 or len(batch.unlabeled) < 2:
            return super().forward(network, batch)
        return batch.strength * self.distance(batch.source, batch.unlabeled)


class KernelAlignment(DistanceAlignment):
    """DAN: Long et al., "Learning transferable features with deep adaptation networks", ICML 2015.

    The squared maximum mean discrepancy of source and target features, under the mean of five
    Gaussian kernels.
    """

    def distance(self, first, second):
        return squared_mmd(first, second)


class CorrelationAlignment(DistanceAlignment):
    """Deep CORAL: Sun and Saenko, ECCV 2016 workshops. The squared distance of the covariances,
    over ``4 d^2`` for ``d`` features."""

    def distance(self, first, second):
        difference = torch.cov(first.T) - torch.cov(second.T)
        return (difference**2).sum() / (4 * first.shape[1] ** 2)


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
