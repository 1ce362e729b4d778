"""The paper's weights for networks: contrasts of all parameters, static or dynamic.

Every domain fine-tunes the same initial network on its own rows. The contrasts of their parameters,
in the metric of the target's Fisher information, are the plug-in discrepancy; the dynamic rule
takes them again from the network in training.
"""

from types import SimpleNamespace

import numpy as np
from sklearn.utils.parallel import delayed

from skuowq._uowq.weigh import checked_candidates
from skuowq._utils._failed_fit import FailedFit
from skuowq._utils._progress import in_parallel
from skuowq.rules import Sizes
from skuowq.weights.checked import averaged_weights

_BATCH = 512


class NetworkContrasts:
    """Source weights from the parameters of separately trained networks.

    Parameters
    ----------
    net : NeuralNetClassifier
    target : Domain
    domains : list of Domain
    source_estimators : list of {NeuralNetClassifier, dict} or None
        The sources' networks, fitted, or their modules' states; None trains them.
    rule : Rule
    max_weight, solver
        As in `solve_source_weights`.
    n_jobs : int or None
        Workers for the separate trainings.
    progress : Progress
        Is told each of them.
    seed : int
        All trainings start at the same initial network.
    verbose : int
    checkpoint : str, Path or None
        Folder in which trainings are saved.

    Attributes
    ----------
    weights : SourceWeights
        The latest.
    discrepancy : ndarray of shape (n_sources, n_sources)
    history : list of ndarray of shape (n_sources,)
    n_parameters : int
    sizes : Sizes
    """

    def __init__(
        self,
        net,
        target,
        domains,
        source_estimators,
        *,
        rule,
        max_weight,
        solver,
        n_jobs,
        progress,
        seed,
        verbose,
        checkpoint,
    ):
        if source_estimators is not None and len(source_estimators) != len(domains):
            raise ValueError(
                f"source_estimators holds {len(source_estimators)} networks, and there are "
                f"{len(domains)} sources: pass one for each, in their order"
            )
        self.target = target
        self.rule, self.options = rule, {"max_weight": max_weight, "solver": solver}
        n_rows = np.array([domain.n_samples for domain in domains])
        self.sizes = Sizes(target.n_samples, n_rows, np.ones(len(n_rows)))
        self.history = []
        to_train = [target] if source_estimators else [target, *domains]
        options = {"seed": seed, "verbose": verbose, "checkpoint": checkpoint}
        # Of the sources their parameters alone are kept.
        calls = (
            delayed(_train_alone)(net, domain, keep_module=k == 0, **options)
            for k, domain in enumerate(to_train)
        )
        texts = [f"network of {domain.label}" for domain in to_train]
        start, *states = in_parallel(calls, texts, n_jobs, progress)
        self.sources = [_parameters(source) for source in source_estimators or states]
        _check_states(self.sources, start.module_, given=source_estimators is not None)
        self.measure(start)

    def measure(self, net):
        """Weights from the contrasts with the net's present parameters."""
        import torch

        from skuowq.fisher import projected_fisher
        from skuowq.networks import as_inputs

        module = net.module_
        point = {name: value.detach() for name, value in module.named_parameters()}
        # Not needed between epochs, and a copy of the parameters.
        module.zero_grad(set_to_none=True)
        self.n_parameters = sum(value.numel() for value in point.values())
        X = as_inputs(net, self.target.X, self.target.label).to(net.device)
        output = "probabilities" if isinstance(net.criterion_, torch.nn.NLLLoss) else "logits"
        if isinstance(net.criterion_, torch.nn.BCEWithLogitsLoss):
            output = "logit"
        weight = torch.tensor(self.target.sample_weight)
        gram = np.zeros((len(self.sources), len(self.sources)))
        rows_done = 0
        # A mean over rows, which may have to be read.
        for rows in X.split(_BATCH):
            of_batch = weight[rows_done : rows_done + len(rows)]
            rows_done += len(rows)
            gram += float(of_batch.sum() / weight.sum()) * projected_fisher(
                module,
                point,
                self.sources,
                rows,
                origin=point,
                sample_weight=of_batch,
                output=output,
            )
        if not np.isfinite(gram).all():
            raise FailedFit(
                "the networks of the domains are too far apart to be compared: scale the columns, "
                "for instance with make_transfer_pipeline(StandardScaler(), ...), or lower lr"
            )
        self.weights, self.discrepancy = averaged_weights(
            *checked_candidates(self.rule, gram / self.n_parameters, self.sizes, self.n_parameters),
            self.sizes.n_target,
            self.sizes.n_samples,
            **self.options,
        )
        self.history.append(self.weights.source_weights)
        return self.weights.source_weights


