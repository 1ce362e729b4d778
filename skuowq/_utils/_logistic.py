"""What a logistic regression of the user's asks for, told by its parameters."""

from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

# An unpenalised logistic regression keeps a trace of ridge where it is measured, so that its
# optimum is finite.
_MAX_INVERSE_PENALTY = 1e6


def is_logistic(estimator):
    cross_validated = isinstance(estimator, LogisticRegressionCV)
    return isinstance(estimator, LogisticRegression) and not cross_validated


def is_plain(logistic):
    """Whether its optimum is that of log loss and ridge alone."""
    return (
        logistic.class_weight is None
        and getattr(logistic, "penalty", "l2") in ("l2", "deprecated", None)
        and not logistic.l1_ratio
    )


def ridge_of(logistic):
    """Penalty of a squared coefficient, as given; 0 without one."""
    return 0.0 if getattr(logistic, "penalty", "l2") is None else 1 / logistic.C


def inverse_penalty(logistic):
    return _MAX_INVERSE_PENALTY if is_unpenalised(logistic) else logistic.C


def is_unpenalised(logistic):
    unpenalised = getattr(logistic, "penalty", "l2") is None
    return unpenalised or logistic.C >= _MAX_INVERSE_PENALTY
