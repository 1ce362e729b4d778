"""Which target rows are tuned on: distances between classes, and a draw."""

from dataclasses import dataclass

from skuowq._data.domains import concatenate_rows
from skuowq.transport import class_distances, select_target_rows
from skuowq.transport.checked import by_class, check_two_rows

_WITHOUT_DISTANCES = ("uniform", "stratified")


@dataclass(frozen=True)
class ChoiceOptions:
    """How target rows are chosen; see `select_target_rows` and `class_distances`.

    Attributes
    ----------
    strategy, aggregate, distance : str
    budget, n_far, n_jobs : int or None
    alpha : float
    """

    strategy: str
    budget: int | None
    alpha: float
    aggregate: str
    n_far: int | None
    distance: str
    n_jobs: int | None


def measure_distances(options, model, target, domains, labels):
    """Distances between classes of the sources and of the target, or None where none are asked for.

    Parameters
    ----------
    options : ChoiceOptions
    model : PretrainedNetwork or PretrainedLogistic
        Makes the features on which classes are compared.
    target : Domain
    domains : list of Domain
        The sources.
    labels : SourceLabels

    Returns
    -------
    distances : ndarray of shape (n_source_classes, n_target_classes) or None
    """
    if not domains or options.strategy in _WITHOUT_DISTANCES:
        return None
    X = concatenate_rows([domain.X for domain in domains])
    Z_s, Z_t = model.features([X, target.X])
    y = labels.indices([domain.y for domain in domains])
    if options.distance in ("gaussian", "mmd"):
        remedy = "add a row of it, or pass distance='exact' or strategy='stratified'"
        check_two_rows(by_class(Z_s, y)[0], labels.sources, "the sources", remedy)
        check_two_rows(by_class(Z_t, target.y)[0], labels.target, "the target", remedy)
    return class_distances(Z_t, target.y, Z_s, y, options.distance, n_jobs=options.n_jobs)


def choose_rows(options, distances, y, random_state, *, any_source):
    """Rows of the target to tune on.

    Parameters
    ----------
    options : ChoiceOptions
    distances : ndarray or None
    y : ndarray of int of shape (n_rows,)
    random_state : RandomState
    any_source : bool
        Without sources rows are drawn as "stratified" does.

    Returns
    -------
    rows : ndarray of int
    """
    return select_target_rows(
        distances,
        y,
        len(y) if options.budget is None else options.budget,
        strategy=options.strategy if any_source else "stratified",
        alpha=options.alpha,
        aggregate=options.aggregate,
        n_far=options.n_far,
        random_state=random_state,
    )
