"""Arrays of other libraries, such as tensors of torch, are computed with as arrays of numpy."""

from functools import wraps

from sklearn import config_context


def in_numpy(method):
    """Let a method compute with numpy where scikit-learn is told to stay with the arrays it gets.

    With ``array_api_dispatch=True`` scikit-learn's checks would hand tensors on as they are.
    """

    @wraps(method)
    def with_numpy(*args, **kwargs):
        with config_context(array_api_dispatch=False):
            return method(*args, **kwargs)

    return with_numpy
