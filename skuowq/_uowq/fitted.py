"""What predicts after a fit: one estimator, three that are stacked, or two pooled networks."""

from dataclasses import dataclass

import numpy as np

from skuowq._utils._base_estimator import aligned_columns


@dataclass(frozen=True, eq=False)
class Plain:
    """One estimator.

    Attributes
    ----------
    estimator : estimator
    classes : ndarray of shape (n_classes,) or None
        Labels in the order of the probabilities; None where labels are numbers.
    extra : dict
        Further public attributes.
    """

    estimator: object
    classes: np.ndarray | None = None
    extra: dict | None = None

    def predict(self, X):
        """Labels or numbers."""
        return self.estimator.predict(X)

    def predict_proba(self, X):
        """Probabilities of all classes, 0 for those that no weighted row had."""
        return self._aligned(self.estimator.predict_proba(X), 0.0)

    def decision_function(self, X):
        """The estimator's scores, minus infinity for classes that no weighted row had."""
        scores = self.estimator.decision_function(X)
        if scores.ndim == 1 and len(self.classes) > 2:
            scores = np.column_stack([-scores, scores])
        return self._aligned(scores, -np.inf)

    def _aligned(self, columns, fill):
        return aligned_columns(columns, self.estimator.classes_, self.classes, fill)

    def attributes(self):
        """Public attributes."""
        return named(self.estimator, self.classes) | (self.extra or {})


@dataclass(frozen=True, eq=False)
class Stacked:
    """The estimator fitted in several ways, averaged.

    Attributes
    ----------
    estimator : estimator
        Fitted with the weights.
    stack : Stack
    classes : ndarray of shape (n_classes,) or None
    """

    estimator: object
    stack: object
    classes: np.ndarray | None = None

    def predict(self, X):
        """The likeliest labels, or averaged numbers."""
        if self.classes is None:
            return self.stack.predict(X)
        return self.classes[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Averaged probabilities."""
        return self.stack.predict_proba(X, self.classes)

    def decision_function(self, X):
        """Logarithms of the averaged probabilities; of two classes the log odds of the second."""
        scores = np.log(np.maximum(self.predict_proba(X), np.finfo(float).tiny))
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def attributes(self):
        """Public attributes."""
        names = "target_estimator_", "pooled_estimator_", "linear_estimator_"
        others = dict(zip(names, self.stack.estimators[1:], strict=False))
        found = named(self.estimator, self.classes) | others
        return found | {"pool_weights_": self.stack.weights}


@dataclass(frozen=True, eq=False)
class Network:
    """A network, alone or pooled with one of the target.

    Attributes
    ----------
    estimator : NeuralNetClassifier
    pool : NetworkPool or None
    classes : ndarray of shape (n_classes,)
    """

    estimator: object
    pool: object
    classes: np.ndarray

    def predict(self, X):
        """The likeliest labels."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities, pooled where there is a pool."""
        from skuowq.networks import predict_proba

        # A network may have more outputs than there are classes.
        probabilities = predict_proba(self.estimator, X)[:, : len(self.classes)]
        if self.pool is not None:
            probabilities = self.pool(probabilities, X)
        return probabilities / probabilities.sum(axis=1, keepdims=True)

    def attributes(self):
        """Public attributes."""
        found = named(self.estimator, self.classes)
        if self.pool is None:
            return found
        alone = {"target_estimator_": self.pool.net, "pool_exponents_": self.pool.exponents}
        return found | alone


def named(estimator, classes):
    """Public attributes of every fit; regressors have no classes."""
    found = {"estimator_": estimator}
    return found if classes is None else found | {"classes_": classes}
