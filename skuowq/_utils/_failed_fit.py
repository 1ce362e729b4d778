"""The error of a fit that came to nothing."""


class FailedFit(ValueError):
    """A training that diverged, or an estimator that predicts no finite numbers.

    Where several fits are compared, one that fails so is out and the others decide.
    """
