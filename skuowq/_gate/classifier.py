"""DiscriminatorGateClassifier: source rows weighed by how likely they are in the target."""

from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skuowq._data.dataset_rows import rows_and_labels
from skuowq._data.fit_input import FitInputMixin
from skuowq._data.task import check_unlabeled, read_task
from skuowq._utils._array_api import in_numpy
from skuowq._utils._base_estimator import (
    NETWORK_CHECKS,
    CarefulFitMixin,
    aligned_columns,
    array_checks,
    is_network,
    sample_weight_name,
)
from skuowq._utils._progress import Progress
from skuowq._utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)
from skuowq._utils._threads import threads_for
from skuowq._utils._warn import warn

from .gates import GateOptions, cross_fit, row_weights_of_all
from .learners import LearnerOptions, choose_learner, pooled_probabilities
from .report import report_of
from .task import GateTask
from .trust import TrustOptions, find_trust
from .unlabelled import options_without_labels, stand_in_labels

_GATES = ("plausibility", "interactions", "boosted", "online")
# Attributes that some learners have and others lack.
_OF_SOME = (
    "estimator_",
    "net_",
    "target_net_",
    "pool_exponents_",
    "_target_classes",
    "discriminator_",
    "history_",
)


class DiscriminatorGateClassifier(
    FitInputMixin,
    CarefulFitMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Classifier on target and sources, each source row weighed by a discriminator of domains.

    A discriminator tells target rows from source rows, by features and label. Its odds are the
    ratio of the two densities, and they weigh the source rows: rows that could not come from the
    target, such as rows with wrong labels, count little. A second factor, one for each source, can
    switch a source off. Cross-validation on the target's rows decides it.

    Parameters
    ----------
    estimator : skorch.NeuralNetClassifier or classifier, default=None
        A network, or any classifier whose ``fit`` takes ``sample_weight``. None is the perceptron
        of :func:`skuowq.networks.make_perceptron`. A network must end in a linear layer: its inputs
        are the features. Its learning rate, optimizer, batch size, epochs, callbacks, split and
        device are those of the net. A :class:`~skuowq.UOWQClassifier` gets the sources with their
        rows weighed, and weighs the sources itself.
    alignment : {"auto", "dann", "dan", "dcoral", "adda", "pada", "gta"}, Alignment or None, \
            default="auto"
        What makes the network's features of target and sources alike: an object such as
        ``skuowq.networks.DANN(weight=0.1)``, or its name. "auto" is DANN for networks, and nothing
        for other classifiers. None trains the network without an alignment.
    gate : bool, {"plausibility", "interactions", "boosted", "online"} or classifier, default=True
        The discriminator whose odds weigh the source rows. True is "plausibility". The first three
        and classifiers are those of :func:`skuowq.weights.density_ratio`, fitted before the
        training. "online" is the paper's: the network's own discriminator, as it is at each step.
        False weighs all rows of a source alike.
    trust : {"auto", "cv"}, float or array-like of shape (n_sources,), default="auto"
        Factor of each source's mean loss. At 1 all sources together weigh as much as the target.
        "cv" averages several factors by what held-out rows of the target say for each. For a
        network that takes eleven trainings, and three more for each of several sources. "auto" is
        "cv", but for networks: there a logistic regression on the same weighted rows finds the
        factors, and eight trainings of the network are left, however many sources there are. Pass
        1.0 for one training. An estimator that weighs sources itself takes "auto" or "cv" only.
    gate_labels : bool, default=True
        Whether the gate's discriminator sees labels.
    balanced : bool, default=True
        Whether odds are corrected for the sizes of the domains. False is the paper's raw ratio.
    clip : float, default=20.0
        Largest weight of a row.
    classes : {"union", "target"}, default="union"
        What to do with classes that only sources have: learn them too ("union", with a warning)
        or leave their rows out ("target").
    checkpoint : str or Path, default=None
        For networks: folder in which every epoch is saved. A fit that was interrupted continues
        when it is called again with the same data and an integer `random_state`. The files are
        pickles, which can run code when they are read: let only those write there whom you trust.
    n_jobs : int, default=None
        Workers for the folds of "cv".
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 prints a line for each trust that is tried, or a bar in a terminal, the trust that is
        chosen, and for networks a line for each of the last trainings and each of their epochs.

    Attributes
    ----------
    gate_weights_ : list of ndarray of shape (n_samples_i,)
        Weight of every row of each source, before its source's trust. 1 without a gate, and 0 for
        rows that were left out: of weight 0, of classes that are not learnt, or far outside the
        target's range.
    trust_ : ndarray of shape (n_sources,)
        Factor of each source's mean loss. Around ``UOWQClassifier()`` the weight of one of its
        rows, as in ``source_weights_`` there.
    effective_sample_size_ : ndarray of shape (n_sources,)
        ``(sum w)^2 / sum w^2`` of each source's row weights, rows counted by their sample weights.
    trust_losses_ : dict of str to dict
        For "cv": held-out log loss of each common factor, under "gate" and under "no gate", as
        ``trust_losses_["gate"][1.0]``. Infinity where a network diverged or predictions were not
        finite.
    source_report_ : GateReport
        What the gate made of each source, and why, as a table: ``print(clf.source_report_)``. A
        notebook shows it as HTML.
    estimator_ : classifier
        If `estimator` is no network: the fitted classifier.
    net_ : skorch.NeuralNetClassifier
        The trained network. This and the next four are there for networks only.
    target_net_ : skorch.NeuralNetClassifier or None
        With "cv": the network of the target alone, with which predictions are pooled. None where
        one of the two networks diverged.
    pool_exponents_ : ndarray of shape (2,) or None
        Exponents of the two networks' probabilities in the pool, at most 1 in sum.
    discriminator_ : torch Module or None
        The discriminator that the features played against, or that was the gate.
    history_ : skorch.history.History
    source_names_ : list of str
    n_sources_ : int
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.UOWQClassifier : Weighs sources as a whole, by theory.
    skuowq.weights.density_ratio : The gate alone.
    skuowq.plotting.GateWeightsDisplay : The weights as a picture.

    Notes
    -----
    The objective is (Wang et al., CVPR 2019, equations 9 to 11)

        mean_target l + sum_k trust_k (N_k / N_S) mean_k [w l],   w = D(x, y) / (1 - D(x, y)).

    Without a labelled row in the target, ``fit(X, sources=sources)``, a network learns the classes
    from the sources and makes the features alike: "dann", "adda" and "pada" without their joint
    half, ``labels="joint"`` is refused, and "dan", "dcoral" and "gta", which read no label of the
    target, as ever. ``gate=True`` weighs rows by their labels and is off then; with
    ``gate_labels=False`` it weighs them by features alone. Nothing can be held out, so ``trust``
    is 1 unless it is given, and there is no protection against negative transfer.

    The default gate is not the paper's, which fails with few labelled rows. Source rows far outside
    the target's range, and sources in other units, are left out with a warning. The user guide,
    ``docs/gate.md``, explains the gates, the trust and the alignments, and when they fail.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skuowq import DiscriminatorGateClassifier
    >>> from skuowq.datasets import make_classification_tasks, perturb_source
    >>> tasks = make_classification_tasks(random_state=0)
    >>> X, y, _, wrong = perturb_source(
    ...     *tasks.sources[0], 0.0, 0.5, return_masks=True, random_state=0
    ... )
    >>> clf = DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
    >>> clf = clf.fit(tasks.X_target, tasks.y_target, sources=[(X, y)])
    >>> weights = clf.gate_weights_[0]
    >>> bool(weights[wrong].mean() < weights[~wrong].mean())
    True
    """

    # Routed without being asked for.
    __metadata_request__fit = {"sources": True, "X_unlabeled": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "estimator": [HasMethods("fit"), None],
        # Names are those of a registry in `skuowq.networks`, which loads torch.
        "alignment": [str, HasMethods(["get_params", "build"]), None],
        "gate": ["boolean", StrOptions(set(_GATES)), HasMethods(["fit", "predict_proba"])],
        "trust": [StrOptions({"auto", "cv"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "gate_labels": ["boolean"],
        "balanced": ["boolean"],
        "clip": [Interval(Real, 0, None, closed="neither")],
        "classes": [StrOptions({"union", "target"})],
        "checkpoint": [str, Path, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        estimator=None,
        *,
        alignment="auto",
        gate=True,
        trust="auto",
        gate_labels=True,
        balanced=True,
        clip=20.0,
        classes="union",
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.estimator = estimator
        self.alignment = alignment
        self.gate = gate
        self.trust = trust
        self.gate_labels = gate_labels
        self.balanced = balanced
        self.clip = clip
        self.classes = classes
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @in_numpy
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, sources=None, *, X_unlabeled=None, sample_weight=None, groups=None):
        """Weigh the source rows and learn from all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features) or Dataset
            Rows of the target. Networks take arrays of any number of axes, and no sparse ones. They
            also take a map-style torch data set; the sources must then be data sets, too.
        y : array-like of shape (n_samples,), default=None
            Labels of the target. None takes those of a data set. With sources and a network, None,
            or a data set without labels, says that no row of the target is labelled: see the Notes.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns. Wrap them in :class:`skuowq.Sources` when
            cross-validating. None learns from the target alone.
        X_unlabeled : array-like of shape (n_unlabeled, n_features) or Dataset, default=None
            Rows of the target without labels, for networks. Where cross-validation could cut them,
            pass ``Sources(sources, X_unlabeled=...)``.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the target's rows.
        groups : array-like of shape (n_samples,), default=None
            Rows of the target with one label here belong together, as the visits of one patient:
            wherever rows are held out to judge the sources, they are held out at once. Rows of
            equal features always are.

        Returns
        -------
        self : DiscriminatorGateClassifier

        Raises
        ------
        ValueError, TypeError
            For input out of bounds; the message names the source, the fact and the remedy.
        """
        X, y = rows_and_labels(X, y, optional=self._fit_sources(sources) is not None)
        sources = self._sources_of(sources, X, y)
        labelled = y is not None or sources is None
        learner, gate_options, trust_options = self._read_options(labelled)
        if not labelled:
            y = stand_in_labels(learner, X, sources, X_unlabeled, sample_weight, self.classes)
        task = self._read_task(
            learner, X, y, sources, X_unlabeled, sample_weight, groups, labelled=labelled
        )
        with threads_for(task.n_entries):
            gate = cross_fit(gate_options, task)
            trust = find_trust(trust_options, learner, gate, task)
            found = _fit_learner(learner, gate, trust, task)
        return self._publish(task, found)

    def _has_network(self):
        return self.estimator is None or is_network(self.estimator)

    def _read_options(self, labelled):
        """The learner, and what gate and trust ask for; what cannot be honoured is refused."""
        if self._has_network():
            self._check_checkpoint()
        if hasattr(self.gate, "fit"):
            sample_weight_name(self.gate)  # Its rows are weighed, to make the domains alike.
        seed, seeded = _draw_seed(self.random_state), self.random_state is not None
        gate = GateOptions(self.gate, self.gate_labels, self.balanced, self.clip, self.n_jobs, seed)
        trust = TrustOptions(self.trust, self.n_jobs, seed, self.verbose)
        if not labelled:
            gate, trust = options_without_labels(gate, trust)
        learner = LearnerOptions(
            self.estimator, self.alignment, gate, self.checkpoint, seeded, self.verbose
        )
        return choose_learner(learner), gate, trust

    def _read_task(self, learner, X, y, sources, X_unlabeled, sample_weight, groups, *, labelled):
        """Everything that ``fit`` receives, checked once."""
        rows = self._read_target(X, y, **learner.door(X))
        _warn_of_unlabeled(learner, X_unlabeled, sources)
        free = check_unlabeled(X_unlabeled, rows, sources)
        classes = self.classes if labelled else "sources"
        # A gate compares single rows, so it can use a source of one class.
        options = {"classes": classes, "least_classes": 2 if learner.weighs_sources else 1}
        task = read_task(rows, sample_weight, sources, groups, **options)
        return GateTask(
            **vars(task),
            X_unlabeled=free,
            sources=sources,
            labelled=labelled,
            features=learner.features,
        )

    def _publish(self, task, found):
        """Set every fitted attribute, once the fit has gone well."""
        for name in _OF_SOME:
            self.__dict__.pop(name, None)
        self._learn(task.rows.learnt)
        for name, value in found.items():
            setattr(self, name, value)
        self.classes_ = task.classes
        self._fitted_on_frames = task.rows.frames
        self.source_names_, self.n_sources_ = task.names, len(task.names)
        return self

    def predict(self, X):
        """Predict class labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        if hasattr(self, "estimator_"):
            return self.estimator_.predict(self._check_rows(X))
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _has_probabilities(self):
        base = getattr(self, "estimator_", self.estimator)
        return self._has_network() or hasattr(base, "predict_proba")

    @available_if(_has_probabilities)
    def predict_proba(self, X):
        """Class probabilities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``; 0 for a class that no weighted row had.
        """
        X = self._check_rows(X)
        if hasattr(self, "estimator_"):
            found = self.estimator_.predict_proba(X)
            return aligned_columns(found, self.estimator_.classes_, self.classes_)
        return pooled_probabilities(
            self.net_,
            self.target_net_,
            self.pool_exponents_,
            X,
            self.classes_,
            self._target_classes,
        )

    def transform(self, X):
        """The network's features: what its last layer sees.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        features : ndarray of shape (n_samples, n_hidden)
        """
        check_is_fitted(self)
        from skuowq.networks import predict_features

        return predict_features(self.net_, self._check_rows(X))

    def _row_checks(self):
        return array_checks(self.estimator_) if hasattr(self, "estimator_") else NETWORK_CHECKS

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = tags.input_tags.allow_nan = False
        if not self._has_network():
            tags.transformer_tags = None
            if not isinstance(self.estimator, type):  # A class has none, and the fit refuses it.
                base = get_tags(self.estimator).input_tags
                tags.input_tags.sparse, tags.input_tags.allow_nan = base.sparse, base.allow_nan
        return tags

    @property
    def _n_features_out(self):
        return self.net_.objective_.sizes.n_features


