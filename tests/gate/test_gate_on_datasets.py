"""The gate where rows are read from data sets: fitted to what a network's last layer sees."""

import pytest

pytest.importorskip("torch")

import numpy as np
from datasets_of_images import GOOD, SOURCES, TARGET, TEST, Images, make_net
from sklearn.linear_model import LogisticRegression
from torch.utils.data import Dataset

from skuowq import DiscriminatorGateClassifier, Sources


class HalfWrong(Dataset):
    """Every other label is wrong."""

    def __init__(self, images):
        self.images = images
        self.targets = (images.targets + np.arange(len(images)) % 2) % 3

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        return self.images[i][0], self.targets[i]


def test_the_gate_tells_wrong_rows_of_a_data_set():
    mixed = HalfWrong(Images(60, 7))
    clf = DiscriminatorGateClassifier(
        make_net(max_epochs=4), alignment=None, trust=1.0, random_state=0
    )
    clf.fit(TARGET, sources={"good": GOOD, "mixed": mixed})
    good, of_mixed = clf.gate_weights_
    assert of_mixed[::2].mean() > 3 * of_mixed[1::2].mean()
    assert good.mean() > 0.5
    assert clf.score(TEST, TEST.targets) > 0.7
    assert clf.transform(TEST).shape == (60, 4)


@pytest.mark.slow
def test_unlabelled_rows_may_be_a_data_set_and_the_online_gate_reads():
    clf = DiscriminatorGateClassifier(
        make_net(), alignment="pada", gate="online", trust=1.0, random_state=0
    )
    clf.fit(TARGET, sources=Sources(SOURCES, X_unlabeled=TEST))
    good, wrong = clf.gate_weights_
    assert good.mean() > wrong.mean()
    assert clf.predict_proba(TEST).shape == (60, 3)


@pytest.mark.slow
def test_the_default_gate_finds_trust_on_data_sets():
    clf = DiscriminatorGateClassifier(make_net(max_epochs=4), random_state=0)
    clf.fit(TARGET, sources=SOURCES)
    good, wrong = clf.trust_
    assert good > wrong
    assert clf.pool_exponents_ is not None
    assert clf.score(TEST, TEST.targets) > 0.7


def test_other_classifiers_name_the_way_out():
    clf = DiscriminatorGateClassifier(LogisticRegression())
    with pytest.raises(TypeError, match="LogisticRegression needs its rows in memory"):
        clf.fit(TARGET, sources=SOURCES)
