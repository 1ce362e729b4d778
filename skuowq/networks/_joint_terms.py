"""What the terms of the joint objective are after the training."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ._aligned_training import device_of
from ._inputs import as_inputs
from ._reading import sample_of
from ._split import split_classifier
from ._training import row_losses

_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class JointTerms:
    """Means over all rows of a domain, without the factors of the objective.

    Attributes
    ----------
    target_loss : float
        Of the target's head.
    source_losses : ndarray of shape (n_sources,)
        Of each source's head, on its rows.
    transport : ndarray of shape (n_sources,) or None
        From each source's head to the target's, on the target's rows. None where nothing is
        carried.
    """

    target_loss: float
    source_losses: np.ndarray
    transport: np.ndarray | None


@torch.no_grad()
def joint_terms(net, target, sources):
    """The terms of a joint objective that a net was trained with.

    Parameters
    ----------
    net : NeuralNetClassifier
        Trained with a `JointObjective`.
    target : Domain
    sources : list of Domain

    Returns
    -------
    terms : JointTerms
    """
    joint = net.objective_.eval()
    sample = sample_of(as_inputs(net, target.X)).to(device_of(net.module_))
    classifier = split_classifier(net.module_.eval(), sample)
    Z = _features(net, classifier, target.X, sample.device)
    y = torch.as_tensor(target.y, device=sample.device)
    logits = classifier.logits(Z)
    losses = row_losses(net, net.get_loss, len(y), classifier.ending(logits), y, training=False)
    theirs = [
        F.cross_entropy(
            head(_features(net, classifier, source.X, sample.device)),
            torch.as_tensor(source.y, device=sample.device),
            reduction="none",
        )
        for head, source in zip(joint.source_heads, sources, strict=True)
    ]
    transport = None
    if joint.objective.costs is not None:
        known = logits[:, : joint.objective.n_classes]
        carried = [joint.carried_from(k, Z, known, y) for k in range(len(sources))]
        transport = np.array([_mean(rows, target) for rows in carried])
    return JointTerms(
        target_loss=_mean(losses, target),
        source_losses=np.array([_mean(*pair) for pair in zip(theirs, sources, strict=True)]),
        transport=transport,
    )


def _features(net, classifier, X, device):
    parts = as_inputs(net, X).split(_ROWS_AT_ONCE)
    return torch.cat([classifier.features(rows.to(device)) for rows in parts])


def _mean(losses, domain):
    return float(np.average(losses.cpu().double().numpy(), weights=domain.sample_weight))
