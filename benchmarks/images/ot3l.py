"""OT3L with a network pretrained on ImageNet: which target images to tune on.

Targets: Fashion-MNIST, with MNIST as its source (other classes), and each of five digit domains,
with the four others. EfficientNet-lite0 is tuned on 500 images of each source; then the budget, a
fifth of the pool of target images, is chosen by each strategy and the network is tuned on it: its
last layer ("last layer"), or the whole of it ("all layers"). The pool has 1,200 images of digits or
5,000 of clothes. The rows of the tables of the paper: before the tuning ("zero-shot"), far (SD),
near (RS), mixed (MS), and beside them uniform and stratified; then all of the pool.

Not testable here: distances to the classes of ImageNet itself, whose images no package ships. The
source's images stand where the paper has ImageNet's.

Accuracy on other images of the target, means over draws with standard errors, and the paired
differences to "stratified". Results go to benchmarks/results/images_ot3l.json as they come, and a
second call goes on where the first stopped.

    .venv/bin/python benchmarks/images/ot3l.py [root]
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from backbone import Backbone, make_net
from folders import N_TEST, fashion, folders, labels_of
from joblib import Parallel, delayed
from mean_and_error import in_words
from sklearn.linear_model import LogisticRegression
from torch.utils.data import Subset

from skuowq import OT3LClassifier
from skuowq._data.dataset_rows import DatasetRows
from skuowq.networks import extract_features, predict_proba

RESULTS = Path(__file__).parents[1] / "results"
N_SOURCE = 500
STRATEGIES = ("far", "near", "mixed", "uniform", "stratified")
ROWS = ["before the tuning"]
ROWS += [f"{name}, last layer" for name in (*STRATEGIES, "all of the pool")]
ROWS += [f"{name}, all layers" for name in (*STRATEGIES, "all of the pool")]


def problem(root, name, seed):
    """Pool, sources and rows to test on."""
    rng = np.random.RandomState(seed)
    digits = folders(root)
    if name == "fashion":
        target, n_pool = fashion(root, first=10), 5000
        sources = {"mnist": digits["mnist"]}
    else:
        target, n_pool = digits.pop(name), 1200
        sources = digits
    order = rng.permutation(len(target))
    n_pool = min(n_pool, len(target) - 300)
    chosen = {
        other: Subset(images, rng.permutation(len(images))[:N_SOURCE])
        for other, images in sources.items()
    }
    return Subset(target, order[:n_pool]), chosen, Subset(target, order[n_pool:][:N_TEST])


def rows_of(network):
    """Those of the table that a network has."""
    return [row for row in ROWS if network == "pretrained" or "all layers" not in row]


def options_of(row, pool):
    """Strategy and budget."""
    strategy, _, layers = row.partition(", ")
    if strategy == "all of the pool":
        return {}
    if not layers:
        return {"strategy": "uniform", "budget": 10}
    return {"strategy": strategy, "budget": len(pool) // 5}


def measured(root, name, seed, arguments):
    """Accuracy of each row."""
    torch.set_num_threads(1)
    parts = problem(root, name, seed)
    measure = tuned_network if arguments.network == "pretrained" else tuned_logistic
    return measure(*parts, seed, arguments.epochs)


def tuned_network(pool, sources, test, seed, epochs):
    n_classes = len(np.unique(np.concatenate([labels_of(s) for s in (pool, *sources.values())])))
    found = {}
    with tempfile.TemporaryDirectory() as folder:  # The training on the sources is done once.
        for row in ROWS:
            clf = OT3LClassifier(
                make_net("pretrained", n_classes, epochs),
                n_tuned_layers=None if "all layers" in row else 1,
                checkpoint=folder,
                random_state=seed,
                **options_of(row, pool),
            ).fit(pool, sources=sources)
            labels = clf.predict(test)
            if row == ROWS[0]:
                scores = predict_proba(clf.pretrained_, DatasetRows.of(test, "rows"))
                labels = clf.classes_[scores[:, : len(clf.classes_)].argmax(axis=1)]
            found[row] = float(np.mean(labels == labels_of(test)))
    return found


def tuned_logistic(pool, sources, test, seed, epochs):
    """Features of a domain are computed once, and kept on disk."""

    def pair(part):
        features = extract_features(part.dataset, Backbone(), cache=RESULTS / "image_features")
        return features[part.indices] / features.std(), labels_of(part)

    (X, y), (X_test, y_test) = pair(pool), pair(test)
    pairs, found = {name: pair(part) for name, part in sources.items()}, {}
    for row in rows_of("frozen"):
        clf = OT3LClassifier(LogisticRegression(max_iter=1000), random_state=seed)
        clf.set_params(**options_of(row, pool)).fit(X, y, sources=pairs)
        labels = clf.predict(X_test)
        if row == ROWS[0]:
            labels = clf.pretrained_.predict(X_test)
        found[row] = float(np.mean(labels == y_test))
    return found


def key_of(name, seed, arguments):
    return f"{name}/{seed}/{arguments.network}/{arguments.epochs}"


def report(known, names, arguments):
    for name in names:
        keys = [key_of(name, seed, arguments) for seed in range(arguments.draws)]
        cells = [known[key] for key in keys if key in known]
        print(f"\n{name}, {len(cells)} draws: accuracy, and less stratified")
        for row in rows_of(arguments.network):
            values = np.array([cell[row] for cell in cells])
            print(f"{row:30s}{in_words(values)}", end="")
            layers = row.partition(", ")[2]
            if layers:
                against = [cell[f"stratified, {layers}"] for cell in cells]
                print(in_words(values - against), end="")
            print()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?", default=RESULTS / "digit_folders")
    parser.add_argument("--network", choices=("pretrained", "frozen"), default="pretrained")
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--targets", nargs="+")
    arguments = parser.parse_args()
    from digit_folders import write

    write(arguments.root)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / "images_ot3l.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    names = arguments.targets or ["fashion", *folders(arguments.root)]
    cells = [(name, seed) for seed in range(arguments.draws) for name in names]
    cells = [cell for cell in cells if key_of(*cell, arguments) not in known]
    found = Parallel(arguments.jobs, return_as="generator")(
        delayed(measured)(arguments.root, name, seed, arguments) for name, seed in cells
    )
    for (name, seed), values in zip(cells, found, strict=True):
        known[key_of(name, seed, arguments)] = values
        file.write_text(json.dumps(known, indent=1))
        print(name, seed, values, flush=True)
    report(known, names, arguments)


if __name__ == "__main__":
    main()
