"""Trainings on disk: what an interrupted one needs to go on as if nothing had happened.

A training is known by its data, weights and seed, by the network's class and parameters, callbacks
included, and by where it starts; each has a file of its own in the folder, so that trainings in
parallel do not meet. What code a class has is not seen, nor what lies in the files that a data set
reads: delete the folder after changing either. After
every epoch the file holds the net, with optimiser, callbacks and history, and the state of the
random generators.
"""

import os
import pickle
from dataclasses import is_dataclass
from pathlib import Path

import joblib
import torch
from sklearn.base import clone
from torch.nn.parameter import is_lazy

from skuowq._data.dataset_rows import DatasetRows

from ._reading import ReadInputs

# Parameters of a net that change nothing of what it learns.
_NO_MATTER = ("verbose", "device", "accelerator", "callbacks__print_log__sink")


class Checkpoint:
    """The file of one training.

    Parameters
    ----------
    folder : str or Path
        Made if it does not exist.
    net : NeuralNetClassifier
        Initialised, before training.
    rows : WeightedRows
    seed : int
    origin : tuple
        What else decides the training: the state it starts from, the rule of its weights.
    """

    def __init__(self, folder, net, rows, seed, origin):
        folder = Path(folder)
        if folder.is_file():
            raise ValueError(f"checkpoint={str(folder)!r} is a file: pass a folder, new or old")
        folder.mkdir(parents=True, exist_ok=True)
        parameters = {
            name: by_content(value)
            for name, value in clone(net).get_params(deep=False).items()
            if name not in _NO_MATTER
        }
        kind = [f"{cls.__module__}.{cls.__qualname__}" for cls in net.own_class.__mro__]
        state = _numbers(net.module_)
        data = [rows.X, rows.y, rows.weight, rows.domain, getattr(rows, "unlabeled", None)]
        try:
            key = joblib.hash([kind, parameters, state, by_content(data), seed, origin])
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise _not_pickled(error) from error
        self.path = folder / f"{key}.pkl"

    def save(self, net, source_weights, rule, *, finished):
        """Replace the file at one stroke: a killed process leaves the old one or the new one."""
        state = {
            "source_weights": list(source_weights),
            "rule": rule,
            "random": torch.get_rng_state(),
            # Early stopping leaves the best weights out of its own pickle.
            "best": {
                name: getattr(callback, "best_model_weights_", None)
                for name, callback in net.callbacks_
            },
            "finished": finished,
        }
        if torch.cuda.is_available():
            state["random_cuda"] = torch.cuda.get_rng_state()
        try:
            content = pickle.dumps({"net": net, **state})
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise _not_pickled(error) from error
        temporary = self.path.with_suffix(f".{os.getpid()}.part")
        temporary.write_bytes(content)
        os.replace(temporary, self.path)

    def load(self):
        """What was saved, or None."""
        if not self.path.exists():
            return None
        try:
            saved = pickle.loads(self.path.read_bytes())
        except (pickle.UnpicklingError, EOFError, AttributeError) as error:
            raise ValueError(
                f"the checkpoint {self.path} cannot be read ({error}): delete it to train anew"
            ) from error
        net = saved["net"]
        # Pickled apart from the optimiser that the net has, schedulers would move a copy of it.
        for name, callback in net.callbacks_:
            if saved["best"].get(name) is not None:
                callback.best_model_weights_ = saved["best"][name]
            scheduler = getattr(callback, "lr_scheduler_", None)
            if scheduler is not None:
                scheduler.optimizer = net.optimizer_
        return saved

    def restore_random(self, saved):
        torch.set_rng_state(saved["random"])
        if "random_cuda" in saved and torch.cuda.is_available():
            torch.cuda.set_rng_state(saved["random_cuda"])


def by_content(value):
    """A value by which two trainings are told apart: torch modules and objects by what they hold.

    Parameters
    ----------
    value : object
        Dicts, dataclasses and objects that have `get_params` are looked into.
    """
    if isinstance(value, torch.nn.Module):
        return [*_kind(value), repr(value), _numbers(value)]
    if isinstance(value, torch.Tensor):
        return value.cpu().numpy()
    if isinstance(value, (list, tuple)):
        return [by_content(part) for part in value]
    if isinstance(value, ReadInputs):
        return by_content(value.rows)
    if isinstance(value, DatasetRows):
        return by_content([value.datasets, value.number, value.index])
    if isinstance(value, torch.utils.data.Dataset):
        return [*_kind(value), by_content(vars(value))]
    if isinstance(value, dict):
        return {name: by_content(part) for name, part in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return [*_kind(value), by_content(vars(value))]
    if hasattr(value, "get_params") and not isinstance(value, type):
        return [*_kind(value), by_content(value.get_params(deep=False))]
    return value


def _kind(value):
    return [type(value).__module__, type(value).__qualname__]


def _numbers(module):
    state = module.state_dict().items()
    return {name: value.cpu().numpy() for name, value in state if not is_lazy(value)}


def _not_pickled(error):
    return ValueError(
        f"the network or a data set cannot be pickled ({error}), so a checkpoint cannot hold it: "
        "define module, callbacks, data sets and transforms at the top of a module, without lambdas"
    )
