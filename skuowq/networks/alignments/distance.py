"""Features whose distributions are close by a distance that needs no discriminator."""

from .alignment import Alignment, AlignmentPart


class DistanceAlignment(Alignment):
    """Base of the alignments that make a distance of source and target features small.

    A subclass defines ``distance(first, second)``: a number, from two tensors of features with a
    row each.

    Parameters
    ----------
    weight : float, default=0.1
        How strongly the features follow the distance. It rises to this value during the training.

    Examples
    --------
    >>> from skuowq.networks import DistanceAlignment
    >>> class Means(DistanceAlignment):
    ...     def distance(self, first, second):
    ...         return ((first.mean(dim=0) - second.mean(dim=0)) ** 2).sum()
    >>> Means(weight=2)
    Means(weight=2)
    """

    def build(self, sizes, classifier):
        return _Distance(self.distance)

    def distance(self, first, second):
        """How far the features of two sets of rows are apart.

        Parameters
        ----------
        first, second : Tensor of shape (n_rows, n_features)

        Returns
        -------
        distance : Tensor
            A number.
        """
        raise NotImplementedError(f"{type(self).__name__} has no distance: define the method")


class _Distance(AlignmentPart):
    def __init__(self, distance):
        super().__init__()
        self.distance = distance

    def forward(self, batch):
        if len(batch.source) < 2 or len(batch.unlabeled) < 2:
            return super().forward(batch)
        return batch.strength * self.distance(batch.source, batch.unlabeled)
