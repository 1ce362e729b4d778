"""Features that a discriminator cannot tell apart: DANN, and with a twist each ADDA and PADA.

All three play the game of equation 10 (Wang et al., CVPR 2019), which the network itself plays with
its discriminator, the gate; what differs is who plays for the source.
"""

from copy import deepcopy

import torch

from ._alignment import Alignment


class Dann(Alignment):
    """Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016."""

    adversarial = True


class Adda(Dann):
    """A source encoder that stands still: Tzeng et al., "Adversarial discriminative domain
    adaptation", CVPR 2017.

    In the first half of the training one encoder learns from both domains and nothing is aligned.
    Then a copy of it keeps encoding the source, and the target's encoder moves towards it.
    """

    encodes_apart = True

    def __init__(self, sizes, matches):
        super().__init__(sizes, matches)
        self.frozen = None
        self.register_buffer("apart", torch.tensor(False))

    def prepare(self, features):
        """Room for the source's encoder."""
        self.frozen = deepcopy(features).requires_grad_(False)

    def begin_epoch(self, network, X_target, progress):
        if progress >= 0.5 and not self.apart:
            self.frozen.load_state_dict(network.features.state_dict())
            self.apart.fill_(True)

    def plays(self):
        return bool(self.apart)

    def source_features(self, network):
        if not self.apart:
            return network.features
        return self.frozen.eval()


class Pada(Dann):
    """Classes that the target lacks weigh less: Cao et al., "Partial adversarial domain
    adaptation", ECCV 2018."""

    def __init__(self, sizes, matches):
        super().__init__(sizes, matches)
        self.register_buffer("class_weight", torch.ones(sizes.n_classes))

    def begin_epoch(self, network, X_target, progress):
        if progress == 0:
            return  # The network knows nothing about classes yet.
        network.eval()
        with torch.no_grad():
            parts = [torch.softmax(network(X), dim=1) for X in X_target.split(1024)]
        share = torch.cat(parts).mean(dim=0)
        self.class_weight.copy_(share / share.max())

    def row_weight(self, y):
        return self.class_weight[y]
