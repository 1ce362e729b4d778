"""UOWQ's experiment on folders of images: each domain the target once, all others its sources.

From a folder ``root/domain/class/*.png`` (the layout of Office-Home and DomainNet), read as torch
data sets; without an argument, five domains of digits that `digit_folders.py` makes. Of the target
10 labelled images a class (``--per-class``), of each source as many as ``--most`` says, the rest of
the target to test on, 1,000 images at most.

Methods: the target alone; all images alike; OTQMS (of each source the number of images that
`theory.optimal_quantity` gives for its plug-in discrepancy, on all parameters or on the head's
inputs); the paper's rule, static and dynamic, on all parameters and on the head; the default. Each
trains the same network from the same start; the target alone takes as many steps as all images.

Printed: accuracy, log loss, seconds and the number of source images used, means over draws and
targets with standard errors over all of these; then dynamic less static, paired. Results go to
benchmarks/results/images_uowq.json as they come, and a second call goes on where the first stopped.

    .venv/bin/python benchmarks/images/uowq.py [root] [--draws 5]
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.metrics import log_loss
from skorch import NeuralNetClassifier
from torch import nn
from torch.utils.data import Dataset, Subset

from skuowq import UOWQClassifier
from skuowq.rules import PlugIn
from skuowq.theory import optimal_quantity

RESULTS = Path(__file__).parents[1] / "results"
N_TEST = 1000


class Folder(Dataset):
    """Images of one domain; a folder for each class."""

    def __init__(self, folder, classes):
        self.files = [file for name in classes for file in sorted((folder / name).glob("*.png"))]
        self.targets = np.array([classes.index(file.parent.name) for file in self.files])

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return plt.imread(self.files[i])[:, :, :3].transpose(2, 0, 1), self.targets[i]


class Convolutional(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(512, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, n_classes)

    def forward(self, X):
        return self.head(self.features(X))


def folders(root):
    """The domains, with the classes that all of them have."""
    names = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    classes = set.intersection(
        *({f.name for f in (root / name).iterdir() if f.is_dir()} for name in names)
    )
    return {name: Folder(root / name, sorted(classes)) for name in names}


def drawn(labels, n_per_class, rng):
    """Rows of a sample with as many of each class."""
    return np.concatenate(
        [
            rng.permutation(np.flatnonzero(labels == label))[:n_per_class]
            for label in np.unique(labels)
        ]
    )


def task(domains, name, seed, per_class, most):
    """Target, sources and rows to test on."""
    rng = np.random.RandomState(seed)
    labelled = drawn(domains[name].targets, per_class, rng)
    rest = rng.permutation(np.setdiff1d(np.arange(len(domains[name])), labelled))[:N_TEST]
    sources = {}
    for other, images in domains.items():
        if other != name:
            sources[other] = Subset(images, rng.permutation(len(images))[:most])
    return Subset(domains[name], labelled), sources, Subset(domains[name], rest)


def labels_of(subset):
    return subset.dataset.targets[subset.indices]


def with_rule(rule):
    def fit(net, target, sources, seed):
        clf = UOWQClassifier(net, discrepancy=rule, random_state=seed).fit(target, sources=sources)
        sizes = np.array([len(images) for images in sources.values()])
        return clf, int(sizes[clf.source_weights_ > 0].sum())

    return fit


def alone(net, target, sources, seed):
    n_all = len(target) + sum(len(images) for images in sources.values())
    steps = net.max_epochs * -(-n_all // net.batch_size)
    net.set_params(max_epochs=round(steps / -(-len(target) // net.batch_size)))
    return UOWQClassifier(net, random_state=seed).fit(target), 0


def all_alike(net, target, sources, seed):
    K = len(sources)
    clf = UOWQClassifier(net, discrepancy=np.zeros((K, K)), random_state=seed)
    return clf.fit(target, sources=sources), sum(len(images) for images in sources.values())


def otqms(parameters):
    def fit(net, target, sources, seed):
        rule = PlugIn(n_updates=0, parameters=parameters)
        measured = UOWQClassifier(net, discrepancy=rule, random_state=seed)
        measured.fit(target, sources=sources)
        rng, chosen = np.random.RandomState(seed), {}
        for (name, images), tau in zip(
            sources.items(), measured.discrepancy_.diagonal(), strict=True
        ):
            n = round(float(optimal_quantity(len(target), len(images), tau)))
            if n:
                chosen[name] = Subset(images, rng.permutation(len(images))[:n])
        if not chosen:
            return alone(net, target, sources, seed)
        return all_alike(net, target, chosen, seed)

    return fit


METHODS = {
    "target alone": alone,
    "all images alike": all_alike,
    "OTQMS, all parameters": otqms("all"),
    "OTQMS, head": otqms("head"),
    "static, all parameters": with_rule(PlugIn(n_updates=0, parameters="all")),
    "dynamic, all parameters": with_rule(PlugIn(parameters="all", update_every=2)),
    "static, head": with_rule(PlugIn(n_updates=0)),
    "dynamic, head": with_rule(PlugIn()),
    "the default": with_rule("reml"),
}


def run(domains, arguments, known, file):
    for seed in range(arguments.draws):
        for name in arguments.targets or domains:
            target, sources, test = task(domains, name, seed, arguments.per_class, arguments.most)
            for method, fit in METHODS.items():
                key = f"{name}/{seed}/{method}/{arguments.per_class}/{arguments.most}"
                key += f"/{arguments.epochs}"
                if key in known:
                    continue
                n_classes = len(np.unique(domains[name].targets))
                net = NeuralNetClassifier(
                    Convolutional,
                    module__n_classes=n_classes,
                    criterion=nn.CrossEntropyLoss,
                    optimizer=torch.optim.Adam,
                    lr=1e-3,
                    max_epochs=arguments.epochs,
                    batch_size=64,
                    train_split=None,
                )
                start = time.perf_counter()
                clf, used = fit(net, target, sources, seed)
                seconds = time.perf_counter() - start
                proba = clf.predict_proba(test).clip(1e-7)
                proba /= proba.sum(axis=1, keepdims=True)
                y, columns = labels_of(test), np.arange(n_classes)
                known[key] = {
                    "accuracy": float((clf.classes_[proba.argmax(axis=1)] == y).mean()),
                    "log loss": float(log_loss(y, proba, labels=columns)),
                    "seconds": seconds,
                    "used": used,
                    "weights": np.asarray(clf.source_weights_).tolist(),
                }
                file.write_text(json.dumps(known, indent=1))
                print(f"{key}: {known[key]}", flush=True)


def show(domains, arguments, known):
    """The table, of the cells that are there for all methods."""
    end = f"/{arguments.per_class}/{arguments.most}/{arguments.epochs}"
    cells = [
        (name, seed)
        for seed in range(arguments.draws)
        for name in arguments.targets or domains
        if all(f"{name}/{seed}/{method}{end}" in known for method in METHODS)
    ]
    print(f"\n{len(cells)} cells (targets times draws); mean and standard error over cells")

    def values(method, what):
        return np.array([known[f"{name}/{seed}/{method}{end}"][what] for name, seed in cells])

    def in_words(found):
        error = found.std(ddof=1) / np.sqrt(len(found)) if len(found) > 1 else np.nan
        return f"{found.mean():8.3f} ({error:.3f})"

    for method in METHODS:
        accuracy, loss = (in_words(values(method, what)) for what in ("accuracy", "log loss"))
        seconds, used = values(method, "seconds").mean(), values(method, "used").mean()
        print(f"{method:26s} accuracy{accuracy}  log loss{loss}  {seconds:6.1f} s  {used:6.0f}")
    for part in ("all parameters", "head"):
        gain = values(f"dynamic, {part}", "accuracy") - values(f"static, {part}", "accuracy")
        print(f"dynamic less static, {part}: accuracy{in_words(gain)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--most", type=int, default=1000, help="images of a source")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--targets", nargs="+")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.root is None:
        from digit_folders import write

        arguments.root = RESULTS / "digit_folders"
        write(arguments.root)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "images_uowq.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    domains = folders(arguments.root)
    run(domains, arguments, known, file)
    show(domains, arguments, known)


if __name__ == "__main__":
    main()
