"""What a net carries and a training on several domains cannot honour is refused by name."""

from skorch.dataset import Dataset
from torch.utils.data import DataLoader

# Of `iterator_train`: batches hold rows of all domains, and are drawn at random.
_MEANS_NOTHING = {"shuffle": True, "drop_last": False}
# Where rows lie in memory nothing is loaded.
_LOADS_NOTHING = {"num_workers": 0, "pin_memory": False}
# Where they are read from data sets, these are a loader's.
_OF_THE_LOADER = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "prefetch_factor",
    "persistent_workers",
)


def check_honoured(net, replaced, *, reads=False):
    """Refuse a net with settings that its training would pass over.

    Parameters
    ----------
    net : NeuralNet
    replaced : sequence of str
        Methods of the net that are not called during the training.
    reads : bool, default=False
        Whether rows are read from data sets.

    Raises
    ------
    ValueError
        Naming the setting, and what can be done instead.
    """
    _check_dataset(net)
    _check_iterator(net, reads)
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
            f"estimator has {given}, and batches of target and source rows are drawn from what fit "
            "gets: leave it out, and transform rows before the fit, in the module's forward, or in "
            "data sets that fit and Sources take in place of arrays"
        )


def _check_iterator(net, reads):
    if net.iterator_train is not DataLoader:
        raise ValueError(
            f"estimator has iterator_train={net.iterator_train!r}, and batches hold target and "
            "source rows in proportions of their own: leave it out"
        )
    nothing = _MEANS_NOTHING if reads else _MEANS_NOTHING | _LOADS_NOTHING
    honoured = ("batch_size", *_OF_THE_LOADER) if reads else ("batch_size",)
    for name, value in net.get_params_for("iterator_train").items():
        if name in honoured or (name in nothing and value == nothing[name]):
            continue
        how = "at random" if reads else "at random from memory"
        raise ValueError(
            f"estimator has iterator_train__{name}={value!r}, and batches of target and source "
            f"rows are drawn {how}: leave it out (iterator_train__batch_size and "
            "iterator_train__shuffle=True are honoured; for data sets also collate_fn, workers and "
            "pinned memory)"
        )
