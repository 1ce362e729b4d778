import pytest

pytest.importorskip("matplotlib")

import numpy as np
from numpy.testing import assert_allclose
from sklearn.preprocessing import StandardScaler

from skuowq import UOWQClassifier, make_transfer_pipeline
from skuowq.datasets import make_classification_tasks
from skuowq.plotting import WeightHistoryDisplay
from skuowq.rules import Reml


@pytest.fixture
def plt():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    yield plt
    plt.close("all")


def test_draws_the_history_of_an_estimator(plt):
    tasks = make_classification_tasks(random_state=0)
    model = make_transfer_pipeline(StandardScaler(), UOWQClassifier())
    model.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
    display = WeightHistoryDisplay.from_estimator(model)
    *lines, _ = display.ax_.get_lines()
    drawn = np.column_stack([line.get_ydata() for line in lines])
    assert_allclose(drawn, model[-1].history_)
    assert len({(line.get_linestyle(), line.get_marker()) for line in lines}) == len(lines)
    with pytest.raises(ValueError, match="no history of source weights"):
        WeightHistoryDisplay.from_estimator(UOWQClassifier().fit(tasks.X_target, tasks.y_target))


def test_plot_on_axes_given_changes_no_data(plt):
    display = WeightHistoryDisplay(history=[[0.1], [0.2]], names=["a"])
    figure, ax = plt.subplots()
    assert display.plot(ax=ax) is display
    assert (display.ax_, display.figure_) == (ax, figure)
    assert display.history == [[0.1], [0.2]]


def test_several_fits_share_the_axes(plt):
    """A source has one colour in both fits, which differ by their dashes."""
    tasks = make_classification_tasks(random_state=0)
    fits = {
        "reml": UOWQClassifier(),
        "no updates": UOWQClassifier(discrepancy=Reml(n_updates=0)),
    }
    for clf in fits.values():
        sources = dict(zip("ab", tasks.sources, strict=False))
        clf.fit(tasks.X_target, tasks.y_target, sources=sources)
    fits["b alone"] = UOWQClassifier().fit(
        tasks.X_target, tasks.y_target, sources={"b": tasks.sources[1]}
    )
    display = WeightHistoryDisplay.from_estimator(fits)
    *lines, _ = display.ax_.get_lines()
    names = ["reml: a", "reml: b", "no updates: a", "no updates: b", "b alone: b"]
    assert [line.get_label() for line in lines] == names
    short = len(fits["no updates"].history_)
    assert short < max(len(clf.history_) for clf in fits.values()) == display.history.shape[1]
    drawn = lines[2].get_ydata()
    assert_allclose(drawn[:short], fits["no updates"].history_[:, 0])
    assert np.isnan(drawn[short:]).all()
    of_source, of_fit = {}, {}
    for line in lines:
        fit, source = line.get_label().split(": ")
        of_source.setdefault(source, set()).add((line.get_color(), line.get_marker()))
        of_fit.setdefault(fit, set()).add(line.get_linestyle())
    for styles, n in ((of_source, 2), (of_fit, 3)):
        assert all(len(found) == 1 for found in styles.values())
        assert len(set.union(*styles.values())) == n


def test_several_fits_are_checked():
    display = WeightHistoryDisplay(history=[[0.5], [1]], names=["a"], fits=["one", "other"])
    with pytest.raises(ValueError, match=r"shape \(2, 1\), and there are 2 fits"):
        display.plot()
