"""Wherever a source and a target meet as frames, their columns are compared by name."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skuowq import Sources, UOWQClassifier
from skuowq.transport import class_distances, dataset_distance, rank_sources
from skuowq.weights import density_ratio

RNG = np.random.RandomState(0)
X, y = RNG.normal(size=(30, 2)), np.arange(30) % 2
X_1, y_1 = RNG.normal(size=(40, 2)), np.arange(40) % 2

MEETINGS = {
    "fit": lambda X, X_1: UOWQClassifier().fit(X, y, [(X_1, y_1)]).source_weights_,
    "class_distances": lambda X, X_1: class_distances(X, y, X_1, y_1),
    "dataset_distance": lambda X, X_1: dataset_distance(X, y, X_1, y_1),
    "rank_sources": lambda X, X_1: rank_sources(X, y, Sources([(X_1, y_1)])).distances,
    "density_ratio": lambda X, X_1: density_ratio(X, y, X_1, y_1, random_state=0),
}


@pytest.mark.parametrize("meeting", MEETINGS)
@pytest.mark.parametrize(
    ("names", "fact"),
    [(["b", "a"], "the same columns in another order"), (["a", "z"], r"unknown columns \['z'\]")],
)
def test_columns_that_are_not_the_targets(meeting, names, fact):
    pd = pytest.importorskip("pandas")
    if meeting not in ("fit", "density_ratio"):
        pytest.importorskip("ot")
    call, target = MEETINGS[meeting], pd.DataFrame(X, columns=["a", "b"])
    with pytest.raises(ValueError, match=f"source.* has {fact}.*: pass the target's columns"):
        call(target, pd.DataFrame(X_1, columns=names))
    same = call(target, pd.DataFrame(X_1, columns=["a", "b"]))
    assert_allclose(same, call(X, X_1), rtol=1e-6, atol=1e-12)
    assert_allclose(call(target, X_1), same)
