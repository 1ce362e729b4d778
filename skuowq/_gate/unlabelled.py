"""A target none of whose rows is labelled: what can be honoured, and labels that stand in.

Nothing reads the labels that stand in: the classification is of the sources' rows alone, the
features are made alike without labels, and the gate sees none.
"""

from dataclasses import replace

import numpy as np
from sklearn.utils.validation import _num_samples

from skuowq._data.sources import source_label
from skuowq._data.task_labels import check_labels

_FACT = "y is None, so no row of the target is labelled"


def options_without_labels(gate, trust):
    """Gate and trust as they can be without labels; what asks for labels is refused.

    Parameters
    ----------
    gate : GateOptions
    trust : TrustOptions

    Returns
    -------
    gate : GateOptions
        Off where the user leaves the choice; on features alone with ``gate_labels=False``.
    trust : TrustOptions
        1 where the user leaves the choice.
    """
    chosen_for_us = isinstance(gate.gate, (bool, np.bool_))
    if gate.labels and not chosen_for_us:
        raise ValueError(
            f"gate={gate.gate!r} weighs rows by features and label, and {_FACT}: pass "
            "gate_labels=False to weigh them by features alone, or gate=False"
        )
    if isinstance(trust.trust, str) and trust.trust == "cv":
        raise ValueError(
            f"trust='cv' is chosen on labelled rows of the target, and {_FACT}: pass a number, or "
            "leave trust='auto', which is 1 then"
        )
    if gate.labels:
        gate = replace(gate, gate=False)
    return gate, replace(trust, trust=1.0) if isinstance(trust.trust, str) else trust


def stand_in_labels(learner, X, sources, X_unlabeled, sample_weight, classes):
    """Labels for the rows of X, once it is sure that nothing needs true ones.

    Parameters
    ----------
    learner : RowsLearner, SourcesLearner or NetworkLearner
    X : rows of the target
    sources : Sources
    X_unlabeled, sample_weight : as ``fit`` received them
    classes : {"union", "target"}

    Returns
    -------
    y : ndarray of shape (n_rows,)
        A class of the sources, over and over.
    """
    _check_learner(learner)
    if classes == "target":
        raise ValueError(
            f"classes='target' learns the target's classes, and {_FACT}: pass classes='union', "
            "which learns the sources'"
        )
    if X_unlabeled is not None or sources.X_unlabeled is not None:
        raise ValueError(
            f"X_unlabeled is given, and {_FACT}: the rows of X are the unlabelled ones. Pass all "
            "of them as X, and leave X_unlabeled out"
        )
    if sample_weight is not None:
        raise ValueError(
            f"sample_weight weighs labelled rows of the target, and {_FACT}: leave it out"
        )
    labels = check_labels(sources._triples[0][1], source_label(sources.names[0]))
    return np.repeat(labels[:1], _num_samples(X))


def _check_learner(learner):
    if not learner.takes_unlabeled:
        raise ValueError(
            f"{_FACT}, and {type(learner.estimator).__name__} learns from labelled rows only: pass "
            "y, or a skorch NeuralNetClassifier as estimator"
        )
    alignment = learner.alignment
    if alignment is not None and alignment.plays and not alignment.sees_features:
        raise ValueError(
            f"alignment={alignment!r} makes features alike given their labels, and {_FACT}: pass "
            "labels='marginal'"
        )
    if learner.net.train_split is not None:
        raise ValueError(
            f"estimator has train_split={learner.net.train_split!r}, which validates on labelled "
            f"rows of the target, and {_FACT}: pass train_split=None"
        )
