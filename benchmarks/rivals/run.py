"""skuowq beside ADAPT, SKADA, POT and hand-written weighting on real suites with natural domains.

Eleven suites (`benchmarks/weights/suites.py`), every domain that is large enough the target once a
draw, ten labelled rows a class; the others are the sources, at most 300 rows of each. A method gets
what it can use: ours and ADAPT's take the labelled target rows as such; for SKADA and POT, which
know unlabelled targets, they are one more source, and the test rows are there without labels.
Unless it says otherwise the classifier is a logistic regression. "tuned": the best of the default
and one or two other values by cross-validation on the labelled target rows. Optimal transport
between more than 2,000 rows takes minutes: JDOT, JCPOT and OT see that many source rows at most,
drawn at random.

Accuracy, log loss, the gap (log loss less target only's, above 0 is negative transfer), seconds and
peak memory above what was there before. A method that fails counts as target only, and is named.

Needs an environment of its own, with tensorflow: `make bench-rivals`. Results go to
benchmarks/results/rivals.json as they come; `table.py` makes the table and picture that
docs/benchmarks.md shows.
"""

import argparse
import contextlib
import ctypes
import gc
import json
import os
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from skorch import NeuralNetClassifier
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1] / "weights"))
import real
from rivals import RIVALS, Task, losses
from suites import SUITES

from skuowq import DiscriminatorGateClassifier, UOWQClassifier

RESULTS = Path(__file__).parents[1] / "results" / "rivals.json"
MOST_TRANSPORTED = 2000
MOST_UNLABELED = 500
PAGE = os.sysconf("SC_PAGE_SIZE") / 2**20


def logistic():
    return LogisticRegression(max_iter=2000)


class Perceptron(nn.Module):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()
        )
        self.head = nn.Linear(64, n_classes)

    def forward(self, X):
        return self.head(self.layers(X))


def ours(make):
    def method(task, X_test):
        clf = make(task).fit(task.X, task.y, sources=task.sources)
        p = np.zeros((len(X_test), task.n_classes))
        p[:, clf.classes_] = clf.predict_proba(X_test)
        return p

    return method


def uowq_network(task):
    net = NeuralNetClassifier(
        Perceptron,
        module__n_features=task.X.shape[1],
        module__n_classes=task.n_classes,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        max_epochs=30,
        batch_size=128,
        train_split=None,
    )
    return UOWQClassifier(net, random_state=0)


def pooled_rows(task):
    X = np.concatenate([X for X, _ in task.sources])
    return X, np.concatenate([y for _, y in task.sources])


def some(X, y):
    kept = np.random.RandomState(0).permutation(len(y))[:MOST_TRANSPORTED]
    return X[kept], y[kept]


def filled(classes, found, n_classes):
    p = np.zeros((len(found), n_classes))
    p[:, np.asarray(classes).astype(int)] = found
    return p


def adapt_method(name, **options):
    """Fits of ADAPT return classes or probabilities of its estimator."""

    def method(task, X_test):
        import adapt.feature_based as feature_based
        import adapt.instance_based as instance_based

        X, y = pooled_rows(task)
        home = feature_based if name == "FA" else instance_based
        more = {"Xt": task.X}
        if name in ("FA", "TrAdaBoost"):
            more["yt"] = task.y
        else:
            more["classifier"] = logistic()
            X, y = np.concatenate([X, task.X]), np.append(y, task.y)
        base = LogisticRegression(max_iter=2000, C=options.get("C", 1.0))
        rest = {key: value for key, value in options.items() if key != "C"}
        model = getattr(home, name)(base, verbose=0, random_state=0, **more, **rest)
        model.fit(X, y)
        if name == "TrAdaBoost":
            labels = np.asarray(model.predict(X_test)).ravel().astype(int)
            p = np.full((len(X_test), task.n_classes), 0.1 / task.n_classes)
            p[np.arange(len(X_test)), labels] += 0.9  # It has no probabilities of its own.
            return p
        inner = model.transform(X_test, domain="tgt") if name == "FA" else X_test
        return filled(
            model.estimator_.classes_, model.estimator_.predict_proba(inner), task.n_classes
        )

    return method


