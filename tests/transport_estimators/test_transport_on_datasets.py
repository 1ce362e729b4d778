"""JTLN and OT3L on torch data sets."""

import pytest

pytest.importorskip("torch")

import numpy as np
from datasets_of_images import SOURCES, TARGET, TEST, Small, make_net

from skuowq import JTLNClassifier, OT3LClassifier


def test_ot3l_reads_data_sets():
    clf = OT3LClassifier(make_net(max_epochs=3), budget=9, strategy="far", random_state=0)
    clf.fit(TARGET, sources=SOURCES)
    assert clf.class_distances_.shape == (3, 3)
    assert len(clf.selected_indices_) == 9
    assert clf.score(TEST, TEST.targets) > 0.6
    assert clf.transform(TEST).shape == (60, 4)


def test_jtln_reads_data_sets():
    pytest.importorskip("ot")
    clf = JTLNClassifier(make_net(Small(), max_epochs=3), random_state=0)
    clf.fit(TARGET, sources=SOURCES)
    good, wrong = clf.transport_cost_
    # The wrong source calls the target's next class by its name.
    assert np.trace(good) < np.trace(wrong)
    assert clf.score(TEST, TEST.targets) > 0.6


def test_costs_need_a_module_that_knows_something():
    with pytest.raises(ValueError, match="pass a trained module"):
        JTLNClassifier(make_net()).fit(TARGET, sources=SOURCES)
    clf = JTLNClassifier(make_net(), transport_weight=0, random_state=0)
    assert clf.fit(TARGET, sources=SOURCES).predict(TEST).shape == (60,)
