"""What every fuzz test shares: how many examples, and what counts as right.

A call is right where it gives a result that is finite, in range and of the right shape, or refuses
with an error of ours that names an argument. `outcome` tells which, and fails for all else: errors
from inside, and warnings that are not for the user.
"""

import contextlib
import linecache
import os
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import sklearn
from hypothesis import HealthCheck, given, settings
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

import skuowq
from skuowq._utils._failed_fit import FailedFit

_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
_COMMON = {"deadline": None, "database": None, "suppress_health_check": _SLOW}
settings.register_profile("fixed", max_examples=500, derandomize=True, **_COMMON)
settings.register_profile("fuzz", max_examples=20_000, print_blob=True, **_COMMON)
_PROFILE = os.environ.get("SKUOWQ_FUZZ", "fixed")

# Public name -> the test that draws inputs for it.
FUZZED = {}

_OURS = Path(skuowq.__file__).parent
_THEIRS = Path(sklearn.__file__).parent
# Where scikit-learn checks what a user passed.
_DOORS = {
    _THEIRS / "utils" / f"{name}.py" for name in ("validation", "_param_validation", "multiclass")
}
# What scikit-learn says of X and y without their names.
_OF_ARRAYS = re.compile(
    r"inconsistent numbers of samples|Expected 2D array|Expected a 2-dimensional container|"
    r"Found array with|Sparse data was passed|Unknown label type|1d array|Complex data not|"
    r"Sample weights|Input should have at least 1 dimension|^Input contains NaN$"
)
_FROM_INSIDE = re.compile(
    r"LinAlg|[Ss]ingular matrix|positive definite|out of bounds for axis|NoneType|"
    r"positional argument|unexpected keyword|broadcast together|has no attribute|"
    r"does not have valid feature names|\bself\b"
)
# What messages may call an argument, besides its name.
_WORDS = {"target", "source", "sources", "class", "classes", "column", "columns", "task"}
# Documented, and they say what to do.
_OUR_WARNINGS = re.compile(
    r"appear only in the sources|makes nothing of the target's rows alone|"
    r"have no labelled row in the target|cannot tell classes apart, and is left out|"
    r"X_unlabeled is for networks|ADDA aligns nothing|"
    r"did not converge in \d+ Newton steps|Conjugate gradients stopped|other units\?"
)


def fuzz(*names, examples=500, deep=20_000, **strategies):
    """Run a test on drawn inputs, and note which public names it covers.

    `examples` is for ``make test``, at a fixed seed; `deep` for ``make test-fuzz``.
    """

    def decorate(test):
        FUZZED.update(dict.fromkeys(names, test.__name__))
        profile = settings.get_profile(_PROFILE)
        count = examples if _PROFILE == "fixed" else deep
        return settings(profile, max_examples=count)(given(**strategies)(test))

    return decorate


def outcome(call, names, *, valid=False, hard=False, refuses=None):
    """The result of a call, or None where it is refused as it should be.

    Parameters
    ----------
    call : callable
    names : iterable of str
        The arguments that a message may name.
    valid : bool
        Whether the input is in order: then no refusal is right.
    hard : bool
        Whether the input is hard for scikit-learn too, which may then warn, and for networks, which
        may diverge.
    refuses : callable, default=None
        What a user would do without us. An error or a warning of scikit-learn's own that it gives
        as well is the estimator's, not ours.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        wrong = []
        warnings.showwarning = lambda message, category, *_: wrong.extend(
            _wrong_with_warning(message, category, hard)
        )
        try:
            result = call()
        except Exception as error:
            right = not valid and (allowed(error, names) or (hard and _has_diverged(error)))
            if not right and not _refuses_too(refuses, error):
                error.add_note("refused what is in order" if valid else "not an error of ours")
                raise
            result = None
    if wrong and refuses is not None:
        wrong = [line for line in wrong if not _warns_too(refuses, line)]
    assert not wrong, wrong[0]
    return result


def allowed(error, names=()):
    """Whether an error is one that a user can act on: ours, raised by a check, with a name in it.

    Not LinAlgError and the like, which are subclasses of ValueError, and nothing that numpy or
    torch say while we compute.
    """
    if type(error) not in (ValueError, TypeError, RuntimeError, InvalidParameterError):
        return isinstance(error, NotFittedError)
    message, (place, line) = str(error), _raised_at(error)
    # scikit-learn's splitters say `n_splits` of numbers that users know by other names.
    if _FROM_INSIDE.search(message) or ("n_splits" in message and "n_splits" not in names):
        return False
    named = set(re.findall(r"[A-Za-z_]\w*", message)) & (_WORDS | set(names) | {"X", "y"})
    if place in _DOORS:
        return bool(named or _OF_ARRAYS.search(message))
    # What C code raises has no frame of its own: the line is a call, not a `raise`.
    return _OURS in place.parents and line.startswith("raise") and bool(named)


def _has_diverged(error):
    """Whether it is the documented error of a network, which says what to do."""
    return isinstance(error, FailedFit) and "has diverged in epoch" in str(error)


def _raised_at(error):
    trace = error.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    file = trace.tb_frame.f_code.co_filename
    return Path(file), linecache.getline(file, trace.tb_lineno).strip()


def _refuses_too(refuses, error):
    if refuses is None:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refuses()
    except Exception as same:
        # Ours may be a subclass that passes the words on.
        return isinstance(error, type(same)) and str(same)[:40] in str(error)
    return False


def _warns_too(refuses, line):
    """Whether what a user would do without us gives the same warning."""
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        with contextlib.suppress(Exception):
            refuses()
    return any(line.startswith(f"{w.category.__name__}: {w.message}"[:60]) for w in theirs)


def _wrong_with_warning(message, category, hard):
    """A line about a warning that should not reach the user, or none."""
    text = f"{category.__name__}: {message}"
    # Matplotlib's older versions call pyparsing by names that are deprecated by now.
    if _OUR_WARNINGS.search(str(message)) or category.__module__.startswith("pyparsing"):
        return []
    frame = sys._getframe(2)
    while frame is not None:
        file = Path(frame.f_code.co_filename)
        if _OURS in file.parents:
            return [f"{text}, from {file.relative_to(_OURS)}:{frame.f_lineno}"]
        if _THEIRS in file.parents and file not in _DOORS:
            told = hard and issubclass(category, (ConvergenceWarning, RuntimeWarning, UserWarning))
            return [] if told else [f"{text}, from scikit-learn's {file.relative_to(_THEIRS)}"]
        frame = frame.f_back
    return [text]


def assert_probabilities(P, n_rows, n_classes):
    assert P.shape == (n_rows, n_classes)
    assert np.isfinite(P).all()
    assert P.min() >= 0
    np.testing.assert_allclose(P.sum(axis=1), 1, atol=1e-6)


def assert_weights(weights, n_sources, most=None):
    assert weights.shape == (n_sources,)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert most is None or (weights <= most * (1 + 1e-9)).all()
