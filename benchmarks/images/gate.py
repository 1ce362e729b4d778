"""The gate's experiment on images: tables 1 to 4 of the paper that it comes from, on other domains.

From a folder ``root/domain/class/*.png``, of which images of one size are read into arrays; without
an argument, five domains of digits that `digit_folders.py` makes. The target is as it is; of the
source a share eps_x of the images is turned, mirrored and peppered and, independently, a share
eps_y of the labels is drawn anew. Half of the target tests; a share L of the other half is
labelled, all of it is there without labels. `--most` bounds the images of a domain.

1  DANN against eps = eps_x = eps_y and L.
2  all six methods at eps .7 and L 10 %, at most 3 labelled images a class; and at L 0.
3  covariate shift alone: eps_y = 0, for the paper's three methods.
4  what gate and labels do each, on the first pair of domains.

"paper", "ours", "default" and the ablations are those of `benchmarks/gate/digits.py`. "Target
only" is the same network, trained as long, without the source. The gap is its accuracy less a
variant's, paired, so above 0 is negative transfer, as the paper prints it. At L 0 no image of the
target is labelled: "gated" and "full" then weigh the source by features alone, and the gap is to
guessing. Means over seeds, with standard errors. Two pictures stand beside the results: accuracy
against eps and against L, and images before and after they are perturbed.

Results go to benchmarks/results/images_gate.json as they come, whole seeds first, and a second call
goes on where the first stopped. A GPU is used where there is one. All of it takes two to three
hours on two cores.

    .venv/bin/python benchmarks/images/gate.py [root] [--seeds 5] [--jobs 2] [--tables 1 2 3 4]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import torch
from backbone import make_net
from folders import folders, in_memory
from joblib import Parallel, delayed
from sklearn.metrics import log_loss

from skuowq.datasets import perturb_source, perturbed_splits

sys.path.insert(0, str(Path(__file__).parents[1] / "gate"))
from digits import CV, METHODS, ablations, difference, gated_network, row, with_error

RESULTS = Path(__file__).parents[1] / "results"
FILE = RESULTS / "images_gate.json"
PAIRS = ("mnist_m:mnist", "pen:optical")
EPS, LABELLED = (0.0, 0.3, 0.7, 0.9), (0.0, 0.1, 0.3, 0.5)
PAPER_EPS, PAPER_LABELLED = 0.7, 0.1

ALONE = {"trust": 0.0, "gate": False}
DEFAULT = {"default, full": {}}
GATED = ("full", "gated")
TREND = {
    name: ablations()[name]
    for name in ("paper, ungated", "paper, full", "ours, ungated", "ours, full")
}


class Cell(NamedTuple):
    """A cell of a table, and what is fitted in it: options of a variant by its name."""

    table: str
    pair: str
    eps_x: float
    eps_y: float
    labelled: float
    cap: int | None
    variants: dict

    def __str__(self):
        bound = "" if self.cap is None else f", at most {self.cap} rows a class"
        eps = f"eps_x {self.eps_x}, eps_y {self.eps_y}"
        return f"Table {self.table}: {self.pair}, {eps}, L {self.labelled:.0%}{bound}"

    def key(self, name, seed, arguments):
        """Of a variant's result; without its source it is the same at every eps."""
        alone = name.endswith("target only")
        eps = ("any", "any") if alone else (self.eps_x, self.eps_y)
        parts = (self.pair, *eps, self.labelled, self.cap, name, seed)
        return " | ".join(map(str, (*parts, arguments.most, arguments.epochs)))


def without_labels(variants):
    """The same at L 0: gates see features alone, and what needs labels is not there."""
    found = {}
    for name, options in variants.items():
        if not name.startswith("default") and not name.endswith(("target only", "default")):
            gated = name.endswith(GATED)
            found[name] = options | ({"gate_labels": False} if gated else {})
    return found


def of_method(method, *, default):
    """Variants of an alignment."""
    found = {
        "target only": ALONE,
        "ungated": {"trust": 1.0, "gate": False, "labels": "marginal"},
        "gated": {"trust": 1.0},
    }
    if default:
        found["default"] = {}
    return {f"{method}, {name}": options | {"method": method} for name, options in found.items()}


def cells(arguments):
    """Of the tables that are asked for."""
    return [cell for cell in all_cells(arguments.pairs) if cell.table in arguments.tables]


