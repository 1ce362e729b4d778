"""Folders of images, ``root/domain/class/*.png``, as torch data sets.

The layout of Office-Home and DomainNet. Images are read once and kept, as bytes; for larger ones
than here, take the reading of `__getitem__` alone.
"""

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from torch.utils.data import Dataset, Subset

N_TEST = 1000


class Folder(Dataset):
    """Images of one domain; a folder for each class. Classes are numbered from `first`."""

    def __init__(self, folder, classes, first=0):
        self.files = [file for name in classes for file in sorted((folder / name).glob("*.png"))]
        numbers = [classes.index(file.parent.name) for file in self.files]
        self.targets = first + np.array(numbers)
        self.kept = {}

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        if i not in self.kept:
            image = plt.imread(self.files[i])[:, :, :3].transpose(2, 0, 1)
            self.kept[i] = np.rint(255 * image).astype(np.uint8)
        return self.kept[i].astype(np.float32) / 255, self.targets[i]


def folders(root):
    """The domains of a folder by name, with the classes that all of them have."""
    names = sorted(folder.name for folder in root.iterdir() if folder.is_dir())
    classes = set.intersection(
        *({f.name for f in (root / name).iterdir() if f.is_dir()} for name in names)
    )
    return {name: Folder(root / name, sorted(classes)) for name in names}


@cache
def in_memory(root, name, most, seed):
    """Some images of a domain as flat rows, their labels, and height, width and channels."""
    domain = folders(root)[name]
    rows = np.random.RandomState(seed).permutation(len(domain))[:most]
    images = np.array([domain[i][0].transpose(1, 2, 0) for i in rows])
    return images.reshape(len(rows), -1), domain.targets[rows], images.shape[1:]


def fashion(root, first=0):
    """Fashion-MNIST, as `digit_folders.py` writes it beside the digits."""
    folder = root.parent / (root.name + "_fashion") / "fashion"
    return Folder(folder, sorted(part.name for part in folder.iterdir() if part.is_dir()), first)


def drawn(labels, n_per_class, rng):
    """Rows of a sample with as many of each class."""
    return np.concatenate(
        [
            rng.permutation(np.flatnonzero(labels == label))[:n_per_class]
            for label in np.unique(labels)
        ]
    )


def parted(images, per_class, rng):
    """Labelled images, as many of each class, and others to test on."""
    labelled = drawn(images.targets, per_class, rng)
    rest = rng.permutation(np.setdiff1d(np.arange(len(images)), labelled))[:N_TEST]
    return Subset(images, labelled), Subset(images, rest)


def labels_of(subset):
    return subset.dataset.targets[subset.indices]
