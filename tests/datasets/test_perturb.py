"""Perturbed sources and the protocol's splits."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import load_digits

from skuowq.datasets import perturb_source, perturbed_splits

RNG = np.random.RandomState(0)
X, Y = RNG.normal(size=(2000, 6)), RNG.randint(4, size=2000)
DIGITS = load_digits(return_X_y=True)


@pytest.mark.parametrize("image_shape", [None, (2, 3), (1, 2, 3)])
def test_rows_change_where_the_masks_say_at_the_rates_asked_for(image_shape):
    before = X.copy(), Y.copy()
    X_p, y_p, bad_x, bad_y = perturb_source(
        X, Y, 0.3, 0.6, image_shape=image_shape, return_masks=True, random_state=1
    )
    assert np.array_equal(X, before[0])
    assert np.array_equal(Y, before[1])
    assert np.array_equal((X_p != X).any(axis=1), bad_x)
    assert np.array_equal(y_p[~bad_y], Y[~bad_y])
    assert binomtest(int(bad_x.sum()), 2000, 0.3).pvalue > 1e-4
    assert binomtest(int(bad_y.sum()), 2000, 0.6).pvalue > 1e-4
    # Drawn from four classes, a new label is the old one a quarter of the time.
    changed = int((y_p != Y).sum())
    assert binomtest(changed, int(bad_y.sum()), 0.75).pvalue > 1e-4
    # The two draws are independent.
    assert binomtest(int((bad_x & bad_y).sum()), 2000, 0.18).pvalue > 1e-4


def test_rates_0_and_1_labels_of_any_kind():
    names = np.array(["b", "a"])[Y % 2]
    X_p, y_p = perturb_source(X, names, 0.0, 0.0, random_state=0)
    assert np.array_equal(X_p, X)
    assert np.array_equal(y_p, names)
    X_p, y_p = perturb_source(X, names, 1.0, 1.0, random_state=0)
    assert (X_p != X).any(axis=1).all()
    assert set(y_p) == {"a", "b"}


def test_images_stay_in_their_range():
    X_p, _ = perturb_source(*DIGITS, 1.0, 0.0, image_shape=(8, 8), random_state=0)
    assert X_p.min() == 0
    assert X_p.max() == 16


def test_a_colour_image_is_moved_as_a_whole_and_loses_whole_pixels():
    grey, y = DIGITS[0] / 16, DIGITS[1]
    colour = np.stack([grey, grey, grey], axis=2).reshape(len(grey), -1)
    X_grey, _ = perturb_source(grey, y, 0.7, 0.0, image_shape=(8, 8), random_state=0)
    X_colour, _ = perturb_source(colour, y, 0.7, 0.0, image_shape=(8, 8, 3), random_state=0)
    for channel in X_colour.reshape(-1, 64, 3).transpose(2, 0, 1):
        np.testing.assert_allclose(channel, X_grey, atol=1e-12)
    # Channels that differ: a pixel is black or white in all of them, or kept in all.
    tinted = (np.stack([grey, grey, grey], axis=2) * [0.25, 0.5, 0.75] + 0.1).reshape(len(grey), -1)
    low, high = tinted.min(), tinted.max()
    found, _ = perturb_source(tinted, y, 1.0, 0.0, image_shape=(8, 8, 3), random_state=0)
    found = found.reshape(-1, 64, 3)
    white = (found == high).all(axis=2)
    assert np.array_equal(white, found[:, :, 0] == high)  # The first never is as bright by itself.
    assert binomtest(int(white.sum()), white.size, 0.1).pvalue > 1e-4
    np.testing.assert_allclose(found.min(), low)
    rest = found[~white] - 0.1
    np.testing.assert_allclose(rest[:, 1:], rest[:, :1] * [2, 3], atol=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"eps_x": 1.2}, "eps_x is 1.2: pass a share"),
        ({"eps_y": -0.1}, "eps_y is -0.1: pass a share"),
        ({"X": np.full_like(X, np.inf, dtype=float)}, "Input X contains infinity"),
        ({"image_shape": (2, 2)}, "4 values, and X has 6 columns"),
        ({"y": np.append(Y[1:].astype(float), np.nan)}, "y has missing values: leave those rows"),
        ({"y": np.append(np.full(1999, "a", dtype=object), np.nan)}, "y has missing values"),
        ({"image_shape": (2, 3, 3)}, "18 values, and X has 6 columns"),
        ({"image_shape": (6,)}, r"image_shape is \(6,\): pass \(height, width\) or"),
        ({"image_shape": 6}, r"image_shape is 6: pass \(height, width\) or"),
        ({"image_shape": (-2, -3)}, "an entry of image_shape is -2"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        perturb_source(**{"X": X, "y": Y} | options)


def test_splits_follow_the_protocol():
    X_d, y_d = DIGITS
    splits = list(
        perturbed_splits(
            X_d[:1000],
            y_d[:1000],
            X_d[1000:],
            y_d[1000:],
            labelled=0.1,
            max_per_class=3,
            n_splits=3,
            random_state=0,
        )
    )
    assert len(splits) == 3
    for split in splits:
        assert split.X_unlabeled.shape == (500, 64)
        assert split.X_test.shape == (500, 64)
        counts = np.bincount(split.y_target, minlength=10)
        assert counts.min() >= 1
        assert counts.max() <= 3
        # No test image is among the labelled or unlabelled ones.
        test = {row.tobytes() for row in split.X_test}
        assert not test & {row.tobytes() for row in split.X_unlabeled}
        assert {row.tobytes() for row in split.X_target} <= {
            row.tobytes() for row in split.X_unlabeled
        }
    first, second = (split.sources["perturbed"][1] for split in splits[:2])
    assert not np.array_equal(first, second)


def test_labelled_share_without_a_bound():
    X_d, y_d = DIGITS
    split = next(perturbed_splits(X_d, y_d, X_d, y_d, labelled=0.3, random_state=0))
    assert len(split.y_target) == round(0.3 * 898)
    split = next(perturbed_splits(X_d, y_d, X_d, y_d, labelled=0, random_state=0))
    assert split.X_target.shape == (0, 64)
    assert split.y_target.shape == (0,)
    assert split.X_unlabeled.shape == (898, 64)
    with pytest.raises(ValueError, match="y_source has missing values"):
        next(perturbed_splits(X_d, y_d, X_d, np.where(y_d == 1, np.nan, y_d)))
    with pytest.raises(ValueError, match="max_per_class is 0"):
        next(perturbed_splits(X_d, y_d, X_d, y_d, max_per_class=0))


def test_a_target_of_one_row_cannot_be_split():
    X, y = np.arange(12.0).reshape(6, 2), np.arange(6) % 2
    with pytest.raises(ValueError, match="X_target has 1 row, and one half of the target trains"):
        next(perturbed_splits(X[:1], y[:1], X, y))
    split = next(perturbed_splits(X[:2], y[:2], X, y, random_state=0))
    assert len(split.y_target) == len(split.X_unlabeled) == len(split.y_test) == 1
    split = next(perturbed_splits(X[:3], y[:3], X, y, random_state=0))
    assert len(split.X_unlabeled) + len(split.X_test) == 3
