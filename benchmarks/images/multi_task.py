"""UOWQ's experiment with many tasks: as many labelled images of each domain, each domain a target.

Domains and networks as in `uowq.py`; ``--per-class`` labelled images a class of each domain. Each
task has a classifier of its own, trained on the images of all domains with the weights that are
best for that task. Beside it: each domain alone, and all images alike.

Accuracy and log loss on other images, means over domains; over draws, mean and standard error, and
the paired differences to each domain alone. Results go to benchmarks/results/images_multi_task.json
as they come, and a second call goes on where the first stopped.

    .venv/bin/python benchmarks/images/multi_task.py [root] [--network small] [--draws 5]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from backbone import Backbone, make_net
from folders import folders, labels_of, parted
from mean_and_error import in_words
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss

from skuowq import MultiTaskUOWQClassifier
from skuowq.networks import extract_features
from skuowq.rules import PlugIn

RESULTS = Path(__file__).parents[1] / "results"
N_COMPONENTS = 64
FAR = 1e6


def rules(n_tasks):
    """A discrepancy that is far for all, none at all, the paper's rules, and the default."""
    others = n_tasks - 1
    return {
        "each domain alone": np.broadcast_to(FAR * np.eye(others), (n_tasks, others, others)),
        "all images alike": np.zeros((n_tasks, others, others)),
        "static": PlugIn(n_updates=0),
        "dynamic": PlugIn(),
        "the default": "reml",
    }


def draw(domains, arguments, seed):
    """Labelled rows of all tasks and rows to test on, each as X, y and task."""
    rng = np.random.RandomState(seed)
    pairs = [parted(images, arguments.per_class, rng) for images in domains.values()]
    labelled, test = (
        [
            np.concatenate(column)
            for column in zip(*(as_arrays(part, arguments) for part in parts), strict=True)
        ]
        for parts in zip(*pairs, strict=True)
    )
    names = list(domains)
    tasks = [np.repeat(names, [len(pair[which]) for pair in pairs]) for which in (0, 1)]
    if arguments.network == "frozen":
        components = PCA(N_COMPONENTS, whiten=True, random_state=0).fit(labelled[0])
        labelled[0], test[0] = (components.transform(part[0]) for part in (labelled, test))
    return (*labelled, tasks[0]), (*test, tasks[1])


def as_arrays(part, arguments):
    if arguments.network == "small":
        return np.array([part[i][0] for i in range(len(part))]), labels_of(part)
    features = extract_features(part.dataset, Backbone(), cache=RESULTS / "image_features")
    return features[part.indices], labels_of(part)


def measured(rule, labelled, test, arguments, seed):
    """Accuracy and log loss, means over tasks."""
    X, y, task = labelled
    net = None
    if arguments.network == "small":
        net = make_net("small", len(np.unique(y)), arguments.epochs)
    clf = MultiTaskUOWQClassifier(net, discrepancy=rule, random_state=seed).fit(X, y, task=task)
    X, y, task = test
    proba = clf.predict_proba(X, task=task)
    right, found = clf.classes_[proba.argmax(axis=1)] == y, []
    for name in clf.tasks_:
        of = task == name
        found.append([right[of].mean(), log_loss(y[of], proba[of], labels=clf.classes_)])
    return np.mean(found, axis=0).tolist()


def report(known, names, arguments):
    table = {
        name: np.array([known[key_of(name, seed, arguments)] for seed in range(arguments.draws)])
        for name in names
    }
    print(f"\n{arguments.draws} draws: accuracy, log loss; both less each domain alone")
    for name, values in table.items():
        columns = [*values.T, *(values - table["each domain alone"]).T]
        print(f"{name:20s}" + "".join(map(in_words, columns)))


def key_of(name, seed, arguments):
    parts = name, seed, arguments.network, arguments.per_class, arguments.epochs
    return "/".join(map(str, parts))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?", default=RESULTS / "digit_folders")
    parser.add_argument("--network", choices=("small", "frozen"), default="frozen")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=40)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    from digit_folders import write

    write(arguments.root)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "images_multi_task.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    domains = folders(arguments.root)
    methods = rules(len(domains))
    for seed in range(arguments.draws):
        missing = {
            name: rule
            for name, rule in methods.items()
            if key_of(name, seed, arguments) not in known
        }
        if not missing:
            continue
        labelled, test = draw(domains, arguments, seed)
        for name, rule in missing.items():
            known[key_of(name, seed, arguments)] = measured(rule, labelled, test, arguments, seed)
            file.write_text(json.dumps(known, indent=1))
            print(name, seed, known[key_of(name, seed, arguments)], flush=True)
    report(known, methods, arguments)


if __name__ == "__main__":
    main()
