"""Sources weighed by a softmax regression on the rows: the estimator's own model, or a stand-in."""

from dataclasses import replace

import numpy as np

from skuowq._data.design_columns import in_given_units, make_design
from skuowq._uowq.models.softmax import Unmeasured, softmax_model
from skuowq._uowq.models.softmax_rows import SoftmaxProblem
from skuowq._uowq.weigh import weigh
from skuowq._uowq.weighing import SoftmaxFit, nothing_to_weigh
from skuowq._utils._threads import one_thread
from skuowq.rules import Sizes


def weigh_by_softmax(task, rule, options, bounds, ridge=None):
    """Weigh sources by a softmax regression: that of a logistic regression, or a stand-in.

    Parameters
    ----------
    task : Task
    rule : Rule
    options : Options
    bounds : dict
        Further arguments of `weigh`.
    ridge : float, default=None
        The logistic regression's penalty of a squared coefficient. None is the stand-in: 1, on
        standardised columns.

    Returns
    -------
    weighing : Weighing
    """
    target, domains, n_classes = task.target, task.domains, len(task.classes)
    n_parameters = float((task.n_features + 1) * max(n_classes - 1, 1))
    if not domains:
        return nothing_to_weigh(target.n_samples, n_parameters, SoftmaxFit())
    n_rows = np.array([domain.n_samples for domain in domains])
    if rule.measure is None:
        sizes = Sizes(target.n_samples, n_rows, np.ones(len(n_rows)))
        return weigh(Unmeasured(sizes, n_parameters), rule, **bounds)
    problem, centre, scale = _softmax_problem([target, *domains], n_classes, ridge)
    model = softmax_model(
        problem, rule.measure, n_jobs=options.n_jobs, random_state=options.random_state
    )
    with one_thread():
        weighing = weigh(model, rule, **bounds)
    theta = in_given_units(weighing.model.theta, centre, scale)
    fitted = replace(weighing.model, theta=theta, centre=centre, scale=scale)
    return replace(weighing, model=fitted)


def _softmax_problem(domains, n_classes, ridge):
    """The softmax regression that measures the sources, and the units of its columns."""
    matrix, penalty, centre, scale = make_design(
        domains, ridge=1.0 if ridge is None else ridge, standardise=ridge is None
    )
    if n_classes == 2:
        # scikit-learn penalises the difference of the two classes' coefficients, which is sqrt(2)
        # times the coordinate along the orthonormal contrast.
        penalty = 2 * penalty
    problem = SoftmaxProblem(
        matrix=matrix,
        labels=np.concatenate([domain.y for domain in domains]),
        row_weight=np.concatenate([domain.sample_weight for domain in domains]),
        sizes=[len(domain.y) for domain in domains],
        n_classes=n_classes,
        penalty=penalty,
        groups=domains[0].groups,
    )
    return problem, centre, scale
