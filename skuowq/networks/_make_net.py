"""The skorch net of an estimator that makes its own module."""

import torch
from skorch import NeuralNetClassifier


def make_net(clf, module, options):
    """A net with the estimator's training parameters.

    Parameters
    ----------
    clf : estimator
        With ``optimizer``, ``lr``, ``max_epochs``, ``batch_size``, ``train_split``, ``callbacks``
        and ``device``.
    module : type
    options : dict
        Arguments of the module.

    Returns
    -------
    net : NeuralNetClassifier
    """
    return NeuralNetClassifier(
        module,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=clf.optimizer or torch.optim.Adam,
        lr=clf.lr,
        max_epochs=clf.max_epochs,
        batch_size=clf.batch_size,
        train_split=clf.train_split,
        callbacks=clf.callbacks,
        device=clf.device,
        **{f"module__{name}": value for name, value in options.items()},
    )
