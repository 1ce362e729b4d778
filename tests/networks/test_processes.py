"""More than one process: gloo through accelerate, and a Dask cluster through joblib."""

import pytest

pytest.importorskip("torch")

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
from nets import make_net
from numpy.testing import assert_allclose

from skuowq import MultiTaskUOWQClassifier, UOWQClassifier
from skuowq.datasets import make_classification_tasks
from skuowq.rules import PlugIn
from skuowq.theory import Poisson, validate

TASKS = make_classification_tasks(
    n_target=40, n_samples=(300, 300), discrepancies=(0.0, 4.0), random_state=0
)

SCRIPT = """
import json, sys, warnings
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
import torch
from accelerate import Accelerator
from nets import make_net, MLP
from skorch import NeuralNetClassifier
from skorch.hf import AccelerateMixin
from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks

class Net(AccelerateMixin, NeuralNetClassifier):
    pass

torch.set_num_threads(1)
tasks = make_classification_tasks(
    n_target=40, n_samples=(300, 300), discrepancies=(0.0, 4.0), random_state=0
)
accelerator = Accelerator(cpu=True)
net = Net(
    MLP, accelerator=accelerator, module__n_features=tasks.X_target.shape[1], module__n_classes=3,
    criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.SGD, lr=0.2, max_epochs=6,
    batch_size=64, train_split=None, verbose=0,
)
clf = UOWQClassifier(net, random_state=0).fit(
    tasks.X_target, tasks.y_target, sources=tasks.sources
)
parameters = torch.cat([p.detach().ravel() for p in clf.estimator_.module_.parameters()])
print("RESULT " + json.dumps([
    accelerator.num_processes, clf.source_weights_.tolist(), parameters.tolist()
]))
accelerator.end_training()
"""


def run(n_processes):
    """Results of a fit in so many processes that train together."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = []
    for rank in range(n_processes):
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        if n_processes > 1:
            environment |= {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(n_processes),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            }
        processes.append(
            subprocess.Popen(
                [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[1])],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    results = []
    for process in processes:
        out, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
        (line,) = [row for row in out.splitlines() if row.startswith("RESULT ")]
        results.append(json.loads(line.removeprefix("RESULT ")))
    return results


@pytest.mark.slow
def test_two_processes_train_what_one_does():
    ((one, weights, parameters),) = run(1)
    together = run(2)
    assert one == 1
    for n_processes, its_weights, its_parameters in together:
        assert n_processes == 2
        assert_allclose(its_weights, weights, rtol=1e-3)
        assert_allclose(its_parameters, parameters, rtol=1e-2, atol=1e-4)
    # Both hold the very same network.
    assert together[0][2] == together[1][2]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_is_a_backend_as_any_other():
    from distributed import Client

    plugin = UOWQClassifier(
        make_net(max_epochs=3), discrepancy=PlugIn(2, "all", update_every=1), random_state=0
    )
    X = np.concatenate([TASKS.X_target, *(X for X, _ in TASKS.sources)])
    y = np.concatenate([TASKS.y_target, *(y for _, y in TASKS.sources)])
    task = np.repeat([0, 1, 2], [len(TASKS.y_target), *(len(y) for _, y in TASKS.sources)])
    arguments = (Poisson(2), [2.0, 3.0], [[2.1], [3.1]], 100, 400)

    def everything():
        clf = plugin.fit(TASKS.X_target, TASKS.y_target, sources=TASKS.sources)
        several = MultiTaskUOWQClassifier().fit(X, y, task=task)
        result = validate(*arguments, n_repeats=200, random_state=0)
        return clf.source_weights_, several.source_weights_, result.simulated

    alone = everything()
    with (
        Client(n_workers=2, threads_per_worker=1, dashboard_address=None) as client,
        joblib.parallel_config(backend="dask", client=client, n_jobs=2),
    ):
        client.run(lambda path: sys.path.insert(0, path), str(Path(__file__).parents[1]))
        found = everything()
    for a, b in zip(alone, found, strict=True):
        assert_allclose(b, a, rtol=1e-5)
