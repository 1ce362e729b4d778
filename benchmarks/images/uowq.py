"""UOWQ's experiment on folders of images: each domain the target once, all others its sources.

From a folder ``root/domain/class/*.png`` (the layout of Office-Home and DomainNet), read as torch
data sets; without an argument, five domains of digits that `digit_folders.py` makes. Of the target
10 labelled images a class (``--per-class``), of each source as many as ``--most`` says, the rest of
the target to test on, 1,000 images at most.

Networks: a small convolutional one from scratch ("small"); EfficientNet-lite0 pretrained on
ImageNet and tuned whole, its backbone at a tenth of the head's rate ("pretrained"); its features as
they are, 64 principal components of all sources' and the target's labelled images, with a logistic
regression ("frozen").

Methods: the target alone; all images alike; OTQMS (of each source the number of images that
`theory.optimal_quantity` gives for its plug-in discrepancy, on all parameters or on the head's
inputs); the paper's rule, static and dynamic, on all parameters and on the head; the default. Each
trains the same network from the same start; the target alone takes as many steps as all images. A
logistic regression has no parameters beside its head's.

Printed: accuracy, log loss, seconds and the number of source images used, means over draws and
targets with standard errors over all of these; then dynamic less static, and the default less the
target alone, paired. Results go to benchmarks/results/images_uowq.json as they come, and a second
call goes on where the first stopped.

    .venv/bin/python benchmarks/images/uowq.py [root] [--network pretrained] [--draws 5]
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from backbone import Backbone, make_net
from folders import folders, labels_of, parted
from joblib import Parallel, delayed
from mean_and_error import in_words
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss
from torch.utils.data import Subset

from skuowq import UOWQClassifier
from skuowq.networks import extract_features
from skuowq.rules import PlugIn
from skuowq.theory import optimal_quantity

RESULTS = Path(__file__).parents[1] / "results"
N_COMPONENTS = 64


def task(domains, name, seed, arguments):
    """Target, sources and rows to test on."""
    rng = np.random.RandomState(seed)
    target, test = parted(domains[name], arguments.per_class, rng)
    sources = {}
    for other, images in domains.items():
        if other != name:
            sources[other] = Subset(images, rng.permutation(len(images))[: arguments.most])
    return target, sources, test


def as_features(target, sources, test, features):
    """The same rows as pairs of principal components and labels."""
    names = list(sources)
    parts = [target, *sources.values(), test]
    raw = [features[id(part.dataset)][part.indices] for part in parts]
    components = PCA(N_COMPONENTS, whiten=True, random_state=0).fit(np.vstack(raw[:-1]))
    pairs = [(components.transform(X), labels_of(part)) for X, part in zip(raw, parts, strict=True)]
    return pairs[0], dict(zip(names, pairs[1:-1], strict=True)), pairs[-1]


def fitted(net, rule, seed, target, sources=None):
    clf = UOWQClassifier(net, discrepancy=rule, random_state=seed)
    if isinstance(target, tuple):
        return clf.fit(*target, sources=sources)
    return clf.fit(target, sources=sources)


def n_rows(part):
    return len(part[1]) if isinstance(part, tuple) else len(part)


def some_of(part, chosen):
    return (part[0][chosen], part[1][chosen]) if isinstance(part, tuple) else Subset(part, chosen)


def with_rule(rule):
    def fit(net, target, sources, seed):
        clf = fitted(net, rule, seed, target, sources)
        sizes = np.array([n_rows(part) for part in sources.values()])
        return clf, int(sizes[clf.source_weights_ > 0].sum())

    return fit


def alone(net, target, sources, seed):
    if net is not None:
        n_all = n_rows(target) + sum(n_rows(part) for part in sources.values())
        steps = net.max_epochs * -(-n_all // net.batch_size)
        net.set_params(max_epochs=round(steps / -(-n_rows(target) // net.batch_size)))
    return fitted(net, "reml", seed, target), 0


def all_alike(net, target, sources, seed):
    K = len(sources)
    clf = fitted(net, np.zeros((K, K)), seed, target, sources)
    return clf, sum(n_rows(part) for part in sources.values())


def otqms(parameters):
    def fit(net, target, sources, seed):
        rule = PlugIn(n_updates=0, parameters=parameters)
        measured = fitted(net, rule, seed, target, sources)
        rng, chosen = np.random.RandomState(seed), {}
        for (name, part), tau in zip(
            sources.items(), measured.discrepancy_.diagonal(), strict=True
        ):
            n = round(float(optimal_quantity(n_rows(target), n_rows(part), tau)))
            if n:
                chosen[name] = some_of(part, rng.permutation(n_rows(part))[:n])
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


def methods(network):
    """Those that a network has."""
    return [name for name in METHODS if network != "frozen" or "all parameters" not in name]


def measured(method, arguments, target, sources, test, seed):
    """Accuracy, log loss, seconds, images used and weights of one fit."""
    torch.set_num_threads(1)
    net = None
    if arguments.network != "frozen":
        n_classes = len(np.unique(labels_of(target)))
        net = make_net(arguments.network, n_classes, arguments.epochs)
    start = time.perf_counter()
    clf, used = METHODS[method](net, target, sources, seed)
    seconds = time.perf_counter() - start
    X, y = test if isinstance(test, tuple) else (test, labels_of(test))
    proba = clf.predict_proba(X).clip(1e-7)
    proba /= proba.sum(axis=1, keepdims=True)
    return {
        "accuracy": float((clf.classes_[proba.argmax(axis=1)] == y).mean()),
        "log loss": float(log_loss(y, proba, labels=clf.classes_)),
        "seconds": seconds,
        "used": used,
        "weights": np.asarray(clf.source_weights_).tolist(),
    }


def key_of(name, seed, method, arguments):
    parts = name, seed, method, arguments.network, arguments.per_class, arguments.most
    return "/".join(map(str, (*parts, arguments.epochs)))


def run(domains, arguments, known, file):
    features = {}
    if arguments.network == "frozen":
        for images in domains.values():
            features[id(images)] = extract_features(
                images, Backbone(), cache=RESULTS / "image_features"
            )
    jobs, keys = [], []
    for seed in range(arguments.draws):
        for name in arguments.targets or domains:
            parts = task(domains, name, seed, arguments)
            if features:
                parts = as_features(*parts, features)
            for method in methods(arguments.network):
                key = key_of(name, seed, method, arguments)
                if key in known:
                    continue
                jobs.append(delayed(measured)(method, arguments, *parts, seed))
                keys.append(key)
    found = Parallel(arguments.jobs, return_as="generator")(jobs)
    for key, result in zip(keys, found, strict=True):
        known[key] = result
        file.write_text(json.dumps(known, indent=1))
        print(f"{key}: {known[key]}", flush=True)


def show(domains, arguments, known):
    """The table, of the cells that are there for all methods."""
    names = methods(arguments.network)
    cells = [
        (name, seed)
        for seed in range(arguments.draws)
        for name in arguments.targets or domains
        if all(key_of(name, seed, method, arguments) in known for method in names)
    ]
    print(f"\n{len(cells)} cells (targets times draws); mean and standard error over cells")

    def values(method, what):
        return np.array([known[key_of(*cell, method, arguments)][what] for cell in cells])

    for method in names:
        accuracy, loss = (in_words(values(method, what)) for what in ("accuracy", "log loss"))
        seconds, used = values(method, "seconds").mean(), values(method, "used").mean()
        print(f"{method:26s} accuracy{accuracy}  log loss{loss}  {seconds:6.1f} s  {used:6.0f}")
    pairs = [(f"dynamic, {part}", f"static, {part}") for part in ("all parameters", "head")]
    for first, second in [*pairs, ("the default", "target alone")]:
        if first in names:
            gains = [
                values(first, what) - values(second, what) for what in ("accuracy", "log loss")
            ]
            print(f"{first} less {second}: accuracy{in_words(gains[0])}  log loss", end="")
            print(in_words(gains[1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--network", choices=("small", "pretrained", "frozen"), default="small")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--per-class", type=int, default=10)
    parser.add_argument("--most", type=int, default=1000, help="images of a source")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--targets", nargs="+")
    parser.add_argument("--jobs", type=int, default=1)
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
