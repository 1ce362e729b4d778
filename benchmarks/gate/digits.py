"""The gate on digits: the tables of the paper that it comes from, on other data.

Target: scikit-learn's digits as they are; source: the same turned by 15 degrees, other images, a
share `eps` of whose features and, independently, labels are perturbed. Half of the target tests; a
share L of the other half is labelled, all of it is there without labels. Means over seeds, with
standard errors; the gap is accuracy of target only less accuracy, paired, so above 0 is negative
transfer, as the paper prints it. "Target only" is the same network, trained as long, without the
source, its features aligned with the unlabelled rows.

"paper": the gate is the network's own discriminator and the features learn from it in full
(`gate="online"`, `DANN(weight=1.0)`). "ours": the defaults of `DiscriminatorGateClassifier`, the
gate cross-fitted before the training and a tenth of that alignment. Trust is 1 in both. "default":
nothing is set, so that trust is chosen on held-out rows and predictions are pooled with those of a
network of the target alone; its ablations take out gate or labels, the pool stays.

Results go to benchmarks/results/gate_digits.json as they come, and a second call goes on where the
first stopped.

    .venv/bin/python benchmarks/gate/digits.py
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from joblib import Parallel, delayed
from sklearn.metrics import log_loss

from skuowq import DiscriminatorGateClassifier
from skuowq.datasets import load_digit_domains, perturbed_splits
from skuowq.networks import ALIGNMENTS, DANN

RESULTS = Path(__file__).parents[1] / "results" / "gate_digits.json"
METHODS = ("dann", "dan", "dcoral", "adda", "pada", "gta")

ABLATIONS = {
    "ungated": {"gate": False, "labels": "marginal"},
    "gate only": {"gate_labels": False, "labels": "marginal"},
    "label only": {"gate": False, "labels": "both"},
    "joint": {"labels": "joint"},
    "marginal": {"labels": "marginal"},
    "none": {"labels": None},
    "full": {},
}
FAMILIES = {
    "paper": {"gate": "online", "weight": 1.0, "trust": 1.0},
    "ours": {"trust": 1.0},
}
TARGET_ONLY = {"target only": {"trust": 0.0}}
POOLED = ("ungated", "gate only", "label only", "full")
CV = {f"default, {name}": ABLATIONS[name] for name in POOLED}
ORACLE = {"oracle": {"gate": False, "labels": "marginal", "trust": 1.0}}


def ablations():
    found = {}
    for family, options in FAMILIES.items():
        for name, changes in ABLATIONS.items():
            found[f"{family}, {name}"] = options | changes
    return TARGET_ONLY | ORACLE | found


def cells():
    """(table, eps, L, rows a class at most, variants) of every cell."""
    for eps in (0.7, 0.3):
        for labelled in (0.3, 0.1):
            yield "4", eps, labelled, None, ablations() | CV
    trend = {name: ablations()[name] for name in ("target only", "paper, ungated", "paper, full")}
    trend |= {name: ablations()[name] for name in ("ours, ungated", "ours, full")}
    for eps in (0.0, 0.3, 0.7, 1.0):
        for labelled in (0.1, 0.3, 0.5):
            yield "1", eps, labelled, None, trend
    for eps in (0.0, 1.0):
        yield "1", eps, 0.3, None, {"default, full": {}}
    each = {}
    for method in METHODS:
        each[f"{method}, target only"] = {"method": method, "trust": 0.0}
        each[f"{method}, ungated"] = {"method": method, "trust": 1.0, "gate": False}
        each[f"{method}, ungated"]["labels"] = "marginal"
        each[f"{method}, gated"] = {"method": method, "trust": 1.0}
        each[f"{method}, default"] = {"method": method}
    yield "2", 0.7, 0.1, 3, each


def draw(eps, labelled, cap, seed):
    tasks = load_digit_domains(sources=["rotated"], n_per_class=1, random_state=seed)
    X, y = np.vstack([tasks.X_target, tasks.X_test]), np.append(tasks.y_target, tasks.y_test)
    splits = perturbed_splits(
        X,
        y,
        *tasks.sources["rotated"],
        eps_x=eps,
        eps_y=eps,
        labelled=labelled,
        max_per_class=cap,
        image_shape=(8, 8),
        n_splits=1,
        random_state=seed,
    )
    return next(splits)


def gated_network(seed, method="dann", weight=0.1, labels="both", **options):
    """The perceptron, aligned by a method; labels=None aligns nothing."""
    kind = ALIGNMENTS[method]
    alignment = kind(weight, labels=labels) if issubclass(kind, DANN) else kind(weight)
    alignment = None if labels is None else alignment
    return DiscriminatorGateClassifier(alignment=alignment, random_state=seed, **options)


def measure(split, name, options, seed):
    torch.set_num_threads(1)
    sources = split.sources
    if name == "oracle":
        clean = ~(split.perturbed_x | split.perturbed_y)
        X, y = sources["perturbed"]
        sources = {"clean": (X[clean], y[clean])}
    clf = gated_network(seed, **options)
    clf.fit(split.X_target, split.y_target, sources=sources, X_unlabeled=split.X_unlabeled)
    p = clf.predict_proba(split.X_test)
    accuracy = np.mean(clf.classes_[p.argmax(axis=1)] == split.y_test)
    found = [float(accuracy), float(log_loss(split.y_test, p, labels=clf.classes_))]
    if name != "oracle":
        weights, wrong = clf.gate_weights_[0], split.perturbed_y
        found += [float(weights[part].mean()) if part.any() else None for part in (~wrong, wrong)]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for seed in range(arguments.seeds):
        for _, eps, labelled, cap, variants in cells():
            keys = {
                name: " | ".join(map(str, (eps, labelled, cap, name, seed))) for name in variants
            }
            missing = [name for name in variants if keys[name] not in done]
            if not missing:
                continue
            split = draw(eps, labelled, cap, seed)
            found = Parallel(arguments.jobs)(
                delayed(measure)(split, name, variants[name], seed) for name in missing
            )
            done |= zip((keys[name] for name in missing), found, strict=True)
            RESULTS.parent.mkdir(exist_ok=True)
            RESULTS.write_text(json.dumps(done))
    report(done)


def report(done):
    cell = {}
    for key, values in done.items():
        eps, labelled, cap, name, seed = key.split(" | ")
        cell.setdefault((eps, labelled, cap), {}).setdefault(name, {})[seed] = values
    for table, eps, labelled, cap, variants in cells():
        found = cell[str(eps), str(labelled), str(cap)]
        bound = "" if cap is None else f", at most {cap} rows a class"
        print(f"\nTable {table}: eps {eps}, L {labelled:.0%}{bound}")
        for name in variants:
            alone = name.split(", ")[0] + ", target only" if table == "2" else "target only"
            print(row(name, found[name], found[alone]))
    print("\nTable 4, means over the four cells")
    four = [(eps, labelled) for table, eps, labelled, _, _ in cells() if table == "4"]
    for name in ablations() | CV:
        print(row(name, *(_joined(cell, four, which) for which in (name, "target only"))))
    last = cell["0.7", "0.1", "3"]
    for kind in ("gated", "default"):
        print(f"\nTable 2, {kind} less ungated")
        for method in METHODS:
            gain = difference(last[f"{method}, {kind}"], last[f"{method}, ungated"])
            accuracy, loss = map(with_error, gain)
            print(f"{method:24s}accuracy {accuracy}   log loss {loss}")


def _joined(cell, four, name):
    """A variant over the four cells: the mean of a seed's cells is one draw."""
    parts = [cell[str(eps), str(labelled), "None"][name] for eps, labelled in four]
    seeds = set.intersection(*(set(part) for part in parts))
    return {seed: np.mean([part[seed][:2] for part in parts], axis=0) for seed in seeds}


def row(name, found, alone):
    values = np.array([found[seed][:2] for seed in sorted(found)])
    gap = np.array([alone[seed][0] - found[seed][0] for seed in sorted(found)])
    text = f"{name:24s}accuracy {with_error(values[:, 0])}   gap {with_error(gap)}"
    text += f"   log loss {with_error(values[:, 1])}"
    weights = [values[2:] for values in found.values() if len(values) == 4]
    if weights and weights[0][0] is not None and weights[0][1] is not None:
        right, wrong = np.mean(weights, axis=0)
        text += f"   weights {right:.2f} right, {wrong:.2f} wrong"
    return text


def difference(first, second):
    seeds = sorted(set(first) & set(second))
    values = np.array([np.subtract(first[seed][:2], second[seed][:2]) for seed in seeds])
    return values.T


def with_error(values):
    error = np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{np.mean(values):6.3f} ({error:.3f})"


if __name__ == "__main__":
    main()
