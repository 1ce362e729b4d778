"""Digit domains: disjoint shares, and each domain's change as documented."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_digits

from skuowq.datasets import load_digit_domains
from skuowq.datasets._digit_domains import _DOMAINS


def test_every_image_is_dealt_once():
    # Domains that leave the images alone, so that they can be recognised.
    domains = load_digit_domains(sources=["noisy_labels", "shifted_labels"], random_state=0)
    parts = [domains.X_target, domains.X_test, *(X for X, _ in domains.sources.values())]
    dealt = sorted(row.tobytes() for X in parts for row in X)
    assert dealt == sorted(row.tobytes() for row in load_digits().data / 16)
    assert len(set(dealt)) == 1797


def test_shapes_and_labelled_rows():
    domains = load_digit_domains(n_per_class=3, random_state=0)
    assert list(domains.sources) == ["rotated", "contrast", "noisy_labels", "shifted_labels"]
    assert domains.target == "upright"
    assert "Target: upright" in domains.DESCR
    assert_array_equal(np.bincount(domains.y_target), np.full(10, 3))
    assert_array_equal(np.unique(domains.y_test), np.arange(10))
    sizes = [len(y) for _, y in domains.sources.values()]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) + len(domains.y_target) + len(domains.y_test) == 1797


@pytest.mark.parametrize("name", _DOMAINS)
def test_any_domain_serves_as_target_or_source(name):
    domains = load_digit_domains(name, [name], random_state=0)
    for X in (domains.X_target, domains.X_test, domains.sources[name][0]):
        assert X.shape[1] == 64
        assert X.min() >= 0
        assert X.max() <= 1


def test_changes_are_as_documented():
    digits = load_digits()
    images, y = digits.images / 16, digits.target

    def change(name):
        return _DOMAINS[name](images.copy(), y.copy(), np.random.RandomState(0))

    for name in set(_DOMAINS) - {"noisy_labels", "shifted_labels"}:
        assert_array_equal(change(name)[1], y)
        assert np.array_equal(change(name)[0], images) == (name == "upright")
    assert_array_equal(change("upside_down")[0], np.rot90(images, 2, axes=(1, 2)))
    assert_array_equal(change("mirrored")[0], np.flip(images, axis=2))
    assert_array_equal(change("inverted")[0], 1 - images)
    assert_allclose(change("contrast")[0] ** 2, images, atol=1e-12)
    assert_array_equal(change("shifted_labels")[1] - y, np.where(y == 9, -9, 1))
    # One in ten of the 60 % random labels is right by chance.
    wrong = np.mean(change("noisy_labels")[1] != y)
    assert abs(wrong - 0.54) < 4 * np.sqrt(0.6 * 0.09 / len(y))


def test_random_state_decides_everything():
    first, again, other = (load_digit_domains(random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(first.X_target, again.X_target)
    for name in first.sources:
        assert_array_equal(first.sources[name][0], again.sources[name][0])
        assert_array_equal(first.sources[name][1], again.sources[name][1])
    assert not np.array_equal(first.X_target, other.X_target)


def test_one_name_or_no_source():
    assert list(load_digit_domains(sources="tilted").sources) == ["tilted"]
    domains = load_digit_domains(sources=())
    assert domains.sources == {}
    assert len(domains.y_target) + len(domains.y_test) == 1797


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target": "sideways"}, "unknown domain 'sideways': choose from upright, rotated"),
        ({"sources": ["rotated", "loud"]}, "unknown domain 'loud'"),
        ({"sources": ["rotated", "tilted", "rotated"]}, "sources repeats rotated"),
        ({"n_per_class": 0}, "n_per_class is 0"),
        ({"n_per_class": 500}, "n_per_class is 500, and must be from 1 to"),
    ],
)
def test_wrong_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        load_digit_domains(**changes)
