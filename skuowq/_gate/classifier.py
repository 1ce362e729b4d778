"""DiscriminatorGateClassifier: source rows weighed by how likely they are in the target."""

import warnings
from copy import copy
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _num_samples, check_is_fitted, has_fit_parameter

from skuowq._data.bind_sources import BindSourcesMixin
from skuowq._data.sources import as_sources
from skuowq._data.target_range import leave_out_far_rows
from skuowq._data.task import check_domains, check_unlabeled, is_frame, with_groups
from skuowq._held_out.pool import pool
from skuowq._utils._base_estimator import (
    NETWORK_CHECKS,
    AnyClassifierMixin,
    aligned_columns,
    array_checks,
    sample_weight_name,
)
from skuowq._utils._checks import check_hidden_layer_sizes
from skuowq._utils._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
)

from .gated_fit import GatedFit

METHODS = ("dann", "dan", "dcoral", "adda", "pada", "gta")
_OF_NETWORKS = (
    "net_",
    "target_net_",
    "pool_exponents_",
    "discriminator_",
    "history_",
)
_GATES = ("plausibility", "interactions", "boosted", "online")


def _has_network(self):
    return self.method is not None


class DiscriminatorGateClassifier(
    BindSourcesMixin,
    AnyClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    ClassifierMixin,
    BaseEstimator,
):
    """Classifier on target and sources, each source row weighed by a discriminator of domains.

    A discriminator that tells target rows from source rows, by features and label, has for odds
    the ratio of their densities. The gate weighs every source row by it, so that what could not be
    the target's, such as wrong labels, does not count; a factor for each source, chosen on held-out
    target rows, can shut it off. Trains a network whose features a method of domain adaptation
    aligns, or, with ``method=None``, any classifier.

    Parameters
    ----------
    method : {"dann", "dan", "dcoral", "adda", "pada", "gta"} or None, default="dann"
        What aligns the network's features. None: no network; `estimator` is fitted to the weighted
        rows.
    gate : bool, {"plausibility", "interactions", "boosted", "online"} or classifier, default=True
        The discriminator whose odds weigh the source rows. True is "plausibility"; the first three
        and classifiers are those of :func:`skuowq.weights.density_ratio`, cross-fitted before the
        training. "online" is the paper's: the network's own discriminator, as it stands at each
        step. False: all rows of a source weigh the same.
    label_conditioning : {"both", "joint", "marginal"} or None, default="both"
        What the adversarial methods (dann, adda, pada) make alike: the features ("marginal"), the
        features given labels ("joint"), or both. dan, dcoral and gta align features in any case.
        None aligns nothing.
    trust : "cv", float or array-like of shape (n_sources,), default="cv"
        Factor of each source's mean loss: at 1, the paper's, all sources together weigh as much as
        the target, and as many times as much at other values. "cv" asks rows of the target that are
        held out, and takes the mean of several factors, 0 and doing without the gate among them,
        by the evidence for each. A network that uses a source uses it at 1, and its predictions
        are pooled with those of a network of the target alone; that takes eleven trainings, and
        three more for each of several sources: pass 1.0 for one training. With fewer than three
        labelled rows it is 1.
        An estimator that weighs sources itself takes "cv" only.
    estimator : classifier, default=None
        For ``method=None``: any classifier whose ``fit`` takes ``sample_weight``; None is
        :class:`~sklearn.linear_model.LogisticRegression`. A :class:`~skuowq.UOWQClassifier` gets
        the sources with their rows weighed and weighs them as a whole itself; held-out rows then
        say how much to gate.
    module : torch Module or its class, default=None
        Maps inputs to features, an array of a row for each input; a linear layer on them
        classifies. None is a perceptron.
    hidden_layer_sizes : tuple of int, default=(64, 64)
        Of the perceptron; the last is the number of features.
    discriminator : torch Module or its class, default=None
        Called with features and one-hot labels, a column more than classes for "no label"; returns
        the log odds that a row is the target's, a column for each source or one for all. None is a
        hidden layer and its product with an embedding of the label.
    discriminator_size : int, default=64
        Its hidden units.
    alignment_weight : float, default=0.1
        Factor of the alignment in what the features learn; it rises to this in the course of the
        training, as ``2 / (1 + exp(-10 p)) - 1``. The paper's is 1.
    gate_labels : bool, default=True
        Whether the gate's discriminator sees labels.
    balanced : bool, default=True
        Whether odds are corrected for the sizes of the domains. False is the paper's raw ratio.
    clip : float, default=20.0
        Largest weight of a row.
    max_epochs : int, default=60
        An epoch has as many batches as the rows of target or sources fill, at least 10.
    batch_size : int, default=64
        Rows of the target, unlabelled rows and source rows in a batch, at most so many of each.
    lr : float, default=0.001
    optimizer : torch optimizer class, default=None
        None is Adam.
    callbacks : list of skorch callbacks, default=None
    train_split : callable, default=None
        Which of the target's rows validate, such as ``skorch.dataset.ValidSplit(5)``; for early
        stopping.
    device : str, default="auto"
        "auto" is a GPU where there is one.
    classes : {"union", "target"}, default="union"
        What to do with classes that only sources have: learn them too ("union", with a warning)
        or leave their rows out ("target").
    checkpoint : str or Path, default=None
        For networks: folder in which every epoch is saved. A fit that was interrupted goes on there
        when it is called again with the same data and an integer `random_state`.
    n_jobs : int, default=None
        Workers for the folds of "cv".
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        1 prints the choice of trust, and a line an epoch.

    Attributes
    ----------
    gate_weights_ : list of ndarray of shape (n_samples_i,)
        Weight of every row of each source, besides its source's trust. All 1 without a gate, and
        nearer to 1 the less "cv" found the gate to help. 0 for rows that were left out: of weight
        0, of classes not learnt, or far outside the target's range.
    trust_ : ndarray of shape (n_sources,)
        Factor of each source's mean loss; with ``estimator=UOWQClassifier()`` the weight of one of
        its rows, as in ``source_weights_`` there.
    effective_sample_size_ : ndarray of shape (n_sources,)
        ``(sum w)^2 / sum w^2`` of each source's row weights, rows counted by their sample weights.
    trust_losses_ : dict of (float, bool) to float
        For "cv": held-out log loss of each common factor, with the gate (True) and without;
        infinity where a network diverged or predictions were not finite.
    estimator_ : classifier
        With ``method=None``.
    net_ : skorch.NeuralNetClassifier
        With a method: the trained network.
    target_net_ : skorch.NeuralNetClassifier or None
        With a method and "cv": the network of the target alone, which predictions are pooled with.
        None where it diverges, or those with the sources do.
    pool_exponents_ : ndarray of shape (2,) or None
        Exponents of the two networks' probabilities in the pool, at most 1 in sum.
    discriminator_ : torch Module or None
        Its discriminator.
    history_ : skorch.history.History
    source_names_ : list of str
    n_sources_ : int
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Defined when X has string column names.

    See Also
    --------
    skuowq.UOWQClassifier : Weighs sources as a whole, by theory.
    skuowq.weights.density_ratio : The gate alone.
    skuowq.plotting.GateWeightsDisplay : The weights as a picture.

    Notes
    -----
    The objective is (Wang et al., CVPR 2019, equations 9 to 11, with their signs set right)

        mean_target l + sum_k trust_k (N_k / N_S) mean_k [w l],   w = D(x, y) / (1 - D(x, y)),

    two means and not one sum, which alone keeps a thousand source rows from drowning twenty target
    rows; for the discriminator the target is class 1. With ``method=None`` all weights are scaled
    to sum to the rows that they are worth, ``(sum v)^2 / sum v^2``: a penalty such as ``C`` means
    what it means with so many rows. With it the features of the adversarial methods descend minus
    `alignment_weight` times the discriminator's objective.

    Where this departs from the paper. The paper's odds are those of the discriminator that the
    features play against ("online"). With few labelled rows that one either knows them by heart,
    and all odds go to 0, or is fooled, and all go to 1; on digits with wrong labels it removes
    hardly half of them. The default asks whether a row's label is plausible, by cross-fitted
    softmax regressions on the inputs, and costs less than an epoch. The paper has one source; here
    each has its own odds and its own trust. A calibrated ratio has mean 1 over a source, so it
    moves weight between rows and shuts no source off: trust does. dan, dcoral and gta have a
    discriminator only for "online", from which their features learn nothing. gta makes inputs, not
    images, by a perceptron. Unlabelled target rows are those of ``fit``; without them the labelled
    ones take their place. Inputs that a module looks up, as tokens, are numbers to the
    cross-fitted gate, which then sees little: pass ``gate="online"``. A discriminator should not
    normalise its label columns over a batch.

    Source rows far outside the target's range, and sources in other units, are left out with a
    warning, as by :class:`~skuowq.UOWQClassifier`; the trust of a source left out is 0.

    Examples
    --------
    >>> from skuowq import DiscriminatorGateClassifier
    >>> from skuowq.datasets import make_classification_tasks, perturb_source
    >>> tasks = make_classification_tasks(random_state=0)
    >>> X, y, _, wrong = perturb_source(
    ...     *tasks.sources[0], 0.0, 0.5, return_masks=True, random_state=0
    ... )
    >>> clf = DiscriminatorGateClassifier(method=None, random_state=0)
    >>> clf = clf.fit(tasks.X_target, tasks.y_target, sources=[(X, y)])
    >>> weights = clf.gate_weights_[0]
    >>> bool(weights[wrong].mean() < weights[~wrong].mean())
    True
    """

    # Routed without being asked for.
    __metadata_request__fit = {"sources": True, "X_unlabeled": True}  # noqa: RUF012

    _parameter_constraints = {  # noqa: RUF012
        "method": [StrOptions(set(METHODS)), None],
        "gate": ["boolean", StrOptions(set(_GATES)), HasMethods(["fit", "predict_proba"])],
        "label_conditioning": [StrOptions({"both", "joint", "marginal"}), None],
        "trust": [StrOptions({"cv"}), Interval(Real, 0, None, closed="left"), "array-like"],
        "estimator": [HasMethods("fit"), None],
        "module": "no_validation",
        "hidden_layer_sizes": ["array-like"],
        "discriminator": "no_validation",
        "discriminator_size": [Interval(Integral, 1, None, closed="left")],
        "alignment_weight": [Interval(Real, 0, None, closed="left")],
        "gate_labels": ["boolean"],
        "balanced": ["boolean"],
        "clip": [Interval(Real, 0, None, closed="neither")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "optimizer": [callable, None],
        "callbacks": [list, None],
        "train_split": [callable, None],
        "device": [str],
        "classes": [StrOptions({"union", "target"})],
        "checkpoint": [str, Path, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        method="dann",
        *,
        gate=True,
        label_conditioning="both",
        trust="cv",
        estimator=None,
        module=None,
        hidden_layer_sizes=(64, 64),
        discriminator=None,
        discriminator_size=64,
        alignment_weight=0.1,
        gate_labels=True,
        balanced=True,
        clip=20.0,
        max_epochs=60,
        batch_size=64,
        lr=0.001,
        optimizer=None,
        callbacks=None,
        train_split=None,
        device="auto",
        classes="union",
        checkpoint=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.method = method
        self.gate = gate
        self.label_conditioning = label_conditioning
        self.trust = trust
        self.estimator = estimator
        self.module = module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.discriminator = discriminator
        self.discriminator_size = discriminator_size
        self.alignment_weight = alignment_weight
        self.gate_labels = gate_labels
        self.balanced = balanced
        self.clip = clip
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.optimizer = optimizer
        self.callbacks = callbacks
        self.train_split = train_split
        self.device = device
        self.classes = classes
        self.checkpoint = checkpoint
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sources=None, *, X_unlabeled=None, sample_weight=None, groups=None):
        """Weigh the source rows and learn from all rows.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows of the target. Networks take arrays of any number of axes, and no sparse ones.
        y : array-like of shape (n_samples,)
            Labels of the target.
        sources : list of (X, y) or (X, y, sample_weight), dict or Sources, default=None
            The sources, with the target's columns. Wrap them in :class:`skuowq.Sources` when
            cross-validating. None learns from the target alone.
        X_unlabeled : array-like of shape (n_unlabeled, n_features), default=None
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
        self._check_parameters()
        n_rows = _num_samples(X)
        sources = as_sources(self._fit_sources(sources), n_rows)
        light = self.method is None
        keep_frames = light and self.estimator is not None and is_frame(X)
        checks = array_checks(self._base_estimator()) if light else NETWORK_CHECKS
        checked = copy(self)
        target, domains, classes = check_domains(
            checked,
            X,
            y,
            sample_weight,
            sources,
            keep_frames=keep_frames,
            check=checks,
            classes=self.classes,
        )
        target = with_groups(target, groups, n_rows, sample_weight)
        if light and (X_unlabeled is not None or getattr(sources, "X_unlabeled", None) is not None):
            warnings.warn(
                "X_unlabeled is for networks, and method=None does not use it",
                UserWarning,
                stacklevel=3,
            )
        X_unlabeled = check_unlabeled(
            X_unlabeled, target.X, n_rows, sources, keep_frames=keep_frames, check=checks
        )
        left = leave_out_far_rows(target, domains, sources)
        domains = left.domains
        fit = GatedFit(self, target, left, classes, X_unlabeled, sources)
        trust = fit.trust()
        alone = None if trust.exponents is None else fit.target_model()
        model = fit.model(trust)
        self._take_columns(checked)
        self.classes_ = classes
        self._fitted_on_frames = keep_frames
        self._keep(model, alone, trust, fit, sources)
        if self.method == "adda" and domains and not model.module_.alignment.apart:
            warnings.warn(
                f"adda aligns nothing before half of its epochs, and training ended after "
                f"{len(model.history)} of {self.max_epochs}: leave early stopping out, or pass "
                "fewer max_epochs",
                UserWarning,
                stacklevel=3,
            )
        return self

    def _check_parameters(self):
        if self.method is None and self.gate == "online":
            raise ValueError(
                "gate='online' is a network's discriminator, and method=None has no network: pass "
                "gate=True or a method"
            )
        if self.method is None:
            sample_weight_name(self._base_estimator())
        elif self.estimator is not None:
            raise ValueError(
                f"estimator={self.estimator!r} is for method=None, and method={self.method!r} "
                "trains a network: pass method=None, or module= for another network"
            )
        else:
            self._check_checkpoint()
        check_hidden_layer_sizes(self.hidden_layer_sizes)
        if hasattr(self.gate, "fit"):
            sample_weight_name(self.gate)  # Its rows are weighed, to make the domains alike.
        if self._weighs_sources() and not isinstance(self.trust, str):
            raise ValueError(
                f"{type(self.estimator).__name__} weighs the sources itself: leave trust='cv'"
            )

    def _weighs_sources(self):
        """Whether the estimator takes sources, and so decides about trust."""
        return self.estimator is not None and has_fit_parameter(self.estimator, "sources")

    def _keep(self, model, alone, trust, fit, sources):
        for name in ("estimator_", *_OF_NETWORKS):
            if hasattr(self, name):
                delattr(self, name)
        if self.method is None:
            self.estimator_ = model
        else:
            self.net_, self.target_net_ = model, alone
            self.pool_exponents_ = trust.exponents
            self._target_classes = np.unique(fit.target.y)
            self.discriminator_ = model.module_.discriminator
            self.history_ = model.history
        self.trust_ = fit.left.among_all(trust.factors, 0.0)
        self.trust_losses_ = trust.losses
        self.gate_weights_, self.effective_sample_size_ = fit.row_weights(model, trust)
        if self._weighs_sources() and fit.domains:
            last = model.steps[-1][1] if hasattr(model, "steps") else model
            if hasattr(last, "source_weights_"):
                self.trust_ = fit.left.among_all(last.source_weights_, 0.0)
        self.source_names_ = [] if sources is None else list(sources.names)
        self.n_sources_ = len(fit.left.kept)

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
        if self.method is None:
            return self.estimator_.predict(self._check_rows(X))
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _has_probabilities(self):
        base = getattr(self, "estimator_", None)
        return self.method is not None or hasattr(
            self._base_estimator() if base is None else base, "predict_proba"
        )

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
        if self.method is None:
            found = self.estimator_.predict_proba(X)
            return aligned_columns(found, self.estimator_.classes_, self.classes_)
        from skuowq.networks import predict_proba

        found = predict_proba(self.net_, X)
        if self.target_net_ is None:
            return found
        alone = predict_proba(self.target_net_, X)
        return pool([self.pool_exponents_], [1.0], found, alone, self._target_classes)

    def transform(self, X):
        """The network's features.

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
        return array_checks(self.estimator_) if self.method is None else NETWORK_CHECKS

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.method is None:
            tags.transformer_tags = None
        else:
            tags.input_tags.sparse = False
            tags.input_tags.allow_nan = False
        return tags

    @property
    def _n_features_out(self):
        return self.net_.module_.sizes.n_features


# Only where there is a network. After the class: the mixin replaces what it finds there.
for _name in ("transform", "fit_transform"):
    _method = getattr(DiscriminatorGateClassifier, _name)
    setattr(DiscriminatorGateClassifier, _name, available_if(_has_network)(_method))
