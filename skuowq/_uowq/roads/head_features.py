"""The domains as the head of a network sees them, which was trained on the sources alone."""

from dataclasses import replace

import numpy as np
from sklearn.linear_model import LogisticRegression

from skuowq._data.domains import take_rows


class HeadFeatures:
    """A network trained on the sources, and the domains as its head sees them.

    Parameters
    ----------
    net : NeuralNetClassifier
    target : Domain
    domains : list of Domain
        The sources.
    n_classes : int or None
        None where labels are numbers.
    seed, verbose, checkpoint
        As in `train_weighted`.

    Attributes
    ----------
    target : Domain
        With the head's inputs, standardised over all rows, as features.
    domains : list of Domain
        Likewise.
    """

    def __init__(self, net, target, domains, n_classes, *, seed, verbose, checkpoint):
        from skuowq.networks import as_inputs, head_inputs, train_weighted

        first, *others = domains
        self.net = train_weighted(
            net,
            first,
            others,
            np.ones(len(others)),
            seed=seed,
            verbose=verbose,
            checkpoint=checkpoint,
            final=False,
            n_classes=n_classes,
            with_head=True,
        )
        parts = [as_inputs(self.net, domain.X, domain.label) for domain in (target, *domains)]
        self._inputs = parts[0]
        features = head_inputs(self.net, parts)
        stacked = np.concatenate(features)
        weight = np.concatenate([domain.sample_weight for domain in (target, *domains)])
        self.centre = np.average(stacked, axis=0, weights=weight)
        self.scale = np.sqrt(np.average((stacked - self.centre) ** 2, axis=0, weights=weight))
        self.scale[self.scale == 0] = 1.0
        self.target, *self.domains = (
            replace(domain, X=(X - self.centre) / self.scale)
            for domain, X in zip([target, *domains], features, strict=True)
        )
        # Copies are rows of equal inputs; their features may differ in the last digit.
        self.target = replace(self.target, named=target.groups)

    def compared(self, task):
        """The task with these features for rows."""
        left = replace(task.left, domains=self.domains)
        return replace(task, target=self.target, left=left)

    @property
    def state(self):
        """State of the network that was trained on the sources."""
        return self.net.module_.state_dict()

    def start(self, fit, classes, source_weights, kept):
        """State of the network with the weighted softmax fit for a head.

        Parameters
        ----------
        fit : callable
            ``fit(logistic, target, domains)`` returns a logistic regression fitted to the domains
            with their weights.
        classes : ndarray of shape (n_classes,)
        source_weights : ndarray of shape (n_sources,)
        kept : ndarray of int
            Rows of the target to fit to.
        """
        from skuowq.networks import state_with_head

        target = take_rows(self.target, kept)
        used = [target.y]
        used += [D.y for D, w in zip(self.domains, source_weights, strict=True) if w > 0]
        if len(np.unique(np.concatenate(used))) < 2:
            return self.state
        logistic = fit(LogisticRegression(max_iter=1000), target, self.domains)
        coef, intercept = logistic.coef_, logistic.intercept_
        if len(coef) == 1:
            coef, intercept = np.vstack([-coef, coef]) / 2, np.append(-intercept, intercept) / 2
        coef = coef / self.scale
        intercept = intercept - coef @ self.centre
        seen = np.searchsorted(classes, logistic.classes_)
        return state_with_head(self.net, self._inputs, seen, coef, intercept)
