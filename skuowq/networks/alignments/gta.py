"""GTA: features from which inputs like the source's can be generated."""

import torch
import torch.nn.functional as F
from torch import nn

from .alignment import Alignment, AlignmentPart

_N_NOISE = 8
_N_HIDDEN = 64
# How much the features learn from the class of generated inputs, and from fooling the critic.
_CLASS_WEIGHT = 0.1
_FOOL_WEIGHT = 0.1


class GTA(Alignment):
    """Features from which inputs like the source's can be generated, for rows of numbers.

    A generator makes inputs from features, a label and noise; for target rows the label is unknown.
    A critic tells the source's inputs from generated ones and names their class. The features learn
    to be such that generated inputs have the source's class, and that those from target features
    pass for the source's.

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features learn through generator and critic. It rises to this value during
        the training.

    References
    ----------
    Sankaranarayanan et al., "Generate to adapt", CVPR 2018.

    Examples
    --------
    >>> from skuowq.networks import GTA
    >>> GTA(weight=1)
    GTA(weight=1)
    """

    def build(self, sizes, classifier):
        return _Players(sizes)


class _Players(AlignmentPart):
    def __init__(self, sizes):
        super().__init__()
        self.n_classes = sizes.n_classes
        conditions = sizes.n_features + sizes.n_classes + 1 + _N_NOISE
        self.generator = nn.Sequential(
            nn.Linear(conditions, _N_HIDDEN),
            nn.ReLU(),
            nn.Linear(_N_HIDDEN, sizes.n_inputs),
        )
        self.critic = nn.Sequential(
            nn.Linear(sizes.n_inputs, _N_HIDDEN),
            nn.LeakyReLU(0.2),
            nn.Linear(_N_HIDDEN, 1 + sizes.n_classes),
        )

    def forward(self, batch):
        unknown = torch.full_like(batch.y_source[:1], self.n_classes)
        real = batch.X_source.flatten(1).to(batch.source)
        ours, theirs = batch.source, batch.unlabeled
        # Each player learns while the others stand still: the critic from what has been generated,
        # the generator from features as they are, the features through both.
        made = self._generate(self.generator, ours.detach(), batch.y_source)
        made_from_target = self._generate(self.generator, theirs.detach(), unknown)
        verdict = self.critic(real)
        critic_loss = (
            _binary(verdict[:, 0], 1.0)
            + F.cross_entropy(verdict[:, 1:], batch.y_source)
            + _binary(self.critic(made.detach())[:, 0], 0.0)
            + _binary(self.critic(made_from_target.detach())[:, 0], 0.0)
        )
        critic, generator = _standing(self.critic), _standing(self.generator)
        seen = critic(made)
        generator_loss = _binary(seen[:, 0], 1.0) + F.cross_entropy(seen[:, 1:], batch.y_source)
        named = critic(self._generate(generator, ours, batch.y_source))[:, 1:]
        passed = critic(self._generate(generator, theirs, unknown))[:, 0]
        feature_loss = _CLASS_WEIGHT * F.cross_entropy(named, batch.y_source)
        feature_loss = feature_loss + _FOOL_WEIGHT * _binary(passed, 1.0)
        return critic_loss + generator_loss + batch.strength * feature_loss

    def _generate(self, generator, features, labels):
        labels = labels.expand(len(features))
        noise = torch.randn(len(features), _N_NOISE, device=features.device, dtype=features.dtype)
        one_hot = F.one_hot(labels, self.n_classes + 1).to(features)
        return generator(torch.cat([features, one_hot, noise], dim=1))


def _standing(module):
    """The module as a function of its input alone."""
    parameters = {name: value.detach() for name, value in module.named_parameters()}
    return lambda inputs: torch.func.functional_call(module, parameters, (inputs,))


def _binary(logits, truth):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, truth))
