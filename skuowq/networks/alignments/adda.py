"""ADDA: the target's features move towards those of a source encoder that stands still."""

from copy import deepcopy
from dataclasses import replace

import torch

from .alignment import AlignmentPart
from .dann import DANN


class ADDA(DANN):
    """Features of the target that move towards those of a source encoder that stands still.

    In the first half of the training one encoder learns from both domains and nothing is aligned.
    Then a copy of it keeps encoding the source, and the target's encoder moves towards it.

    Parameters
    ----------
    weight, labels, discriminator, discriminator_size
        As in :class:`DANN`.

    References
    ----------
    Tzeng et al., "Adversarial discriminative domain adaptation", CVPR 2017.

    Examples
    --------
    >>> from skuowq.networks import ADDA
    >>> ADDA(labels="marginal")
    ADDA(labels='marginal')
    """

    def build(self, sizes, classifier):
        return _FrozenEncoder(classifier.module)


class _FrozenEncoder(AlignmentPart):
    encodes_apart = True

    def __init__(self, module):
        super().__init__()
        self.frozen = deepcopy(module).requires_grad_(False)
        self.register_buffer("apart", torch.tensor(False))

    def begin_epoch(self, classifier, X_target, progress):
        if progress >= 0.5 and not self.apart:
            self.frozen.load_state_dict(classifier.module.state_dict())
            self.apart.fill_(True)

    def is_idle(self):
        return not self.apart

    def source_classifier(self, classifier):
        if not self.apart:
            return classifier
        return replace(classifier, module=self.frozen.eval())