def all_cells(pairs):
    for pair in pairs:
        for eps in EPS:
            for labelled in LABELLED:
                both = eps == PAPER_EPS or labelled == PAPER_LABELLED
                variants = {"target only": ALONE} | TREND | (DEFAULT if both else {})
                variants = variants if labelled else without_labels(variants)
                yield Cell("1", pair, eps, eps, labelled, None, variants)
        variants = {}
        for method in METHODS:
            variants |= of_method(method, default=True)
        yield Cell("2", pair, PAPER_EPS, PAPER_EPS, PAPER_LABELLED, 3, variants)
        yield Cell("2", pair, PAPER_EPS, PAPER_EPS, 0.0, None, without_labels(variants))
        variants = {}
        for method in ("dan", "dann", "gta"):
            variants |= of_method(method, default=False)
        for eps in (0.7, 1.0):
            for labelled in (0.1, 0.3):
                yield Cell("3", pair, eps, 0.0, labelled, None, variants)
    for eps in (0.7, 0.3):
        for labelled in (0.3, 0.1):
            variants = ablations() | {"target only": ALONE} | CV
            yield Cell("4", pairs[0], eps, eps, labelled, None, variants)


def draw(cell, seed, arguments):
    source, target = cell.pair.split(":")
    X, y, shape = in_memory(arguments.root, target, arguments.most, seed)
    X_source, y_source, _ = in_memory(arguments.root, source, arguments.most, seed)
    splits = perturbed_splits(
        X,
        y,
        X_source,
        y_source,
        eps_x=cell.eps_x,
        eps_y=cell.eps_y,
        labelled=cell.labelled,
        max_per_class=cell.cap,
        image_shape=shape,
        n_splits=1,
        random_state=seed,
    )
    return next(splits), shape


def measure(cell, name, seed, arguments):
    """Accuracy and log loss, and the mean weights of rows with right and with wrong labels."""
    torch.set_num_threads(1)
    split, shape = draw(cell, seed, arguments)

    def as_images(X):
        return X.reshape(-1, *shape).transpose(0, 3, 1, 2)

    X, y = split.sources["perturbed"]
    if name == "oracle":
        clean = ~(split.perturbed_x | split.perturbed_y)
        X, y = X[clean], y[clean]
    n_classes = len(np.unique(np.append(y, split.y_target)))
    # With half as many steps the adversarial networks are not trained out.
    net = make_net("small", n_classes, arguments.epochs, batch_size=32)
    clf = gated_network(seed, estimator=net, **cell.variants[name])
    sources, unlabeled = [(as_images(X), y)], as_images(split.X_unlabeled)
    if cell.labelled:
        target = as_images(split.X_target), split.y_target
        clf.fit(*target, sources=sources, X_unlabeled=unlabeled)
    else:
        clf.fit(unlabeled, sources=sources)
    p = clf.predict_proba(as_images(split.X_test)).clip(1e-7)
    p /= p.sum(axis=1, keepdims=True)
    accuracy = np.mean(clf.classes_[p.argmax(axis=1)] == split.y_test)
    found = [float(accuracy), float(log_loss(split.y_test, p, labels=clf.classes_))]
    if name != "oracle" and cell.variants[name].get("trust") != 0:
        weights, wrong = clf.gate_weights_[0], split.perturbed_y
        found += [float(weights[part].mean()) if part.any() else None for part in (~wrong, wrong)]
    return found


def run(arguments, done):
    """What is missing, seed by seed."""
    missing = {}
    for seed in range(arguments.seeds):
        for cell in cells(arguments):
            for name in cell.variants:
                key = cell.key(name, seed, arguments)
                if key not in done:
                    missing.setdefault(key, (cell, name, seed))
    jobs = (delayed(_with_key)(key, *what, arguments) for key, what in missing.items())
    parallel = Parallel(arguments.jobs, return_as="generator_unordered", batch_size=1)
    for number, (key, found) in enumerate(parallel(jobs), start=1):
        done[key] = found
        FILE.write_text(json.dumps(done))
        print(f"{number} of {len(missing)}: {key}: {found}", flush=True)


def _with_key(key, cell, name, seed, arguments):
    return key, measure(cell, name, seed, arguments)


def results(cell, name, arguments, done):
    """A variant's values by seed, as far as they are there; without any label a guess."""
    if cell.labelled == 0 and name.endswith("target only"):
        target = folders(arguments.root)[cell.pair.split(":")[1]]
        n_classes = len(np.unique(target.targets))
        return {seed: [1 / n_classes, np.log(n_classes)] for seed in range(arguments.seeds)}
    keys = {seed: cell.key(name, seed, arguments) for seed in range(arguments.seeds)}
    return {seed: done[key] for seed, key in keys.items() if key in done}


def report(arguments, done):
    """Print the tables."""

    def of(cell, name):
        return results(cell, name, arguments, done)

    for cell in cells(arguments):
        print(f"\n{cell}")
        for name in cell.variants:
            print(row(name, of(cell, name), of(cell, _alone(cell, name))))
    for table in ("2", "3"):
        some = [cell for cell in cells(arguments) if cell.table == table and cell.labelled]
        for other in _compared(some):
            print(f"\nTable {table}, its cells together, {other} less ungated")
            for name in (name for name in some[0].variants if name.endswith(f", {other}")):
                ungated = name.replace(other, "ungated")
                gain = difference(*(_joined(some, of, part) for part in (name, ungated)))
                accuracy, loss = map(with_error, gain)
                print(f"{name:24s}accuracy {accuracy}   log loss {loss}")
    four = [cell for cell in cells(arguments) if cell.table == "4"]
    for name in four[0].variants if four else ():
        if name == "target only":
            print("\nTable 4, means over its cells")
        print(row(name, *(_joined(four, of, part) for part in (name, "target only"))))


