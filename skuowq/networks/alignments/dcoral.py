"""Deep CORAL: features whose covariances are close."""

import torch

from .distance import DistanceAlignment


class DCORAL(DistanceAlignment):
    """Features whose covariances are close.

    The distance is that of the covariances, squared, over ``4 d^2`` for ``d`` features.

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features follow the distance. It rises to this value during the training.

    References
    ----------
    Sun and Saenko, "Deep CORAL", ECCV 2016 workshops.

    Examples
    --------
    >>> from skuowq.networks import DCORAL
    >>> DCORAL(weight=1)
    DCORAL(weight=1)
    """

    def distance(self, first, second):
        difference = torch.cov(first.T) - torch.cov(second.T)
        return (difference**2).sum() / (4 * first.shape[1] ** 2)
