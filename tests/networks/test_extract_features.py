"""Features of data sets: those of the module, read once, kept whole."""

import pytest

pytest.importorskip("torch")

import numpy as np
import torch
from datasets_of_images import GOOD, SIDE, SOURCES, TARGET, TEST, Images, Small
from numpy.testing import assert_allclose, assert_array_equal
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, Subset

from skuowq import UOWQClassifier
from skuowq.networks import extract_features


def backbone(seed=0, width=8):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, width), nn.ReLU())


def expected(module, images):
    with torch.no_grad():
        return module(torch.tensor(images.pictures, dtype=torch.float32)).numpy()


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_features_are_the_modules(batch_size):
    module = backbone()
    features = extract_features(GOOD, module, batch_size=batch_size)
    assert features.dtype == np.float32
    assert_allclose(features, expected(module, GOOD), atol=1e-6)
    both = ConcatDataset([Subset(GOOD, [5, 2]), TEST])
    rows = extract_features(both, module, batch_size=batch_size)
    assert_allclose(rows[:2], features[[5, 2]], atol=1e-6)
    assert len(rows) == 62


def test_the_module_is_left_as_it_was_and_evaluates():
    module = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.BatchNorm1d(SIDE * SIDE))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    first = extract_features(GOOD, module)
    assert_array_equal(extract_features(GOOD, module), first)
    assert module.training
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_outputs_of_several_axes_are_flattened():
    assert extract_features(GOOD, nn.Conv2d(1, 2, 3)).shape == (60, 2 * (SIDE - 2) ** 2)


def test_the_cache_is_read_and_knows_module_and_rows(tmp_path):
    images = Images(10, 4)
    first = extract_features(images, backbone(), cache=tmp_path / "new")
    n_read = images.n_read
    again = extract_features(images, backbone(), cache=tmp_path / "new", batch_size=3)
    assert images.n_read == n_read
    assert_array_equal(first, again)
    assert isinstance(again, np.memmap)
    assert_allclose(first, extract_features(images, backbone()), atol=1e-6)
    for other in (
        (images, backbone(seed=1)),
        (images, backbone(width=4)),
        (Subset(images, range(9)), backbone()),
        (Images(10, 5), backbone()),
    ):
        extract_features(*other, cache=tmp_path / "new")
    assert len(list((tmp_path / "new").iterdir())) == 5


class Stops(Dataset):
    """Fails at the last row, until it is mended."""

    mended = False

    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 5 and not Stops.mended:
            raise KeyboardInterrupt
        return torch.full((2,), float(i))


def test_a_file_that_is_half_written_is_never_read(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        extract_features(Stops(), nn.Identity(), batch_size=2, cache=tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".part"]
    Stops.mended = True
    features = extract_features(Stops(), nn.Identity(), batch_size=2, cache=tmp_path)
    assert features[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    (file,) = tmp_path.glob("*.npy")
    del features
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ValueError, match=r"cannot be read .* delete it to compute"):
        extract_features(Stops(), nn.Identity(), cache=tmp_path)


def test_any_estimator_learns_from_them():
    module = nn.Flatten()
    sources = {
        name: (extract_features(images, module), images.targets) for name, images in SOURCES.items()
    }
    clf = UOWQClassifier().fit(extract_features(TARGET, module), TARGET.targets, sources=sources)
    good, wrong = clf.source_weights_
    assert good > 3 * wrong
    assert clf.score(extract_features(TEST, module), TEST.targets) > 0.9


class Infinite(nn.Module):
    def forward(self, X):
        return X.flatten(1) / 0


class Pair(nn.Module):
    def forward(self, X):
        return X, X


UNPICKLED = Images(4, 0)
UNPICKLED.transform = lambda x: x


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((np.zeros((3, 2)), nn.Identity()), {}, TypeError, "dataset is a ndarray: pass a map"),
        ((Images(0, 0), nn.Identity()), {}, ValueError, "dataset is empty"),
        ((GOOD, Small), {}, TypeError, "module is a type: pass a torch module"),
        ((GOOD, nn.Linear(2, 2)), {}, ValueError, "module: Linear cannot be called with inputs"),
        ((GOOD, Pair()), {}, ValueError, "module: Pair turns 60 rows into a tuple"),
        ((GOOD, Infinite()), {}, ValueError, "module: Infinite returns numbers that are not"),
        ((GOOD, nn.Identity()), {"batch_size": 0}, ValueError, "batch_size is 0"),
        ((GOOD, nn.Identity()), {"num_workers": -1}, ValueError, "num_workers is -1"),
        ((GOOD, nn.Identity()), {"cache": __file__}, ValueError, "cache=.* is a file"),
        ((UNPICKLED, nn.Identity()), {"cache": "TMP"}, ValueError, "cache tells .* pickled"),
    ],
)
def test_what_cannot_be_done_is_said(arguments, options, error, message, tmp_path):
    if options.get("cache") == "TMP":
        options = {"cache": tmp_path}
    with pytest.raises(error, match=message):
        extract_features(*arguments, **options)
