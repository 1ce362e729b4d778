"""The gate beside SKADA and ADAPT on the same digits: accuracy, log loss and time.

Data as in `digits.py`. These peers know labelled sources and an unlabelled target, so the labelled
target rows are handed to them among the source's, and the target's training half without labels;
reweighting peers leave these rows the weight 1 that ours give them as well. Each has its defaults;
linear methods end in the logistic regression that ours end in, networks are the perceptron 64-64
trained for as many steps.

Needs an environment of its own, with tensorflow: `make bench-gate-peers`. Results go to
benchmarks/results/gate_peers.json as they come.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from digits import RESULTS, draw

from skuowq import DiscriminatorGateClassifier, UOWQClassifier

PEERS = RESULTS.with_name("gate_peers.json")
CELLS = ((0.7, 0.1), (0.7, 0.3), (0.0, 0.1))
N_SEEDS = 5
MAX_EPOCHS = 60


def logistic():
    return LogisticRegression(max_iter=1000)


def ours(**options):
    def fit(split, seed):
        clf = DiscriminatorGateClassifier(random_state=seed, **options)
        clf.fit(
            split.X_target, split.y_target, sources=split.sources, X_unlabeled=_free(options, split)
        )
        return clf.predict_proba

    return fit


def _free(options, split):
    return None if "estimator" in options else split.X_unlabeled


def labelled_rows(split):
    X, y = split.sources["perturbed"]
    return np.vstack([X, split.X_target]), np.append(y, split.y_target)


def weighted(row_weights):
    """A logistic regression on source rows of these weights and on the target's."""
    X, y, weights, split = row_weights
    weights = np.asarray(weights, dtype=float).ravel()[: len(split.sources["perturbed"][1])]
    n_source, n = len(weights), len(split.y_target)
    # Two means, as the gate's.
    scale = weights.sum() / n_source
    weights = weights / (scale if scale > 0 else 1.0) * (n / n_source)
    return logistic().fit(X, y, sample_weight=np.append(weights, np.ones(n))).predict_proba


def adapt_weights(name):
    def fit(split, seed):
        import adapt.instance_based as instance_based

        X, y = labelled_rows(split)
        X_s, y_s = split.sources["perturbed"]
        options = {"classifier": logistic()} if name == "IWC" else {"kernel": "rbf", "gamma": 0.1}
        model = getattr(instance_based, name)(
            logistic(), Xt=split.X_unlabeled, verbose=0, random_state=seed, **options
        )
        model.fit(X_s, y_s)
        return weighted((X, y, model.predict_weights(), split))

    return fit


def skada_kmm(split, seed):
    from skada import KMMReweightAdapter

    X, y = labelled_rows(split)
    X_s, _ = split.sources["perturbed"]
    rows = np.vstack([X_s, split.X_unlabeled])
    domain = np.repeat([1, -2], [len(X_s), len(split.X_unlabeled)])
    adapter = KMMReweightAdapter(gamma=0.1).fit(rows, sample_domain=domain)
    weights = adapter.compute_weights(rows, sample_domain=domain)
    return weighted((X, y, weights, split))


def skada_tca(split, seed):
    from skada import TransferComponentAnalysis

    X, y = labelled_rows(split)
    rows = np.vstack([X, split.X_unlabeled])
    labels = np.append(y, np.full(len(split.X_unlabeled), -1))
    domain = np.repeat([1, -2], [len(X), len(split.X_unlabeled)])
    model = TransferComponentAnalysis(base_estimator=logistic(), n_components=30)
    model.fit(rows, labels, sample_domain=domain)
    return model.predict_proba


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, X, sample_weight=None):
        return self.head(self.features(X))


def skada_dann(split, seed):
    from skada.deep import DANN

    torch.manual_seed(seed)
    X, y = labelled_rows(split)
    rows = np.vstack([X, split.X_unlabeled]).astype(np.float32)
    labels = np.append(y, np.full(len(split.X_unlabeled), -1)).astype(np.int64)
    domain = np.repeat([1, -2], [len(X), len(split.X_unlabeled)])
    net = DANN(
        Perceptron(),
        layer_name="features",
        num_features=64,
        optimizer=torch.optim.Adam,
        lr=1e-3,
        batch_size=64,
        max_epochs=MAX_EPOCHS,
        train_split=None,
        verbose=0,
    )
    net.fit(rows, labels, sample_domain=domain)

    def predict_proba(X):
        X = X.astype(np.float32)
        return net.predict_proba(X, sample_domain=np.full(len(X), -2), allow_source=True)

    return predict_proba


METHODS = {
    "target only (logistic)": ours(estimator=logistic(), trust=0.0),
    "two means (logistic)": ours(estimator=logistic(), gate=False, trust=1.0),
    "gate, trust 1 (logistic)": ours(estimator=logistic(), trust=1.0),
    "gate (logistic)": ours(estimator=logistic()),
    "gate + UOWQ (logistic)": ours(estimator=UOWQClassifier(logistic())),
    "ADAPT IWC": adapt_weights("IWC"),
    "ADAPT RULSIF": adapt_weights("RULSIF"),
    "SKADA KMM": skada_kmm,
    "SKADA TCA": skada_tca,
    "target only (DANN)": ours(trust=0.0),
    "gated DANN, trust 1": ours(trust=1.0),
    "gated DANN": ours(),
    "SKADA DANN": skada_dann,
}


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    done = json.loads(PEERS.read_text()) if PEERS.exists() else {}
    for seed in range(N_SEEDS):
        for eps, labelled in CELLS:
            split = draw(eps, labelled, None, seed)
            for name, fit in METHODS.items():
                key = " | ".join(map(str, (eps, labelled, name, seed)))
                if key in done:
                    continue
                start = time.perf_counter()
                predict_proba = fit(split, seed)
                seconds = time.perf_counter() - start
                p = np.clip(predict_proba(split.X_test), 1e-12, 1)
                loss = log_loss(split.y_test, p / p.sum(axis=1, keepdims=True), labels=range(10))
                accuracy = np.mean(p.argmax(axis=1) == split.y_test)
                done[key] = [float(accuracy), float(loss), seconds]
            PEERS.parent.mkdir(exist_ok=True)
            PEERS.write_text(json.dumps(done))
    report(done)


def report(done):
    for eps, labelled in CELLS:
        print(f"\neps {eps}, L {labelled:.0%}")
        print(f"{'':26s}{'accuracy':>15s}{'log loss':>16s}{'seconds':>9s}")
        for name in METHODS:
            rows = [key.split(" | ") for key in done]
            seeds = [s for e, lab, m, s in rows if (e, lab, m) == (str(eps), str(labelled), name)]
            found = [done[" | ".join((str(eps), str(labelled), name, seed))] for seed in seeds]
            values = np.array(found)
            mean, error = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(len(values))
            print(
                f"{name:26s}{mean[0]:7.3f} ({error[0]:.3f}){mean[1]:8.3f} ({error[1]:.3f})"
                f"{np.median(values[:, 2]):9.2f}"
            )


if __name__ == "__main__":
    main()
