"""JTLNClassifier: source and target trained jointly, the source's head held to the target's."""

from numbers import Real
from pathlib import Path

from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skuowq._data.dataset_rows import rows_and_labels
from skuowq._data.fit_input import FitInputMixin
from skuowq._data.task import read_task
from skuowq._utils._array_api import in_numpy
from skuowq._utils._base_estimator import NETWORK_CHECKS, CarefulFitMixin, is_network
from skuowq._utils._progress import Progress
from skuowq._utils._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skuowq.transport.checked import METHODS

from .joint_report import joint_report
from .joint_training import JointOptions, measure_costs, train_jointly


class JTLNClassifier(
    FitInputMixin,
    CarefulFitMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Network trained on target and sources jointly, its heads tied by optimal transport (JTLN).

    One network makes the features. The target and every source have a linear head of their own on
    them, so label spaces may differ. On target rows, what a source's head predicts must be carried
    to what the target's head predicts, at a cost between classes. So the training rewards features
    on which classes that are close are predicted together. It needs POT: ``pip install
    "skuowq[transport]"``.

    Parameters
    ----------
    estimator : skorch.NeuralNetClassifier, default=None
        A network that ends in a linear layer: this layer is the target's head, and its inputs are
        the features. It needs an output for each class of the target. None is the perceptron of
        :func:`skuowq.networks.make_perceptron`. Its learning rate, optimizer, batch size, epochs,
        callbacks, split and device are those of the net.
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
    checkpoint : str or Path, default=None
        Folder in which every epoch is saved. A fit that was interrupted continues when it is called
        again with the same data and an integer `random_state`. The files are pickles, which can run
        code when they are read: let only those write there whom you trust.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 prints a line for each step, and a line an epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNetClassifier
        The trained network; it predicts by the target's head.
    transport_cost_ : list of ndarray of shape (n_source_classes, n_target_classes), or None
        The costs that were used, one matrix a source, divided by their largest entry, None for a
        source that was left out. None where `transport_weight` is 0 or there is no source.
    source_classes_ : list of ndarray
        Classes of every source.
    source_report_ : JointReport
        How the training went, and what each source adds to the loss, as a table:
        ``print(clf.source_report_)``. A notebook shows it as HTML.
    history_ : skorch.history.History
    source_names_ : list of str
    n_sources_ : int
    classes_ : ndarray of shape (n_classes,)
        Of the target.
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.OT3LClassifier : Pretrains on the sources, then tunes on a few target rows.
    skuowq.transport.class_distances : The costs alone.

    Notes
    -----
    The objective (Lu, Chen and Saidi, 2017) is, with heads ``C`` on shared features,

        mean_T l(C_T x, y) + a sum_k s_k mean_k l(C_k x, y) + b sum_k s_k mean_T W_k(C_k x, C_T x).

    Nothing protects against sources that mislead: their rows train the features however far they
    are. For that see :class:`skuowq.UOWQClassifier`. On the digits that we measured, the transport
    did not help. The user guide, ``docs/transport.md``, explains the terms and gives the figures.

    References
    ----------
    Lu, Chen and Saidi, "Optimal transport for deep joint transfer learning", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq import JTLNClassifier
    >>> from skuowq.networks import make_perceptron
    >>> rng = np.random.RandomState(0)
    >>> X, y = rng.normal(size=(40, 2)), np.repeat(["left", "right"], 20)
    >>> X[20:, 0] += 3
    >>> X_source, y_source = rng.normal(size=(300, 2)), np.repeat([0, 1, 2], 100)
    >>> X_source[:, 0] += 2 * y_source
    >>> clf = JTLNClassifier(make_perceptron(max_epochs=5), random_state=0)
    >>> clf = clf.fit(X, y, sources=[(X_source, y_source)])
    >>> clf.transport_cost_[0].argmin(axis=1).tolist()  # The nearest class of the target.
    [0, 1, 1]
    """

    # Routed without being asked for.
    __metadata_request__fit = {"sources": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        "source_loss_weight": [Interval(Real, 0, None, closed="left")],
        "transport_weight": [Interval(Real, 0, None, closed="left")],
        "cost": [StrOptions(set(METHODS)), "array-like"],
        "reg": [Interval(Real, 0, None, closed="neither")],
        "transport_to": [StrOptions({"predictions", "labels"})],
        "checkpoint": [str, Path, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        source_loss_weight=1.0,
        transport_weight=1.0,
        cost="mmd",
        reg=0.1,
        transport_to="predictions",
        checkpoint=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.source_loss_weight = source_loss_weight
        self.transport_weight = transport_weight
        self.cost = cost
        self.reg = reg
        self.transport_to = transport_to
        self.checkpoint = checkpoint
        self.random_state = random_state
        self.verbose = verbose

    @in_numpy
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sources=None, *, sample_weight=None):
        """Train on target and sources.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...) or Dataset
            Rows of the target; arrays of any number of axes, or a map-style torch data set. The
            sources must then be data sets, too.
        y : array-like of shape (n_samples,), default=None
            Labels of the target. None takes those of a data set.
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
        X, y = rows_and_labels(X, y)
        self._check_checkpoint()
        net, options = self._read_options()
        sources = self._sources_of(sources, X, y)
        rows = self._read_target(X, y, frames=False, checks=NETWORK_CHECKS)
        task = read_task(rows, sample_weight, sources, None, labels="separate")
        progress = Progress("JTLN", self.verbose, 2)
        costs = measure_costs(options, net, task)
        progress("costs between classes")
        net = train_jointly(options, net, task, costs)
        progress("joint training")
        return self._publish(task, costs, net, joint_report(options, net, task))

    def _read_options(self):
        """The net, and what is minimised."""
        return network_of(self.estimator), JointOptions(
            cost=self.cost,
            source_loss_weight=self.source_loss_weight,
            transport_weight=self.transport_weight,
            reg=self.reg,
            transport_to=self.transport_to,
            checkpoint=self.checkpoint,
            seed=check_random_state(self.random_state).randint(2**31 - 1),
            verbose=self.verbose,
        )

    def _publish(self, task, costs, net, report):
        """Set every fitted attribute, once the fit has gone well."""
        self._learn(task.rows.learnt)
        self.classes_, *self.source_classes_ = task.classes
        self.net_, self.history_ = net, net.history
        found = None if costs is None else iter(costs)
        self.transport_cost_ = found and [next(found) if kept else None for kept in task.left.kept]
        self.source_names_, self.n_sources_ = task.names, len(task.names)
        self.source_report_ = report
        return self

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

        return predict_proba(self.net_, X, len(self.classes_))

    def transform(self, X):
        """The shared features: what the heads see.

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
        return self.net_.objective_.n_features


def network_of(estimator):
    """The net that is trained: the one given, or a perceptron."""
    if estimator is None:
        from skuowq.networks import make_perceptron

        return make_perceptron()
    if not is_network(estimator):
        raise ValueError(
            f"estimator is a {type(estimator).__name__}, which has no features to share: pass a "
            "skorch NeuralNetClassifier, or None for a perceptron"
        )
    return estimator
