"""What a net carries and a training on several domains cannot honour is refused by name."""

from skorch.dataset import Dataset
from torch.utils.data import DataLoader

# Of `iterator_train`: batches hold rows of all domains, are drawn at random, and lie in memory.
_MEANS_NOTHING = {"shuffle": True, "num_workers": 0, "drop_last": False, "pin_memory": False}


def check_honoured(net, replaced):
    """Refuse a net with settings that its training would pass over.

    Parameters
    ----------
    net : NeuralNet
    replaced : sequence of str
        Methods of the net that are not called during the training.

    Raises
    ------
    ValueError
        Naming the setting, and what can be done instead.
    """
    _check_dataset(net)
    _check_iterator(net)
    if net.warm_start:
        raise ValueError(
            "estimator has warm_start=True, and each of its trainings begins anew: leave it out, "
            "and pass a trained module as module=module_ to go on from it"
        )
    for name in replaced:
        owner = next(kind for kind in type(net).__mro__ if name in vars(kind))
        if owner.__module__.partition(".")[0] != "skorch":
            raise ValueError(
                f"estimator: {owner.__name__} has its own {name}, which the training on target and "
                "sources replaces: do it in the module's forward, in get_loss or in a callback"
            )


def _check_dataset(net):
    options = net.get_params_for("dataset")
    if net.dataset is not Dataset or options:
        given = f"dataset__{next(iter(options))}" if options else f"dataset={net.dataset!r}"
        raise ValueError(
            f"estimator has {given}, and batches of target and source rows are drawn from arrays: "
            "leave it out, and transform rows before the fit or in the module's forward"
        )


def _check_iterator(net):
    if net.iterator_train is not DataLoader:
        raise ValueError(
            f"estimator has iterator_train={net.iterator_train!r}, and batches hold target and "
            "source rows in proportions of their own: leave it out"
        )
    for name, value in net.get_params_for("iterator_train").items():
        if name == "batch_size" or (name in _MEANS_NOTHING and value == _MEANS_NOTHING[name]):
            continue
        raise ValueError(
            f"estimator has iterator_train__{name}={value!r}, and batches of target and source "
            "rows are drawn at random from memory: leave it out (iterator_train__batch_size and "
            "iterator_train__shuffle=True are honoured)"
        )
