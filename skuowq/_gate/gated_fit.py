"""One call of `DiscriminatorGateClassifier.fit`: gates, trust, and the model they train."""

import itertools
import warnings
from dataclasses import replace

import numpy as np
from scipy import sparse
from sklearn.dummy import DummyClassifier
from sklearn.utils import check_random_state
from sklearn.utils.parallel import Parallel, delayed

from skuowq._data.design_columns import make_design
from skuowq._data.sources import Sources
from skuowq._data.task import concatenate_rows, take_rows
from skuowq._held_out.independent_rows import share_of_independent
from skuowq._utils._base_estimator import aligned_columns, sample_weight_name, seeded
from skuowq._utils._checks import check_hidden_layer_sizes
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._sklearn import _safe_indexing
from skuowq.weights.checked import SourceGate

from .trust import Trust, choose_trust

# Factors that cross-validation chooses from; a network is trained anew for each.
_GRID = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
_NETWORK_GRID = (0.0, 1.0)
_N_FOLDS = 5
_N_NETWORK_FOLDS = 3


class GatedFit:
    """The data, the gates, and models for any rows of the target and any trust.

    Parameters
    ----------
    clf : DiscriminatorGateClassifier
        For its parameters; not changed.
    target : Domain
    left : RowsInRange
        The sources, without rows far outside the target's range.
    classes : ndarray of shape (n_classes,)
    X_unlabeled : array or None
    sources : Sources or None
        As they were given, with rows that the domains lack.
    """

    def __init__(self, clf, target, left, classes, X_unlabeled, sources):
        self.clf, self.target, self.classes = clf, target, classes
        self.left, self.domains = left, left.domains
        self.X_unlabeled, self.sources = X_unlabeled, sources
        self.seed = check_random_state(clf.random_state).randint(2**31 - 1)
        switch = isinstance(clf.gate, (bool, np.bool_))
        self.gated = bool(self.domains) and not (switch and not clf.gate)
        self.crossfit = self.gated and clf.gate != "online"
        self.gates = self._gates() if self.crossfit else []
        self.known_odds = {}
        if self.gated and clf.gate_labels:
            self._warn_of_missing_classes()

    def _gates(self):
        """A gate for each source, on standardised columns of all rows."""
        parts = [self.target, *self.domains]
        flat = [replace(part, X=_flat(part.X)) for part in parts]
        Z, _, _, _ = make_design(flat, ridge=1.0, standardise=True)
        cuts = np.cumsum([len(part.y) for part in parts])[:-1]
        self.Z, *designs = _split_rows(Z[:, :-1], cuts)
        clf = self.clf
        kind = "plausibility" if isinstance(clf.gate, (bool, np.bool_)) else clf.gate
        return Parallel(clf.n_jobs)(
            delayed(SourceGate)(
                Z_i,
                domain.y,
                domain.sample_weight,
                len(self.classes),
                discriminator=kind,
                labels=clf.gate_labels,
                n_folds=_N_FOLDS,
                seed=self.seed,
            )
            for Z_i, domain in zip(designs, self.domains, strict=True)
        )

    def _warn_of_missing_classes(self):
        seen = np.unique(self.target.y)
        lacking = np.setdiff1d(np.arange(len(self.classes)), seen)
        if len(lacking):
            warnings.warn(
                f"classes {self.classes[lacking].tolist()} have no labelled row in the target, so "
                "the gate takes all of their source rows for wrong: label a row of each, or pass "
                "gate_labels=False",
                UserWarning,
                stacklevel=5,  # GatedFit, fit and its wrapper stand between here and the user
            )

    def trust(self):
        clf, n_sources = self.clf, len(self.domains)
        if n_sources == 0 or (clf._weighs_sources() and not self.gated):
            return Trust(np.ones(n_sources), float(self.gated), {})
        if not isinstance(clf.trust, str):
            given, n_given = np.asarray(clf.trust, dtype=float), len(self.left.kept)
            factors = np.full(n_given, given) if given.ndim == 0 else given
            if factors.shape != (n_given,):
                raise ValueError(
                    f"trust has shape {factors.shape}, and there are {n_given} sources: pass a "
                    "number, or one of at least 0 for each source"
                )
            if not np.all(np.isfinite(factors) & (factors >= 0)):
                raise ValueError(
                    f"trust is {factors.tolist()}: pass numbers of at least 0, finite ones"
                )
            return Trust(factors[self.left.kept], float(self.gated), {})
        light = clf.method is None
        if light and not hasattr(clf._base_estimator(), "predict_proba"):
            raise ValueError(
                f"trust='cv' compares probabilities, and {type(clf._base_estimator()).__name__} "
                "has no predict_proba: pass trust=1.0, or a classifier that has"
            )
        found = choose_trust(
            self._held_out_model,
            self.target,
            n_sources,
            self._grid(),
            gate=self.gated,
            pool=not light,
            n_folds=_N_FOLDS if light else _N_NETWORK_FOLDS,
            # Threads share the odds of a fold; networks have random states of their own process.
            parallel=Parallel(clf.n_jobs, prefer="threads" if light else "processes"),
            seed=self.seed,
            independent_share=self._independent_share(),
        )
        if clf.verbose:
            print(
                f"[gate] trust {np.array2string(found.factors, precision=3, threshold=8)}, "
                f"{found.gate_share:.0%} of it by the gate"
                + ("" if light else f", exponents of the pool {found.exponents.round(2)}"),
                flush=True,
            )
        return found

    def _independent_share(self):
        target = self.target
        flat = replace(target, X=_flat(target.X))
        matrix, penalty, _, _ = make_design([flat], ridge=1.0, standardise=True)
        return share_of_independent(
            matrix, target.y, len(self.classes), target.sample_weight, penalty, target.groups
        )

    def _grid(self):
        if self.clf._weighs_sources():
            return (1.0,)  # With the gate or without it: the rest is the estimator's.
        if self.clf.method is not None:
            return _NETWORK_GRID
        # Up to sources whose rows weigh as the target's.
        most = sum(domain.n_samples for domain in self.domains) / self.target.n_samples
        return tuple(factor for factor in _GRID if factor <= max(1.0, most))

    def _held_out_model(self, rows, factors, gate_share):
        target = take_rows(self.target, rows)
        odds = self._row_odds(rows, gate_share)
        model = self._train(target, odds, factors, gate_share, quiet=True)

        def probabilities(held):
            X = _safe_indexing(self.target.X, held)
            if self.clf.method is None:
                return aligned_columns(model.predict_proba(X), model.classes_, self.classes)
            from skuowq.networks import predict_proba

            return predict_proba(model, X)

        return probabilities

    def model(self, trust):
        """The final model, on all rows."""
        self.odds = self._row_odds(np.arange(len(self.target.y)), trust.gate_share)
        return self._train(self.target, self.odds, trust.factors, trust.gate_share, quiet=False)

    def target_model(self):
        """The network of the target alone, for the pool."""
        ones = [np.ones(len(domain.y)) for domain in self.domains]
        return self._train(self.target, ones, np.zeros(len(self.domains)), 0.0, quiet=True)

    def row_weights(self, model, trust):
        """Weights of all rows that the sources were given with, and what these are worth."""
        if self.sources is None:
            return [], np.zeros(0)
        found = self.odds
        if trust.gate_share > 0 and not self.crossfit:
            from skuowq.networks import online_odds

            # Of a source that took no part the discriminator knows nothing.
            found = [
                online_odds(model, domain.X, domain.y, i) if factor > 0 else np.ones(len(domain.y))
                for i, (domain, factor) in enumerate(zip(self.domains, trust.factors, strict=True))
            ]
        parts = zip(found, self.domains, strict=True)
        sizes = np.array([effective_size(w, part.sample_weight) for w, part in parts])
        weights, found = [], iter(found)
        for i, (_, y, weight) in enumerate(self.sources._triples):
            kept = np.isin(np.asarray(y).ravel(), self.classes)
            if weight is not None:
                kept &= weight > 0
            full = np.zeros(len(kept))
            if self.left.kept[i]:
                full[np.flatnonzero(kept)[self.left.rows[i]]] = next(found)
            weights.append(full)
        return weights, self.left.among_all(sizes, 0.0)

    def _row_odds(self, rows, gate_share):
        """Weights of every source's rows, by some rows of the target."""
        if gate_share == 0 or not self.crossfit:
            return [np.ones(len(domain.y)) for domain in self.domains]
        return [gate_share * odds + (1 - gate_share) for odds in self._odds(rows)]

    def _odds(self, rows):
        key = rows.tobytes()
        if key not in self.known_odds:  # A fold is asked for as often as there are factors.
            self.known_odds[key] = self._odds_for(rows)
        return self.known_odds[key]

    def _odds_for(self, rows):
        y, weight = self.target.y[rows], self.target.sample_weight[rows]
        clip, n_target = self.clf.clip, weight.sum()
        groups = self.target.groups[rows]
        if self.clf.balanced:
            return [gate.odds(self.Z[rows], y, weight, clip, groups) for gate in self.gates]
        return [
            np.minimum(
                gate.odds(self.Z[rows], y, weight, np.inf, groups) * (n_target / domain.n_samples),
                clip,
            )
            for gate, domain in zip(self.gates, self.domains, strict=True)
        ]

    def _train(self, target, odds, factors, gate_share, *, quiet):
        if self.clf._weighs_sources():
            return self._fit_with_sources(target, odds)
        if self.clf.method is None:
            return self._fit_estimator(target, odds, factors)
        return self._fit_network(target, odds, factors, gate_share, quiet)

    def _fit_estimator(self, target, odds, factors):
        """The estimator on rows of the target and weighted rows of the sources."""
        base = self.clf._base_estimator()
        parts = [(target.X, target.y, np.ones(len(target.y)), target.sample_weight)]
        total = sum(domain.n_samples for domain in self.domains)
        for domain, w, factor in zip(self.domains, odds, factors, strict=True):
            if factor > 0:
                weight = factor * w * (target.n_samples / total)
                parts.append((domain.X, domain.y, weight, domain.sample_weight))
        X, y, weight, counts = zip(*parts, strict=True)
        X, y = concatenate_rows(X), np.concatenate(y)
        weight, counts = np.concatenate(weight), np.concatenate(counts)
        # For penalties: a hundred source rows that weigh as three target rows do are worth more
        # than three. The target alone is worth its rows.
        weight *= counts * effective_size(weight, counts) / (counts @ weight)
        if len(np.unique(y)) < 2 <= len(self.classes):
            return DummyClassifier().fit(X, self.classes[y])  # Of a fold of one class.
        name = {sample_weight_name(base): weight}
        try:
            return self._seeded(base).fit(X, self.classes[y], **name)
        except ValueError as error:
            # So scikit-learn's own say that they diverged.
            raise FailedFit(str(error)) from error

    def _seeded(self, base):
        return seeded(base, None if self.clf.random_state is None else self.seed)

    def _fit_with_sources(self, target, odds):
        """Sources with weighted rows, each as large as its effective sample size."""
        sources = None
        if self.domains:
            triples = []
            for domain, w in zip(self.domains, odds, strict=True):
                counts = domain.sample_weight
                weight = w * counts * effective_size(w, counts) / (w @ counts)
                triples.append((domain.X, self.classes[domain.y], weight))
            names = list(itertools.compress(self.sources.names, self.left.kept))
            sources = Sources(triples, names=names)
        y = self.classes[target.y]
        weight_name = sample_weight_name(self.clf.estimator)
        name = {weight_name: target.sample_weight}
        if target.named is not None:
            name[weight_name.replace("sample_weight", "groups")] = target.named
        return self._seeded(self.clf.estimator).fit(target.X, y, sources=sources, **name)

    def _fit_network(self, target, odds, factors, gate_share, quiet):
        from skuowq.networks import train_aligned

        used = any(factor > 0 for factor in factors)
        online = 0.0 if self.crossfit or not used else gate_share
        return train_aligned(
            self._net(online),
            target,
            self.domains,
            odds,
            factors,
            self.X_unlabeled,
            seed=self.seed,
            verbose=0 if quiet else self.clf.verbose,
            checkpoint=self.clf.checkpoint,
            final=not quiet,
        )

    def _net(self, online):
        from skuowq.networks import TransferNetwork, make_net

        clf = self.clf
        options = {
            "method": clf.method,
            "features": clf.module,
            "discriminator": clf.discriminator,
            "sample": self.target.X[:2],
            "n_classes": len(self.classes),
            "n_sources": max(len(self.domains), 1),
            "hidden_layer_sizes": check_hidden_layer_sizes(clf.hidden_layer_sizes),
            "discriminator_size": clf.discriminator_size,
            "label_conditioning": clf.label_conditioning,
            "gate_labels": clf.gate_labels,
            "online": online,
            "balanced": clf.balanced,
            "clip": clf.clip,
            "alignment_weight": clf.alignment_weight,
        }
        return make_net(clf, TransferNetwork, options)


def effective_size(weights, counts):
    """Rows of weight 1 that tell as much as these: ``(sum w)^2 / sum w^2``, rows counted."""
    total = counts @ weights
    return float(total**2 / (counts @ weights**2)) if total > 0 else 0.0


def _flat(X):
    return X.reshape(len(X), -1) if isinstance(X, np.ndarray) and X.ndim > 2 else X


def _split_rows(Z, cuts):
    bounds = [0, *cuts, Z.shape[0]]
    Z = Z.tocsr() if sparse.issparse(Z) else Z
    return [Z[a:b] for a, b in itertools.pairwise(bounds)]