def with_domains(task, X_test, transported):
    """Rows, labels and domains as SKADA has them; unlabelled target rows come last."""
    sources = [(task.X, task.y), *task.sources]
    if transported:
        sources = [(task.X, task.y), some(*pooled_rows(task))]
    free = X_test[:MOST_UNLABELED]
    X = np.concatenate([*(X_k for X_k, _ in sources), free])
    y = np.concatenate([*(y_k for _, y_k in sources), np.full(len(free), -1)])
    sizes = [len(y_k) for _, y_k in sources]
    domain = np.repeat([*range(1, len(sources) + 1), -(len(sources) + 1)], [*sizes, len(free)])
    return X, y, domain


def skada_method(make, transported=True):
    def method(task, X_test):
        X, y, domain = with_domains(task, X_test, transported)
        model = make()
        model.fit(X, y, sample_domain=domain)
        target = np.full(len(X_test), domain.min())
        found = model.predict_proba(X_test, sample_domain=target, allow_source=True)
        return filled(np.unique(y[y >= 0]), found, task.n_classes)

    return method


def coral(**options):
    def make():
        from skada import CORAL

        return CORAL(base_estimator=logistic(), **options)

    return skada_method(make, transported=False)


def jdot(**options):
    def make():
        from skada import JDOTClassifier

        return JDOTClassifier(base_estimator=logistic(), n_iter_max=20, **options)

    return skada_method(make)


def jcpot(**options):
    def make():
        from skada import JCPOTLabelProp

        return JCPOTLabelProp(base_estimator=logistic(), **options)

    return skada_method(make, transported=False)


def transport(**settings):
    """POT's group-regularised transport of the sources; the labelled target rows guide it."""

    def method(task, X_test):
        import ot

        X, y = some(*pooled_rows(task))
        free = X_test[:MOST_UNLABELED]
        options = {"reg_e": 1.0, "reg_cl": 0.1, "norm": "median"} | settings
        mover = ot.da.SinkhornLpl1Transport(**options)
        known = np.append(task.y, np.full(len(free), -1))
        mover.fit(Xs=X, ys=y, Xt=np.concatenate([task.X, free]), yt=known)
        moved = mover.transform(Xs=X)
        weight = np.append(np.full(len(y), len(task.y) / len(y)), np.ones(len(task.y)))
        clf = logistic().fit(
            np.concatenate([moved, task.X]), np.append(y, task.y), sample_weight=weight
        )
        return filled(clf.classes_, clf.predict_proba(X_test), task.n_classes)

    return method


def tuned(*candidates):
    """The best of some by held-out log loss of the target's labelled rows."""

    def method(task, X_test):
        scores = []
        for candidate in candidates:
            folds = StratifiedKFold(3, shuffle=True, random_state=0).split(task.X, task.y)
            found = [
                losses(_proper(candidate(task.subset(train), task.X[test])), task.y[test]).sum()
                for train, test in folds
            ]
            scores.append(sum(found))
        return candidates[int(np.argmin(scores))](task, X_test)

    return method


