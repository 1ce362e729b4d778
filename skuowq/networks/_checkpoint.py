"""Trainings on disk: what an interrupted one needs to go on as if nothing had happened.

A training is known by its data, weights, seed, sizes and network; each has a file of its own in the
folder, so that trainings in parallel do not meet. After every epoch the file holds the net, with
optimiser, callbacks and history, and the state of the random generators.
"""

import os
import pickle
from pathlib import Path

import joblib
import torch


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
    """

    def __init__(self, folder, net, rows, seed):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        shapes = {key: tuple(value.shape) for key, value in net.module_.state_dict().items()}
        settings = [type(net.module_).__name__, shapes, type(net.optimizer_).__name__]
        settings += [net.max_epochs, net.batch_size, net.lr, seed]
        data = [rows.X.numpy(), rows.y.numpy(), rows.weight.numpy()]
        self.path = folder / f"{joblib.hash([settings, data])}.pkl"

    def save(self, net, own_class, source_weights, rule, *, finished):
        """Replace the file at one stroke: a killed process leaves the old one or the new one."""
        weighted = type(net)
        # As the user's net, without what the training adds.
        own = {name: net.__dict__.pop(name) for name in net.training_attributes}
        net.__class__ = own_class
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
            raise ValueError(
                f"the network cannot be pickled ({error}), so a checkpoint cannot hold it: define "
                "its module and callbacks at the top of a module, without lambdas"
            ) from error
        finally:
            net.__class__ = weighted
            net.__dict__.update(own)
        temporary = self.path.with_suffix(f".{os.getpid()}.part")
        temporary.write_bytes(content)
        os.replace(temporary, self.path)

    def load(self):
        """What was saved, or None."""
        if not self.path.exists():
            return None
        saved = pickle.loads(self.path.read_bytes())
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
