"""JTLNClassifier: source and target trained jointly, the source's head held to the target's."""

from copy import copy
from itertools import compress
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import _num_samples, check_is_fitted

from skuowq._data.bind_sources import BindSourcesMixin
from skuowq._data.sources import as_sources, source_label
from skuowq._data.target_range import leave_out_far_rows
from skuowq._data.task import check_separate_domains
from skuowq._utils._base_estimator import NETWORK_CHECKS, CarefulFitMixin
from skuowq._utils._checks import check_hidden_layer_sizes
from skuowq._utils._sklearn import Interval, StrOptions, _fit_context
from skuowq.transport.checked import METHODS

from .class_costs import class_costs


class JTLNClassifier(
    BindSourcesMixin,
    CarefulFitMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Network trained on target and sources jointly, its heads tied by optimal transport (JTLN).

    One network makes the features, the target and every source have a linear head of their own on
    them, so that label spaces may differ. On target rows what a source's head predicts must be
    carried to what the target's head predicts, at a cost between classes: features are rewarded on
    which classes that are close are predicted together.

    Parameters
    ----------
    module : torch Module or its class, default=None
        Maps inputs to features, an array of a row for each input. None is a perceptron.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Of the perceptron; the last is the number of features.
    source_loss_weight : float, default=1.0
        Factor of the sources' own classification, against 1 for the target's.
    transport_weight : float, default=1.0
        Factor of the transport. 0 is plain joint training.
    cost : {"mmd", "gaussian", "exact", "sinkhorn"}, array-like or list of array-like, \
            default="mmd"
        What it costs to carry a class of a source to a class of the target: a distance of
        :func:`skuowq.transport.class_distances`, or a matrix for all sources or for each, rows for
        the source's classes, columns for the target's, both sorted.
    reg : float, default=0.1
        Weight of the plan's entropy, in largest costs.
    transport_to : {"predictions", "labels"}, default="predictions"
        What the source's head is carried to on target rows: the predictions of the target's head,
        which learns nothing from it, or the labels.
    max_epochs : int, default=60
        An epoch has as many batches as the rows of target or sources fill, at least 10.
    batch_size : int, default=64
        Rows of the target and of the sources in a batch, at most so many of each.
    lr : float, default=0.001
    optimizer : torch optimizer class, default=None
        None is Adam.
    callbacks : list of skorch callbacks, default=None
    train_split : callable, default=None
        Which of the target's rows validate, such as ``skorch.dataset.ValidSplit(5)``; for early
        stopping.
    device : str, default="auto"
        "auto" is a GPU where there is one.
    checkpoint : str or Path, default=None
        Folder in which every epoch is saved. A fit that was interrupted goes on there when it is
        called again with the same data and an integer `random_state`.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 prints a line an epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNetClassifier
        The trained network; it predicts by the target's head.
    transport_cost_ : list of ndarray of shape (n_source_classes, n_target_classes), or None
        The costs that were used, one matrix a source, divided by their largest entry, None for a
        source that was left out. None where `transport_weight` is 0 or there is no source.
    source_classes_ : list of ndarray
        Classes of every source.
    history_ : skorch.history.History
    source_names_ : list of str
    n_sources_ : int
    classes_ : ndarray of shape (n_classes,)
        Of the target.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.OT3LClassifier : Pretrains on the sources, then tunes on a few target rows.
    skuowq.transport.class_distances : The costs alone.

    Notes
    -----
    The objective (Lu, Chen and Saidi, 2017) is, with heads ``C`` on shared features,

        mean_T l(C_T x, y) + a sum_k s_k mean_k l(C_k x, y) + b sum_k s_k mean_T W_k(C_k x, C_T x),

    ``s_k`` source k's share of the source rows, ``a`` `source_loss_weight`, ``b``
    `transport_weight`, and ``W_k(p, g) = min_P <P, M_k> + reg KL(P | p g')`` the entropic transport
    cost between two distributions over classes, ``M_k`` the costs. These are measured once, before
    the training: on the features of `module` as it was given where that is an instance, on the
    inputs otherwise. Nothing protects against sources that mislead: their rows train the features
    however far they are. For that see :class:`skuowq.UOWQClassifier`.

    Whether the transport helps: it did not, where we measured (digits of three origins, two
    networks, 2 and 10 rows a class, ten draws; ``benchmarks/transport``). Log loss and accuracy
    were those of plain joint training, within their errors, whatever the cost, its weight and what
    it leads to; training on the source first and on the target then was better than either (.917
    for 1.217 in log loss, .804 for .799 in accuracy).

    References
    ----------
    Lu, Chen and Saidi, "Optimal transport for deep joint transfer learning", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq import JTLNClassifier
    >>> rng = np.random.RandomState(0)
    >>> X, y = rng.normal(size=(40, 2)), np.repeat(["left", "right"], 20)
    >>> X[20:, 0] += 3
    >>> X_source, y_source = rng.normal(size=(300, 2)), np.repeat([0, 1, 2], 100)
    >>> X_source[:, 0] += 2 * y_source
    >>> clf = JTLNClassifier(max_epochs=20, random_state=0)
    >>> clf = clf.fit(X, y, sources=[(X_source, y_source)])
    >>> clf.transport_cost_[0].argmin(axis=1).tolist()  # The nearest class of the target.
    [0, 1, 1]
    """

    # Routed without being asked for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "module": "no_validation",
        "hidden_layer_sizes": ["array-like"],
        "source_loss_weight": [Interval(Real, 0, None, closed="left")],
        "transport_weight": [Interval(Real, 0, None, closed="left")],
        "cost": [StrOptions(set(METHODS)), "array-like"],
        "reg": [Interval(Real, 0, None, closed="neither")],
        "transport_to": [StrOptions({"predictions", "labels"})],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [callable, None],
        "callbacks": [list, None],
        "train_split": [callable, None],
        "device": [str],
        "checkpoint": [str, Path, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        module=None,
        *,
        hidden_layer_sizes=(64, 64),
        source_loss_weight=1.0,
        transport_weight=1.0,
        cost="mmd",
        reg=0.1,
        transport_to="predictions",
        max_epochs=60,
        batch_size=64,
        lr=0.001,
        optimizer=None,
        callbacks=None,
        train_split=None,
        device="auto",
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.source_loss_weight = source_loss_weight
        self.transport_weight = transport_weight
        self.cost = cost
        self.reg = reg
        self.transport_to = transport_to
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.callbacks = callbacks
        self.train_split = train_split
        self.device = device
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sources=None, *, sample_weight=None):
        """Train on target and sources.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            Rows of the target; arrays of any number of axes.
        y : array-like of shape (n_samples,)
            Labels of the target.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns and labels of their own. Wrap them in
            :class:`skuowq.Sources` when cross-validating. None learns from the target alone.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the target's rows.

        Returns
        -------
        self : JTLNClassifier

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        self._check_checkpoint()
        sizes = check_hidden_layer_sizes(self.hidden_layer_sizes)
        sources = as_sources(self._fit_sources(sources), _num_samples(X))
        checked = copy(self)
        target, domains, classes = check_separate_domains(
            checked, X, y, sample_weight, sources, check=NETWORK_CHECKS
        )
        names = [] if sources is None else list(sources.names)
        left = leave_out_far_rows(target, domains, sources)
        domains, used = left.domains, [classes[0], *compress(classes[1:], left.kept)]
        costs = None
        if domains and self.transport_weight > 0:
            labels = [source_label(name) for name in compress(names, left.kept)]
            cost = self.cost
            if isinstance(cost, list) and len(cost) == len(names) and np.ndim(cost[0]) == 2:
                cost = list(compress(cost, left.kept))
            costs = class_costs(cost, self._given_features, target, domains, used, labels)
        net = self._train(target, domains, used, costs, sizes)
        self._take_columns(checked)
        self.classes_, *self.source_classes_ = classes
        self.net_, self.history_ = net, net.history
        self.transport_cost_ = costs
        if costs is not None:
            found = iter(costs)
            self.transport_cost_ = [next(found) if kept else None for kept in left.kept]
        self.source_names_, self.n_sources_ = names, len(names)
        return self

    def _given_features(self, X):
        """Features before the training."""
        if not hasattr(self.module, "parameters") or isinstance(self.module, type):
            return X.reshape(len(X), -1)
        from skuowq.networks import make_features, module_features

        make_features(self.module, X[:2], ())  # Refuses what makes no rows of features.
        return module_features(self.module, X)

    def _train(self, target, domains, classes, costs, sizes):
        from skuowq.networks import JointNetwork, make_net, train_aligned

        options = {
            "features": self.module,
            "sample": target.X[:2],
            "hidden_layer_sizes": sizes,
            "n_classes": len(classes[0]),
            "n_source_classes": tuple(len(own) for own in classes[1:]),
            "costs": costs,
            "source_loss_weight": self.source_loss_weight,
            "transport_weight": self.transport_weight,
            "reg": self.reg,
            "transport_to": self.transport_to,
        }
        return train_aligned(
            make_net(self, JointNetwork, options),
            target,
            domains,
            [np.ones(len(domain.y)) for domain in domains],
            # Not drawn at all where nothing is learnt from them.
            np.full(len(domains), float(self.source_loss_weight > 0 or costs is not None)),
            seed=check_random_state(self.random_state).randint(2**31 - 1),
            verbose=self.verbose,
            checkpoint=self.checkpoint,
        )

    def predict(self, X):
        """Predict class labels of the target.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Probabilities of the target's classes.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        X = self._check_rows(X)
        from skuowq.networks import predict_proba

        return predict_proba(self.net_, X)

    def transform(self, X):
        """The shared features.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)

        Returns
        -------
        features : ndarray of shape (n_samples, n_hidden)
        """
        X = self._check_rows(X)
        from skuowq.networks import predict_features

        return predict_features(self.net_, X)

    def _row_checks(self):
        return NETWORK_CHECKS

    @property
    def _n_features_out(self):
        return self.net_.module_.n_features
