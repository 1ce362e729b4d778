"""
Folders of images
=================

Images lie in folders, ``root/domain/class/*.png``, as those of Office-Home and DomainNet do. Six
labelled photographs of each of five shapes are the target. Four other folders have sixty images of
each: clip art, sketches, photographs taken at night, and photographs whose labels are all wrong. A
data set for each folder opens a file when its image is asked for, so a few batches are in memory
and never all images. Nothing tells which folders help.

The example draws the images into a temporary folder, fits a small network to all of it with
``UOWQClassifier``, and shows images of each domain beside what they are worth.

**Claim.** Thirty labelled photographs tell that the mislabelled folder is worth nothing and that
the other three help. The network of the weighed images is then better than one of the target
alone, and than one of all images alike, which believes the wrong labels.

**Limitation.** The images are simple, so a network learns them from scratch. Photographs of real
things need a pretrained network, for instance by ``skuowq.networks.extract_features``; and one draw
of thirty images is one draw.
"""

import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from torch import nn

from skuowq import UOWQClassifier

SIDE, CLASSES = 24, ["disc", "square", "triangle", "cross", "ring"]


# %%
# The images: a shape of random size and place, in the style of its domain.
def draw(shape, style, rng):
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j] - rng.uniform(-0.25, 0.25, (2, 1, 1))
    x, y = x / (size := rng.uniform(0.5, 0.75)), y / size
    depth = {  # Above 0 within the shape.
        "disc": 1 - np.hypot(x, y),
        "square": 0.85 - np.maximum(np.abs(x), np.abs(y)),
        "triangle": np.minimum(0.7 - y, (y + 1 - 2 * np.abs(x)) / 2),
        "cross": 0.3 - np.minimum(np.abs(x), np.abs(y)) - 9 * (np.maximum(abs(x), abs(y)) > 1),
        "ring": 0.25 - np.abs(np.hypot(x, y) - 0.75),
    }[shape][:, :, None]
    inside, edge = depth > 0, np.abs(depth) < 0.13
    paint, ground = rng.uniform(0.5, 1, 3), rng.uniform(0, 0.4, 3)
    if style == "clipart":
        return np.where(inside, paint * [1, 0.5, 0.3], 1.0)
    if style == "sketch":
        return np.where(edge, 0.2, 0.95) + rng.normal(scale=0.03, size=(SIDE, SIDE, 1))
    texture = rng.normal(scale=0.12, size=(SIDE, SIDE, 3))
    image = np.where(inside, paint, ground) + texture
    return image * 0.35 if style == "night" else image


def draw_folder(folder, style, n_per_class, rng, shift=0):
    for k, name in enumerate(CLASSES):
        (folder / name).mkdir(parents=True)
        shape = CLASSES[(k + shift) % len(CLASSES)]
        for i in range(n_per_class):
            image = np.broadcast_to(draw(shape, style, rng).clip(0, 1), (SIDE, SIDE, 3))
            plt.imsave(folder / name / f"{i:03d}.png", image)


temporary = tempfile.TemporaryDirectory()
root, rng = Path(temporary.name), np.random.RandomState(0)
draw_folder(root / "photos", "photo", 6, rng)
draw_folder(root / "new photos", "photo", 60, rng)
for name, style, shift in [
    ("clipart", "clipart", 0),
    ("sketches", "sketch", 0),
    ("at night", "night", 0),
    ("mislabelled", "photo", 1),
]:
    draw_folder(root / name, style, 60, rng, shift)


# %%
# A data set for each folder. torchvision's ``ImageFolder`` is one, too, with ``targets``.
class Folder(torch.utils.data.Dataset):
    def __init__(self, folder):
        self.files = sorted(folder.glob("*/*.png"))
        self.targets = [CLASSES.index(file.parent.name) for file in self.files]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        return plt.imread(self.files[i])[:, :, :3].transpose(2, 0, 1), self.targets[i]


target, test = Folder(root / "photos"), Folder(root / "new photos")
sources = {name: Folder(root / name) for name in ("clipart", "sketches", "at night", "mislabelled")}


# %%
# A small convolutional network, as a skorch net.
class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
            nn.Flatten(), nn.Linear(256, 24), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(24, len(CLASSES))

    def forward(self, X):
        return self.head(self.features(X))


net = NeuralNetClassifier(
    Convolutional,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.003,
    max_epochs=10,
    batch_size=64,
    train_split=None,
)

# %%
# Three fits: the target alone, all images alike (no discrepancy), and the default. The default
# trains on the sources, and then on all images; the others get as many steps.
methods = {
    "photos alone": lambda clf: clf.set_params(estimator__max_epochs=400).fit(target),
    "all images alike": lambda clf: clf.set_params(
        estimator__max_epochs=20, discrepancy=np.zeros((4, 4))
    ).fit(target, sources=sources),
    "weighed": lambda clf: clf.fit(target, sources=sources),
}
print(f"{'':18s}{'accuracy':>9s}{'fit time':>10s}")
for name, fit in methods.items():
    start = time.perf_counter()
    clf = fit(UOWQClassifier(clone(net), random_state=0))
    seconds = time.perf_counter() - start
    print(f"{name:18s}{clf.score(test, test.targets):9.2f}{seconds:8.1f} s")
print(f"\n{clf.source_report_}")

# %%
# One image of each class and domain. Beside them: what an image of the domain counts, where a
# labelled photograph counts 1, and how many photographs all of them are worth.
weights = {"photos": 1.0} | dict(zip(clf.source_names_, clf.source_weights_, strict=True))
worth = [len(target), *clf.source_report_.rows_worth]
figure, axes = plt.subplots(
    len(weights), len(CLASSES) + 1, figsize=(8.5, 5.6), layout="constrained",
    width_ratios=[1] * len(CLASSES) + [3.5],
)  # fmt: skip
for row, (name, weight), photos in zip(axes, weights.items(), worth, strict=True):
    for ax, label in zip(row, CLASSES, strict=False):
        ax.imshow(plt.imread(root / name / label / "000.png"), interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        if name == "photos":
            ax.set_title(label, fontsize=10)
    row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    bar = row[-1]
    bar.barh([0], [weight], height=0.6, color="#9a9a9a" if name == "photos" else "#1f4e79")
    bar.text(weight + 0.02, 0, f"{weight:.2g}; {photos:.0f} photographs", va="center")
    bar.set(xlim=(0, 1.8 * max(weights.values())), ylim=(-0.6, 0.6), xticks=[], yticks=[])
    bar.spines[["top", "right", "bottom"]].set_visible(False)
axes[0, -1].set_title("weight of an image; worth of all", fontsize=10)
plt.show()
temporary.cleanup()
