"""DANN: features that a discriminator cannot tell apart."""

from numbers import Integral
from typing import ClassVar

from skuowq._utils._sklearn import Interval, StrOptions

from .alignment import Alignment


class DANN(Alignment):
    """Features that a discriminator of domains cannot tell apart.

    The features descend minus `weight` times the discriminator's objective (equation 10 of Wang et
    al., CVPR 2019).

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features play against the discriminator. It rises to this value during the
        training, as ``2 / (1 + exp(-10 p)) - 1``. The paper's is 1.
    labels : {"both", "joint", "marginal"}, default="both"
        What is made alike: the features ("marginal"), the features given the labels ("joint"), or
        both.
    discriminator : torch Module or its class, default=None
        Called with features and one-hot labels, with one column more than classes for "no label".
        It returns the log odds that a row is the target's: a column for each source, or one for
        all. None is a hidden layer and its product with an embedding of the label.
    discriminator_size : int, default=64
        Hidden units of the default discriminator.

    References
    ----------
    Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016.

    Examples
    --------
    >>> from skuowq import DiscriminatorGateClassifier
    >>> from skuowq.networks import DANN
    >>> clf = DiscriminatorGateClassifier(alignment=DANN(weight=0.1))
    >>> clf.set_params(alignment__weight=1).alignment
    DANN(weight=1)
    """

    plays = True

    _parameter_constraints: ClassVar[dict] = {
        **Alignment._parameter_constraints,
        "labels": [StrOptions({"both", "joint", "marginal"})],
        "discriminator": "no_validation",
        "discriminator_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, weight=0.1, *, labels="both", discriminator=None, discriminator_size=64):
        super().__init__(weight)
        self.labels = labels
        self.discriminator = discriminator
        self.discriminator_size = discriminator_size

    @property
    def sees_features(self):
        return self.labels in ("both", "marginal")

    @property
    def sees_labels(self):
        return self.labels in ("both", "joint")