METHODS = {
    "target only": RIVALS["target only"],
    "pooled": RIVALS["pooled"],
    "equal mass": RIVALS["equal mass"],
    "weight by CV": RIVALS["common weight by CV"],
    "TrAdaBoost (ADAPT)": adapt_method("TrAdaBoost"),
    "TrAdaBoost, tuned": tuned(
        adapt_method("TrAdaBoost"), adapt_method("TrAdaBoost", n_estimators=30)
    ),
    "FA (ADAPT)": adapt_method("FA"),
    "FA, tuned": tuned(adapt_method("FA"), adapt_method("FA", C=0.1)),
    "IWC (ADAPT)": adapt_method("IWC"),
    "IWC, tuned": tuned(adapt_method("IWC"), adapt_method("IWC", C=0.1)),
    "CORAL (SKADA)": coral(),
    "CORAL, tuned": tuned(coral(), coral(reg=0.1)),
    "JDOT (SKADA)": jdot(),
    "JDOT, tuned": tuned(jdot(), jdot(alpha=0.1)),
    "JCPOT (SKADA)": jcpot(),
    "JCPOT, tuned": tuned(jcpot(), jcpot(reg=0.1)),
    "OT (POT)": transport(),
    "OT, tuned": tuned(transport(), transport(reg_e=0.1)),
    "UOWQ": ours(lambda task: UOWQClassifier(logistic())),
    "UOWQ, boosted trees": ours(
        lambda task: UOWQClassifier(
            HistGradientBoostingClassifier(max_iter=50, random_state=0), random_state=0
        )
    ),
    "UOWQ, network": ours(uowq_network),
    "gate": ours(lambda task: DiscriminatorGateClassifier(logistic(), random_state=0)),
    "gate and UOWQ": ours(
        lambda task: DiscriminatorGateClassifier(UOWQClassifier(logistic()), random_state=0)
    ),
    # Trust by cross-validation trains three networks more for every source.
    "gated network, trust 1": ours(
        lambda task: DiscriminatorGateClassifier(trust=1.0, random_state=0)
    ),
}


def _proper(p):
    p = np.clip(np.nan_to_num(p, nan=1.0), 1e-6, None)
    return p / p.sum(axis=1, keepdims=True)


@contextlib.contextmanager
def peak_memory(found):
    """Largest resident size within, above that before, in MB."""
    before, done = _resident(), threading.Event()
    largest = [before]

    def watch():
        while not done.wait(0.005):
            largest[0] = max(largest[0], _resident())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        found.append(max(largest[0], _resident()) - before)


def _resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def measure(task, X_test, y_test, name):
    """Log loss, accuracy, seconds, MB, and what went wrong."""
    memory, wrong = [], ""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    start = time.perf_counter()
    with peak_memory(memory):
        try:
            p = METHODS[name](task, X_test)
        except Exception as error:  # A rival's failure is a result.
            wrong = f"{type(error).__name__}: {str(error)[:80]}"
            p = METHODS["target only"](task, X_test)
    seconds = time.perf_counter() - start
    p = _proper(p)
    accuracy = np.mean(p.argmax(axis=1) == y_test)
    return [float(losses(p, y_test).mean()), float(accuracy), seconds, memory[0], wrong]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--suites", nargs="+", default=list(SUITES), choices=list(SUITES))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    torch.set_num_threads(1)
    real.MAX_SOURCE_ROWS = 300
    done = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    _warm_up(arguments.methods)
    for seed in range(arguments.seeds):
        for name in arguments.suites:
            suite = SUITES[name]()
            for target in suite.targets:
                missing = [
                    method
                    for method in arguments.methods
                    if f"{name}|{target}|{seed}|{method}" not in done
                ]
                if not missing:
                    continue
                task, X_test, y_test = real.draw(suite, target, seed)
                for method in missing:
                    done[f"{name}|{target}|{seed}|{method}"] = measure(task, X_test, y_test, method)
                RESULTS.parent.mkdir(exist_ok=True)
                RESULTS.write_text(json.dumps(done))
                print(f"{name}, {target}, draw {seed}: done", flush=True)


def _warm_up(methods):
    """Imports and compilations, which are not what a fit costs."""
    rng = np.random.RandomState(0)
    parts = [(rng.normal(size=(40, 3)), np.arange(40) % 2) for _ in range(3)]
    task = Task(*parts[0], parts[1:], 2)
    for name in methods:
        measure(task, parts[0][0], parts[0][1], name)


if __name__ == "__main__":
    main()
