"""The small network that stands where no other is given."""

import torch
from skorch import NeuralNetClassifier
from torch import nn

from skuowq._utils._checks import check_hidden_layer_sizes

from ._training import best_device


class Perceptron(nn.Module):
    """Layers of rectified linear units, and a linear layer on them.

    Parameters
    ----------
    n_inputs, n_classes : int
    hidden_layer_sizes : tuple of int
    """

    def __init__(self, n_inputs, n_classes, hidden_layer_sizes=(64, 64)):
        super().__init__()
        layers, width = [nn.Flatten()], n_inputs
        for size in check_hidden_layer_sizes(hidden_layer_sizes):
            layers += [nn.Linear(width, size), nn.ReLU()]
            width = size
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(width, n_classes)

    def forward(self, X):
        return self.head(self.features(X))


class PerceptronClassifier(NeuralNetClassifier):
    """A net that takes the sizes of its perceptron from the data; see `make_perceptron`."""

    data_sizes_ = None

    def take_sizes(self, n_inputs, n_classes):
        """Columns of the rows and classes that the next initialisation is for."""
        self.data_sizes_ = {"n_inputs": n_inputs, "n_classes": n_classes}

    def get_params_for(self, prefix):
        found = super().get_params_for(prefix)
        if prefix == "module" and self.data_sizes_ is not None:
            found = self.data_sizes_ | found
        return found

    def get_params_for_optimizer(self, prefix, named_parameters):
        """Adam in one operation for all parameters, which is faster in small networks."""
        groups, found = super().get_params_for_optimizer(prefix, named_parameters)
        if self.optimizer is torch.optim.Adam and "foreach" not in found:
            found.setdefault("fused", True)
        return groups, found

    def initialize(self):
        if self.data_sizes_ is None:
            raise ValueError(
                "the perceptron takes its sizes from the data: call fit, or pass the net as "
                "estimator"
            )
        return super().initialize()

    def fit(self, X, y, **fit_params):
        """Fit a perceptron with as many inputs and outputs as the data ask for.

        Parameters
        ----------
        X : ndarray of float32 of shape (n_samples, ...)
        y : ndarray of int of shape (n_samples,)
            Class indices.
        **fit_params : dict
            As in skorch.

        Returns
        -------
        self : PerceptronClassifier
        """
        self.take_sizes(X[0].size if hasattr(X[0], "shape") else len(X[0]), int(max(y)) + 1)
        return super().fit(X, y, **fit_params)


def make_perceptron(hidden_layer_sizes=(64, 64), *, max_epochs=60, lr=0.001, **net_options):
    """A skorch net of a perceptron that takes its sizes from the data.

    It is what the estimators with networks train where `estimator` is None.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int, default=(64, 64)
        The last is the number of features.
    max_epochs : int, default=60
    lr : float, default=0.001
    **net_options : dict
        Other parameters of :class:`skorch.NeuralNetClassifier`. By default the optimizer is a fused
        Adam, a batch has 64 rows, the criterion is the cross entropy, no rows validate, and the
        device is a GPU where there is one.

    Returns
    -------
    net : skorch.NeuralNetClassifier
        Not fitted.

    Examples
    --------
    >>> from skuowq import DiscriminatorGateClassifier
    >>> from skuowq.networks import make_perceptron
    >>> clf = DiscriminatorGateClassifier(make_perceptron((16,), max_epochs=10))
    >>> clf.estimator.max_epochs
    10
    """
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "batch_size": 64,
        "train_split": None,
        "device": best_device(),
    } | net_options
    return PerceptronClassifier(
        Perceptron,
        module__hidden_layer_sizes=hidden_layer_sizes,
        max_epochs=max_epochs,
        lr=lr,
        **options,
    )