def _compared(some):
    """With the ungated variants, as far as the cells have them."""
    names = some[0].variants if some else ()
    return [other for other in ("gated", "default") if any(n.endswith(f", {other}") for n in names)]


def _alone(cell, name):
    """The variant without the source."""
    alone = name.split(", ")[0] + ", target only"
    return alone if alone in cell.variants else "target only"


def _joined(some, of, name):
    """A variant over several cells: the mean of a seed's cells is one draw."""
    parts = [of(cell, name) for cell in some]
    seeds = set.intersection(*(set(part) for part in parts))
    return {seed: np.mean([part[seed][:2] for part in parts], axis=0) for seed in seeds}


STYLES = {
    "target only": ("0.5", ":", "target only"),
    "paper, ungated": ("tab:orange", "--", "DANN as in the paper, ungated"),
    "paper, full": ("tab:orange", "-", "DANN as in the paper, gated"),
    "ours, ungated": ("tab:blue", "--", "ours, ungated"),
    "ours, full": ("tab:blue", "-", "ours, gated"),
    "default, full": ("k", "-", "the default"),
}


def draw_accuracy(arguments, done):
    """Accuracy against eps and against L, a row of pictures for each pair of domains."""
    first = [cell for cell in cells(arguments) if cell.table == "1"]
    size = (9, 3.2 * len(arguments.pairs))
    figure, axes = plt.subplots(
        len(arguments.pairs), 2, figsize=size, squeeze=False, sharey="row", layout="constrained"
    )
    for pair, (by_eps, by_share) in zip(arguments.pairs, axes, strict=True):
        mine = [cell for cell in first if cell.pair == pair]
        fixed = {
            by_eps: ("eps_x", [c for c in mine if c.labelled == PAPER_LABELLED]),
            by_share: ("labelled", [c for c in mine if c.eps_x == PAPER_EPS]),
        }
        for ax, (field, some) in fixed.items():
            for name, (color, style, label) in STYLES.items():
                points = []
                for cell in some:
                    values = [v[0] for v in results(cell, name, arguments, done).values()]
                    if values:
                        error = np.std(values, ddof=1) / len(values) ** 0.5 if values[1:] else 0
                        points.append((getattr(cell, field), np.mean(values), error))
                if points:
                    ax.errorbar(
                        *np.array(points).T, color=color, linestyle=style, label=label, capsize=2
                    )
        source, target = pair.split(":")
        by_eps.set(xticks=EPS, xlabel="eps", title=f"{source} to {target}, L {PAPER_LABELLED:.0%}")
        by_eps.set_ylabel("accuracy")
        by_share.set(xticks=LABELLED, xlabel="L", title=f"{source} to {target}, eps {PAPER_EPS}")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.savefig(RESULTS / "images_gate_accuracy.png", dpi=150)
    plt.close(figure)


def draw_images(arguments, n_images=10):
    """Images of each source before and after they are perturbed."""
    names = [pair.split(":")[0] for pair in arguments.pairs]
    figure, axes = plt.subplots(
        2 * len(names), n_images, figsize=(n_images, 2.2 * len(names)), layout="constrained"
    )
    for name, (before, after) in zip(names, axes.reshape(len(names), 2, -1), strict=True):
        X, y, shape = in_memory(arguments.root, name, n_images, 0)
        perturbed, _ = perturb_source(X, y, 1.0, 0.0, image_shape=shape, random_state=0)
        for part, images, when in ((before, X, "before"), (after, perturbed, "after")):
            for ax, image in zip(part, images.reshape(-1, *shape), strict=True):
                ax.imshow(image.clip(0, 1))
                ax.set(xticks=[], yticks=[])
            part[0].set_ylabel(f"{name}\n{when}")
    figure.savefig(RESULTS / "images_gate_perturbed.png", dpi=150)
    plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("root", type=Path, nargs="?")
    parser.add_argument("--pairs", nargs="+", default=PAIRS, help="source:target")
    parser.add_argument("--tables", nargs="+", default=list("1234"), choices=list("1234"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--most", type=int, default=1000, help="images of a domain")
    parser.add_argument("--epochs", type=int, default=20)
    arguments = parser.parse_args()
    if arguments.root is None:
        from digit_folders import write

        arguments.root = RESULTS / "digit_folders"
        write(arguments.root)
    RESULTS.mkdir(exist_ok=True)
    done = json.loads(FILE.read_text()) if FILE.exists() else {}
    draw_images(arguments)
    run(arguments, done)
    report(arguments, done)
    draw_accuracy(arguments, done)


if __name__ == "__main__":
    main()
