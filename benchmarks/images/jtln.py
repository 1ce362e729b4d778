"""JTLN's setting: a network pretrained on ImageNet, tuned jointly with transport between heads.

Ten labelled images a class of the target and 1,000 images of a source. Problems: Fashion-MNIST with
MNIST as its source (no class in common), and three pairs of digit domains. EfficientNet-lite0 is
tuned whole, its backbone at a tenth of the head's rate; every method makes as many steps.

"consecutive" tunes the network on the source and then, with a new head, on the target; "joint" is
`transport_weight=0`. JTLN's costs are distances between classes on the features of the network as
it is before the tuning. Log loss and accuracy on other images of the target, means over draws with
standard errors, and the paired differences to "joint" and to "consecutive".

Results go to benchmarks/results/images_jtln.json as they come, and a second call goes on where the
first stopped.

    .venv/bin/python benchmarks/images/jtln.py [root]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from backbone import WIDTH, make_net
from folders import fashion, folders, labels_of, parted
from joblib import Parallel, delayed
from mean_and_error import in_words
from sklearn.metrics import log_loss
from torch import nn
from torch.utils.data import Subset

from skuowq import JTLNClassifier
from skuowq._data.dataset_rows import DatasetRows
from skuowq._data.domains import Domain
from skuowq.networks import predict_proba, train_weighted

RESULTS = Path(__file__).parents[1] / "results"
N_SOURCE = 1000
PROBLEMS = {
    "MNIST to clothes": ("mnist", "fashion"),
    "MNIST in photographs to MNIST": ("mnist_m", "mnist"),
    "pen to optical": ("pen", "optical"),
    "fonts to MNIST": ("fonts", "mnist"),
}


def draw(root, problem, seed):
    """Target, source and rows to test on."""
    rng = np.random.RandomState(seed)
    domains = folders(root)
    source, target = PROBLEMS[problem]
    images = fashion(root) if target == "fashion" else domains[target]
    labelled, test = parted(images, 10, rng)
    theirs = rng.permutation(len(domains[source]))[:N_SOURCE]
    return labelled, Subset(domains[source], theirs), test


def as_domain(subset):
    return Domain(DatasetRows.of(subset, "rows"), labels_of(subset), np.ones(len(subset)))


def consecutive(target, source, seed, epochs):
    net, start = make_net("pretrained", 10, epochs), None
    if source is not None:
        first = train_weighted(net, as_domain(source), [], [], seed=seed)
        start = first.module_.state_dict()
        torch.manual_seed(seed)
        head = nn.Linear(WIDTH, 10).state_dict()
        start |= {f"head.{name}": value for name, value in head.items()}
    tuned = train_weighted(
        net, as_domain(target), [], [], seed=seed, start=start, epoch_rows=N_SOURCE
    )
    return lambda test: predict_proba(tuned, DatasetRows.of(test, "rows"))


def joint(**options):
    def fit(target, source, seed, epochs):
        net = make_net("pretrained", 10, epochs)
        clf = JTLNClassifier(net, random_state=seed, **options).fit(target, sources=[source])
        return clf.predict_proba

    return fit


METHODS = {
    "target alone": lambda target, source, seed, epochs: consecutive(target, None, seed, epochs),
    "consecutive": consecutive,
    "joint": joint(transport_weight=0),
    "JTLN": joint(),
    "JTLN, weight .1": joint(transport_weight=0.1),
}


def measured(root, problem, method, seed, epochs):
    torch.set_num_threads(1)
    target, source, test = draw(root, problem, seed)
    proba = METHODS[method](target, source, seed, epochs)(test).clip(1e-7)
    proba /= proba.sum(axis=1, keepdims=True)
    y = labels_of(test)
    return [float(log_loss(y, proba, labels=np.arange(10))), float((proba.argmax(1) == y).mean())]


def report(known):
    for problem in PROBLEMS:
        found = {}
        for key, values in known.items():
            name, method, seed, _ = key.split("/")
            if name == problem:
                found.setdefault(method, {})[seed] = values
        if set(found) != set(METHODS):
            continue
        seeds = sorted(set.intersection(*(set(values) for values in found.values())))
        table = {m: np.array([found[m][seed] for seed in seeds]) for m in METHODS}
        print(f"\n{problem}, {len(seeds)} draws: log loss, accuracy; both less joint; consecutive")
        for method, values in table.items():
            columns = [values, values - table["joint"], values - table["consecutive"]]
            print(f"{method:18s}" + "".join(in_words(c) for part in columns for c in part.T))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?", default=RESULTS / "digit_folders")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    from digit_folders import write

    write(arguments.root)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "images_jtln.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    cells = [
        (problem, method, seed, arguments.epochs)
        for seed in range(arguments.draws)
        for problem in PROBLEMS
        for method in METHODS
    ]
    cells = [cell for cell in cells if "/".join(map(str, cell)) not in known]
    found = Parallel(arguments.jobs, return_as="generator")(
        delayed(measured)(arguments.root, *cell) for cell in cells
    )
    for cell, values in zip(cells, found, strict=True):
        known["/".join(map(str, cell))] = values
        file.write_text(json.dumps(known, indent=1))
        print(*cell, values, flush=True)
    report(known)


if __name__ == "__main__":
    main()