class DynamicRule:
    """Weights measured anew every so many epochs of the training.

    Parameters
    ----------
    contrasts : NetworkContrasts
    every : int
        Epochs between two measurements.
    n_updates : int
    report : callable
        Called with the `SourceWeights` of each update.
    """

    def __init__(self, contrasts, every, n_updates, report):
        self.contrasts = contrasts
        self.every = every
        self.n_updates = n_updates
        self.report = report

    def after_epoch(self, net, epoch):
        """New source weights, or None to keep them."""
        number, rest = divmod(epoch, self.every)
        if rest or number > self.n_updates:
            return None
        weights = self.contrasts.measure(net)
        self.report(self.contrasts.weights)
        return weights

    @property
    def key(self):
        """What tells a training under this rule from others."""
        states = [
            {name: value.cpu().numpy() for name, value in source.items()}
            for source in self.contrasts.sources
        ]
        options = type(self.contrasts.rule).__name__, self.contrasts.options
        return self.every, self.n_updates, options, states

    @property
    def progress(self):
        """What an interrupted training must keep."""
        found = self.contrasts
        return found.weights, found.discrepancy, list(found.history)

    @progress.setter
    def progress(self, progress):
        found = self.contrasts
        found.weights, found.discrepancy, found.history = progress


def _train_alone(net, domain, *, keep_module, **options):
    """A network trained on one domain: what `measure` looks at, or its parameters alone."""
    from skuowq.networks import train_weighted

    trained = train_weighted(net, domain, [], [], final=False, **options)
    trained.module_.zero_grad(set_to_none=True)
    kept = SimpleNamespace(
        module_=trained.module_,
        criterion_=trained.criterion_,
        device=trained.device,
        # How rows are read.
        get_params_for=net.get_params_for,
        batch_size=net.batch_size,
    )
    # Net and callbacks know each other, so optimisers would live on until garbage is collected.
    trained.__dict__.clear()
    return kept if keep_module else _parameters(kept)


def _parameters(source):
    """The parameters of a fitted net, or of a module's state given as it is."""
    if hasattr(source, "named_parameters"):
        return {name: value.detach() for name, value in source.named_parameters()}
    if not isinstance(source, dict) and not hasattr(source, "module_"):
        raise TypeError(
            f"source_estimators holds a {type(source).__name__} that is no fitted net: pass fitted "
            "skorch nets, torch modules or their states"
        )
    if hasattr(source, "module_"):
        return {name: value.detach() for name, value in source.module_.named_parameters()}
    return source


def _check_states(states, module, given):
    shapes = {name: tuple(value.shape) for name, value in module.named_parameters()}
    for i, state in enumerate(states):
        found = {name: tuple(state[name].shape) for name in shapes if name in state}
        if found != shapes:
            whose = f"source_estimators[{i}]" if given else f"the network trained on source {i}"
            raise ValueError(
                f"{whose} has other parameters than the target's: use networks of one module and "
                "size on all domains, with an output for every class"
            )
        if not all(bool(state[name].isfinite().all()) for name in shapes):
            # Those that are trained here are finite.
            raise ValueError(
                f"source_estimators[{i}] has parameters that are not finite, as a training that "
                "diverges leaves them: train it anew on scaled columns, or with a lower lr"
            )
