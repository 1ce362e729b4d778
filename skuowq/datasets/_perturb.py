"""Sources that are perturbed at known rates, and splits to measure the effect."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage
from sklearn.utils import (
    Bunch,
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)

from skuowq._data.labels import distinct_labels
from skuowq._data.types import Seed

from ._arguments import check_count

# For images: the largest turn in degrees, and the share of pixels set to black or white.
_MAX_TURN = 45.0
_SALT_AND_PEPPER = 0.2
# For tables: standard deviation of the noise relative to the column, and share of cells replaced.
_NOISE = 1.0
_REPLACED = 0.2


def perturb_source(
    X: ArrayLike,
    y: ArrayLike,
    eps_x: float = 0.7,
    eps_y: float = 0.7,
    *,
    image_shape: tuple[int, ...] | None = None,
    return_masks: bool = False,
    random_state: Seed = None,
) -> tuple[NDArray, ...]:
    """Perturb the features and the labels of rows, each with a given probability.

    With probability `eps_x` the features of a row are perturbed. Independently, with probability
    `eps_y` its label is replaced by a class of `y` drawn at random, which may be its own.

    - A perturbed image is turned by up to 45 degrees and mirrored with probability one half. A
      fifth of its pixels are set to the smallest or largest value of `X`, in all channels at once.
    - A perturbed row of a table gets Gaussian noise with the standard deviations of the columns. A
      fifth of its cells are replaced by those of other rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Rows of the source.
    y : array-like of shape (n_samples,)
        Labels of the source.
    eps_x, eps_y : float in [0, 1], default=0.7
        Probabilities that the features, and the label, of a row are perturbed.
    image_shape : (int, int) or (int, int, int), default=None
        Height and width of the images that the rows of X are, or height, width and channels: a row
        is the image of that shape, flattened. None if they are rows of a table.
    return_masks : bool, default=False
        Whether to return which rows were perturbed.
    random_state : int, RandomState instance or None, default=None
        Draws the perturbations. Pass an int for a reproducible result.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        A copy.
    y : ndarray of shape (n_samples,)
        A copy.
    perturbed_x, perturbed_y : ndarray of bool of shape (n_samples,)
        Only with `return_masks`.

    Raises
    ------
    ValueError
        If a rate is not in [0, 1], labels are missing, or the rows do not have the size of
        `image_shape`.

    References
    ----------
    Wang, Dai, Poczos, Carbonell, "Characterizing and avoiding negative transfer", CVPR 2019,
    section 5.2.

    Examples
    --------
    >>> import numpy as np
    >>> from skuowq.datasets import perturb_source
    >>> X, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)
    >>> X_p, y_p, bad_x, bad_y = perturb_source(
    ...     X, y, 0.5, 0.5, return_masks=True, random_state=0
    ... )
    >>> bool(np.array_equal(X_p[~bad_x], X[~bad_x]) and np.array_equal(y_p[~bad_y], y[~bad_y]))
    True
    """
    X = check_array(X, dtype=[np.float64, np.float32], copy=True, input_name="X")
    y = column_or_1d(y).copy()
    check_consistent_length(X, y)
    classes, _ = _all_known("y", y)
    _check_share("eps_x", eps_x)
    _check_share("eps_y", eps_y)
    if image_shape is not None:
        _check_image_shape(image_shape, X.shape[1])
    rng = check_random_state(random_state)
    perturbed_x = rng.uniform(size=len(y)) < eps_x
    perturbed_y = rng.uniform(size=len(y)) < eps_y
    if image_shape is None:
        X[perturbed_x] = _perturbed_rows(X, perturbed_x, rng)
    else:
        low, high = X.min(), X.max()
        for row in np.flatnonzero(perturbed_x):
            image = X[row].reshape(*image_shape[:2], -1)
            X[row] = _perturbed_image(image, low, high, rng).ravel()
    y[perturbed_y] = rng.choice(classes, size=perturbed_y.sum())
    return (X, y, perturbed_x, perturbed_y) if return_masks else (X, y)


def perturbed_splits(
    X_target: ArrayLike,
    y_target: ArrayLike,
    X_source: ArrayLike,
    y_source: ArrayLike,
    *,
    eps_x: float = 0.7,
    eps_y: float = 0.7,
    labelled: float = 0.1,
    max_per_class: int | None = None,
    image_shape: tuple[int, ...] | None = None,
    n_splits: int = 5,
    random_state: Seed = None,
) -> Iterator[Bunch]:
    """Generate splits of a target, each with a newly perturbed source.

    This is the protocol of the paper of the gate. One half of the target is for training and the
    other for testing. A share of the training half is labelled; the whole half is available without
    labels.

    Parameters
    ----------
    X_target, y_target : array-like of shapes (n_target, n_features) and (n_target,)
    X_source, y_source : array-like of shapes (n_source, n_features) and (n_source,)
    eps_x, eps_y : float in [0, 1], default=0.7
        As in :func:`perturb_source`.
    labelled : float in [0, 1], default=0.1
        Share of the training half that is labelled. Above 0 at least one row of each class is; at 0
        none is, and ``X_target`` and ``y_target`` have no rows.
    max_per_class : int, default=None
        At most so many labelled rows of each class. None sets no bound. Table 2 of the paper has 3.
    image_shape : (int, int) or (int, int, int), default=None
        As in :func:`perturb_source`.
    n_splits : int, default=5
        Number of splits.
    random_state : int, RandomState instance or None, default=None
        Draws the splits and the perturbations. Pass an int for reproducible splits.

    Yields
    ------
    split : Bunch
        - X_target, y_target : labelled rows
        - X_unlabeled : the training half
        - X_test, y_test : the other half
        - sources : dict with "perturbed", a pair ``(X, y)``
        - perturbed_x, perturbed_y : masks of the source's rows

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skuowq.datasets import perturbed_splits
    >>> X, y = load_iris(return_X_y=True)
    >>> for split in perturbed_splits(X[::2], y[::2], X[1::2], y[1::2], n_splits=2, labelled=0.2):
    ...     print(split.X_unlabeled.shape, split.X_test.shape)
    (37, 4) (38, 4)
    (37, 4) (38, 4)
    """
    _check_share("labelled", labelled)
    if max_per_class is not None and not (
        isinstance(max_per_class, Integral) and max_per_class >= 1
    ):
        raise ValueError(f"max_per_class is {max_per_class!r}: pass an integer of at least 1")
    check_count("n_splits", n_splits, 1)
    X_target = check_array(X_target, input_name="X_target")
    X_source = check_array(X_source, input_name="X_source")
    y_target = column_or_1d(y_target)
    check_consistent_length(X_target, y_target)
    _, codes = _all_known("y_target", y_target)
    _all_known("y_source", y_source)
    if len(y_target) < 2:
        raise ValueError(
            "X_target has 1 row, and one half of the target trains, the other tests: pass 2 or more"
        )
    rng = check_random_state(random_state)
    for _ in range(n_splits):
        order = rng.permutation(len(y_target))
        train, test = np.split(order, [len(order) // 2])
        chosen = train[_labelled_rows(codes[train], labelled, max_per_class)]
        X, y, perturbed_x, perturbed_y = perturb_source(
            X_source,
            y_source,
            eps_x,
            eps_y,
            image_shape=image_shape,
            return_masks=True,
            random_state=rng,
        )
        yield Bunch(
            X_target=X_target[chosen],
            y_target=y_target[chosen],
            X_unlabeled=X_target[train],
            X_test=X_target[test],
            y_test=y_target[test],
            sources={"perturbed": (X, y)},
            perturbed_x=perturbed_x,
            perturbed_y=perturbed_y,
        )


def _labelled_rows(y, share, max_per_class):
    """Positions of the labelled rows: the first of each class, then the first of the others."""
    if share == 0:
        return np.zeros(0, dtype=int)
    n_labelled = max(1, round(share * len(y)))
    place = np.empty(len(y), dtype=int)  # A row's number within its class.
    for label in np.unique(y):
        rows = np.flatnonzero(y == label)
        place[rows] = np.arange(len(rows))
    first = np.flatnonzero(place == 0)
    others = np.flatnonzero(place > 0)[: max(n_labelled - len(first), 0)]
    chosen = np.sort(np.concatenate([first, others]))
    return chosen if max_per_class is None else chosen[place[chosen] < max_per_class]


def _perturbed_image(image, low, high, rng):
    """Of height, width and channels."""
    image = ndimage.rotate(
        image, rng.uniform(-_MAX_TURN, _MAX_TURN), reshape=False, order=1, cval=low
    )
    if rng.uniform() < 0.5:
        image = image[:, ::-1]
    drawn = rng.uniform(size=(*image.shape[:2], 1))
    image = np.where(drawn < _SALT_AND_PEPPER / 2, low, image)
    return np.where(drawn > 1 - _SALT_AND_PEPPER / 2, high, image)


def _perturbed_rows(X, chosen, rng):
    shape = (chosen.sum(), X.shape[1])
    noisy = X[chosen] + _NOISE * X.std(axis=0) * rng.normal(size=shape)
    others = X[rng.randint(len(X), size=shape), np.arange(X.shape[1])]
    return np.where(rng.uniform(size=shape) < _REPLACED, others, noisy)


def _all_known(name, y):
    """Classes, and the number of each row's; labels that are missing are refused."""
    classes, codes = distinct_labels(y, name)
    if np.any(codes < 0):
        raise ValueError(f"{name} has missing values: leave those rows out")
    return classes, codes


def _check_share(name, value):
    if not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}: pass a share from 0 to 1")


def _check_image_shape(shape, n_columns):
    if not isinstance(shape, (tuple, list)) or len(shape) not in (2, 3):
        raise ValueError(
            f"image_shape is {shape!r}: pass (height, width) or (height, width, channels)"
        )
    for n in shape:
        check_count("an entry of image_shape", n, 1)
    if math.prod(shape) != n_columns:
        raise ValueError(
            f"image_shape is {tuple(shape)}, {math.prod(shape)} values, and X has {n_columns} "
            "columns: pass the height and width of the images, and the channels of colour images"
        )
