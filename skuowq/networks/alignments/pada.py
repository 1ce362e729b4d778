"""PADA: DANN in which classes that the target lacks weigh less."""

import torch

from .alignment import AlignmentPart
from .dann import DANN


class PADA(DANN):
    """DANN in which source rows of classes that the target seems to lack weigh less.

    Parameters
    ----------
    weight, labels, discriminator, discriminator_size
        As in :class:`DANN`.

    References
    ----------
    Cao et al., "Partial adversarial domain adaptation", ECCV 2018.

    Examples
    --------
    >>> from skuowq.networks import PADA
    >>> PADA(weight=1)
    PADA(weight=1)
    """

    def build(self, sizes, classifier):
        return _ClassWeights(sizes.n_classes)


class _ClassWeights(AlignmentPart):
    def __init__(self, n_classes):
        super().__init__()
        self.register_buffer("class_weight", torch.ones(n_classes))

    def begin_epoch(self, classifier, X_target, progress):
        if progress == 0:
            return  # The network knows nothing about classes yet.
        classifier.module.eval()
        n_classes = len(self.class_weight)
        with torch.no_grad():
            logits = [classifier.logits(classifier.features(X)) for X in X_target.split(1024)]
            parts = [torch.softmax(part[:, :n_classes], dim=1) for part in logits]
        share = torch.cat(parts).mean(dim=0)
        self.class_weight.copy_(share / share.max())

    def row_weight(self, y):
        return self.class_weight[y]