# Only where there is a network. After the class: the mixin replaces what it finds there.
for _name in ("transform", "fit_transform"):
    _method = getattr(DiscriminatorGateClassifier, _name)
    setattr(
        DiscriminatorGateClassifier,
        _name,
        available_if(DiscriminatorGateClassifier._has_network)(_method),
    )


def _draw_seed(random_state):
    return check_random_state(random_state).randint(2**31 - 1)


def _fit_learner(learner, gate, trust, task):
    """Fitted attributes: those of the learner's model on all rows, of the gate and of the trust."""
    n_target = len(task.target.y)
    alone, pools = None, trust.exponents is not None
    progress = Progress("gate, last trainings", learner.verbose, 1 + pools)
    if pools:
        ones, nothing = [np.ones(len(part.y)) for part in task.domains], np.zeros(len(task.domains))
        alone = learner.train(task, task.target, ones, nothing, 0.0, quiet=True)
        progress("network of the target alone")
    weights = gate.row_weights(np.arange(n_target), trust.gate_share)
    model = learner.train(task, task.target, weights, trust.factors, trust.gate_share, quiet=False)
    progress("network of all domains")
    _warn_of_idle_alignment(learner, model, task)
    weights = learner.row_weights(task, model, trust, weights)
    gate_weights, sizes = row_weights_of_all(task, weights)
    found = learner.attributes(task, model, alone, trust) | {
        "gate_weights_": gate_weights,
        "effective_sample_size_": sizes,
        "trust_losses_": _losses_by_gate(trust.losses),
    }
    return found | {"source_report_": report_of(task, gate, trust, weights, found)}


def _losses_by_gate(losses):
    """Keyed by text and numbers, as formats other than pickle need it."""
    return {
        name: {factor: loss for (factor, gated), loss in losses.items() if gated == wanted}
        for name, wanted in (("gate", True), ("no gate", False))
    }


def _warn_of_unlabeled(learner, X_unlabeled, sources):
    given = X_unlabeled is not None or getattr(sources, "X_unlabeled", None) is not None
    if given and not learner.takes_unlabeled:
        warn(
            f"X_unlabeled is for networks, and {type(learner.estimator).__name__} does not use it: "
            "leave it out, or pass a skorch NeuralNetClassifier as estimator",
        )


def _warn_of_idle_alignment(learner, model, task):
    if (
        task.domains
        and getattr(learner, "alignment", None)
        and model.objective_.alignment.is_idle()
    ):
        warn(
            f"{type(learner.alignment).__name__} aligns nothing before half of its epochs, and "
            f"training ended after {len(model.history)} of {model.max_epochs}: leave early "
            "stopping out, or pass fewer max_epochs",
        )
