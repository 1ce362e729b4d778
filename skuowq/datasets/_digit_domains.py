"""Handwritten digits split into domains that differ from one another in known ways."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.utils import Bunch, check_random_state

from skuowq._data.types import Seed

from ._arguments import check_count

_N_CLASSES = 10
_NOISY_SHARE = 0.6

_DESCR = (
    "The 1,797 digits of 8 x 8 pixels that come with scikit-learn, grey values divided by 16, "
    "dealt at random into disjoint shares: two for the target, one for each source. {}"
)


def load_digit_domains(
    target: str = "upright",
    sources: str | Sequence[str] = ("rotated", "contrast", "noisy_labels", "shifted_labels"),
    *,
    n_per_class: int = 5,
    random_state: Seed = None,
) -> Bunch:
    """Load the digits as a target and sources that differ from it in a known way.

    The images are split at random into parts of equal size: two for the target and one for each
    source. No image is in two domains, so no source contains a test image.

    Parameters
    ----------
    target : str, default="upright"
        The domain of the target. The domains are

        - "upright": the images as they are,
        - "rotated", "tilted", "upside_down": turned by 15, 45 and 180 degrees,
        - "contrast": the square root of the grey values,
        - "blurred": smoothed with a Gaussian of standard deviation 0.8 pixels,
        - "inverted": white and black exchanged,
        - "mirrored": left and right exchanged,
        - "noisy_labels": 60 % of the labels replaced by uniform random ones,
        - "shifted_labels": every label replaced by the next one, 9 by 0.
    sources : sequence of str, default=("rotated", "contrast", "noisy_labels", "shifted_labels")
        The domains of the sources, or a single name. No name may occur twice. The domain of the
        target may be among them. By default, two sources should help and two should harm.
    n_per_class : int, default=5
        Number of labelled target rows of each class, at least 1. The other rows of the target are
        its test set.
    random_state : int, RandomState instance or None, default=None
        Splits the images, and draws the noisy labels. Pass an int for reproducible domains.

    Returns
    -------
    domains : Bunch
        - X_target, X_test : ndarray of shape (n_samples, 64), grey values in [0, 1]
        - y_target, y_test : ndarray of shape (n_samples,)
        - sources : dict from name to ``(X, y)``, in the given order
        - target : str
        - DESCR : str

    Raises
    ------
    ValueError
        If a domain is unknown or repeated, or a class has too few images for `n_per_class`.

    Examples
    --------
    >>> from skuowq.datasets import load_digit_domains
    >>> domains = load_digit_domains(sources=["rotated", "inverted"], random_state=0)
    >>> domains.X_target.shape, domains.X_test.shape
    ((50, 64), (849, 64))
    >>> {name: X.shape for name, (X, y) in domains.sources.items()}
    {'rotated': (449, 64), 'inverted': (449, 64)}
    """
    names = [sources] if isinstance(sources, str) else list(sources)
    for argument, name in [("target", target), *(("sources", name) for name in names)]:
        if name not in _DOMAINS:
            raise ValueError(
                f"{argument} names an unknown domain {name!r}: choose from {', '.join(_DOMAINS)}"
            )
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise ValueError(
            f"sources repeats {', '.join(sorted(repeated))}: the names are the sources' keys, so "
            "name each once"
        )
    check_count("n_per_class", n_per_class, 1)
    rng = check_random_state(random_state)
    digits = load_digits()
    shares = np.array_split(rng.permutation(len(digits.target)), 2 + len(names))

    def domain(name, rows):
        images, y = _DOMAINS[name](digits.images[rows] / 16, digits.target[rows], rng)
        return images.reshape(len(rows), -1), y

    X, y = domain(target, np.concatenate(shares[:2]))
    labelled = _first_of_each_class(y, n_per_class)
    return Bunch(
        X_target=X[labelled],
        y_target=y[labelled],
        X_test=X[~labelled],
        y_test=y[~labelled],
        sources={name: domain(name, rows) for name, rows in zip(names, shares[2:], strict=True)},
        target=target,
        DESCR=_DESCR.format(f"Target: {target}. Sources: {', '.join(names) or 'none'}."),
    )


def _first_of_each_class(y, n_per_class):
    """Mask of the first `n_per_class` rows of each class. The rows are in random order."""
    fewest = np.bincount(y, minlength=_N_CLASSES).min()
    if not n_per_class < fewest:
        raise ValueError(
            f"n_per_class is {n_per_class}, and must be from 1 to {fewest - 1}: the rarest class "
            f"has {fewest} images in the target's shares, and one must be left to test on. Fewer "
            "sources make the shares larger"
        )
    labelled = np.zeros(len(y), dtype=bool)
    for label in range(_N_CLASSES):
        labelled[np.flatnonzero(y == label)[:n_per_class]] = True
    return labelled


def _upright(images, y, rng):
    return images, y


def _turn(degrees):
    def turned(images, y, rng):
        # Linear interpolation keeps the grey values in their range.
        return ndimage.rotate(images, degrees, axes=(1, 2), reshape=False, order=1), y

    return turned


def _upside_down(images, y, rng):
    return images[:, ::-1, ::-1], y


def _contrast(images, y, rng):
    return np.sqrt(images), y


def _blurred(images, y, rng):
    return ndimage.gaussian_filter(images, sigma=(0, 0.8, 0.8)), y


def _inverted(images, y, rng):
    return 1 - images, y


def _mirrored(images, y, rng):
    return images[:, :, ::-1], y


def _noisy_labels(images, y, rng):
    noisy = rng.permutation(len(y))[: round(_NOISY_SHARE * len(y))]
    y = y.copy()
    y[noisy] = rng.randint(_N_CLASSES, size=len(noisy))
    return images, y


def _shifted_labels(images, y, rng):
    return images, (y + 1) % _N_CLASSES


_DOMAINS = {
    "upright": _upright,
    "rotated": _turn(15),
    "tilted": _turn(45),
    "upside_down": _upside_down,
    "contrast": _contrast,
    "blurred": _blurred,
    "inverted": _inverted,
    "mirrored": _mirrored,
    "noisy_labels": _noisy_labels,
    "shifted_labels": _shifted_labels,
}
