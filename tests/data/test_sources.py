import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from optional import optional
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import _check_method_params

from skuowq import Sources, UOWQClassifier
from skuowq._data.sources import as_sources
from skuowq.fisher import source_record

pd = optional("pandas")

X, y = np.arange(12.0).reshape(6, 2), np.array([0, 1] * 3)


def test_what_goes_in_comes_out():
    weight = np.arange(4.0)
    sources = Sources([(X, y), (X[:4], y[:4], weight)], names=["a", "b"])
    (X_a, y_a), (X_b, y_b, w_b) = sources
    assert_array_equal(X_a, X)
    assert_array_equal(y_a, y)
    assert_array_equal(X_b, X[:4])
    assert_array_equal(y_b, y[:4])
    assert_array_equal(w_b, weight)
    assert sources.n_sources == 2
    assert sources.n_samples == (6, 4)
    assert sources.names == ("a", "b")
    assert repr(sources) == "Sources(2 sources, 10 rows: a 6, b 4)"
    assert "<td>a</td><td>6</td>" in sources._repr_html_()
    again = Sources(sources)
    assert again.names == sources.names
    assert again.n_samples == sources.n_samples


def test_names_from_a_dict_and_by_default():
    assert Sources({"north": (X, y), 3: (X, y)}).names == ("north", "3")
    assert Sources([(X, y)] * 2).names == ("source 0", "source 1")


def test_cross_validation_cannot_cut_it():
    sources = Sources([(X, y)] * 6)
    for attribute in ("__len__", "shape", "__array__"):
        assert not hasattr(sources, attribute)
    passed = _check_method_params(np.zeros((6, 1)), {"sources": sources}, indices=[0, 1])
    assert passed["sources"] is sources


def test_a_list_as_long_as_the_target_is_refused():
    pairs = [(X, y)] * 3
    assert as_sources(pairs, n_rows=4).n_sources == 3
    for plain in (pairs, tuple(pairs), dict(zip("abc", pairs, strict=True))):
        with pytest.raises(ValueError, match=r"skuowq.Sources\(sources\)"):
            as_sources(plain, n_rows=3)
    assert as_sources(Sources(pairs), n_rows=3).n_sources == 3


def test_immutable():
    sources = Sources([(X, y)])
    with pytest.raises(AttributeError, match="immutable"):
        sources.names = ["other"]
    with pytest.raises(AttributeError, match="immutable"):
        del sources._names
    with pytest.raises(ValueError, match="read-only"):
        next(iter(sources))[0][0] = 7.0


@pytest.mark.parametrize("weights", [None, 1.5])
def test_pickle_and_clone_keep_everything(weights):
    pairs = [(X + i, y) if weights is None else (X + i, y, np.full(6, weights)) for i in range(3)]
    sources = Sources(pairs, names=list("abc"), target_classes=[1, 0])
    for twin in (Sources(sources), pickle.loads(pickle.dumps(sources)), clone(sources, safe=False)):
        assert twin.names == sources.names
        assert twin.target_classes == (0, 1)
        for ours, theirs in zip(sources, twin, strict=True):
            for a, b in zip(ours, theirs, strict=True):
                assert_array_equal(a, b)


def test_many_small_sources_are_pickled_as_one_block():
    sources = Sources([(X, y)] * 500)
    # 500 pairs of arrays pickled one by one carry a header each.
    assert len(pickle.dumps(sources)) < 1.2 * 500 * (X.nbytes + y.nbytes) + 20_000


def test_large_and_mixed_sources_are_kept_as_they_are():
    large = np.zeros((200_000, 2))
    sources = Sources([(large, np.zeros(200_000)), (large, np.zeros(200_000))])
    assert np.shares_memory(next(iter(sources))[0], large)
    frame = pd.DataFrame(X, columns=["u", "v"])
    (X_frame, _), (X_sparse, _) = Sources([(frame, y), (sparse.csr_matrix(X), y)])
    assert X_frame is frame
    assert sparse.issparse(X_sparse)
    # Labels of different kinds are not forced into one dtype.
    (_, numbers), (_, words) = Sources([(X, y), (X, np.array(list("abcabc")))])
    assert numbers.dtype.kind == "i"
    assert words.dtype.kind == "U"


def test_from_domains():
    domain = np.array(["b", "a", "b", "c", "c", "c"])
    X_target, y_target, sources = Sources.from_domains(X, y, domain, target="b")
    assert_array_equal(X_target, X[[0, 2]])
    assert_array_equal(y_target, y[[0, 2]])
    assert sources.names == ("a", "c")
    assert sources.n_samples == (1, 3)
    frame = pd.DataFrame(X, index=list("pqrstu"))
    X_target, y_target, sources = Sources.from_domains(frame, pd.Series(y), domain, target="c")
    assert list(X_target.index) == list("stu")
    with pytest.raises(ValueError, match=r"target='z' is not among the domains \['a', 'b', 'c'\]"):
        Sources.from_domains(X, y, domain, target="z")
    with pytest.raises(ValueError, match="one domain a row"):
        Sources.from_domains(X, y, domain[:3], target="a")
    with pytest.raises(ValueError, match="X has 6 rows, but y has 8 entries"):
        Sources.from_domains(X, [0, 1] * 4, domain, target="a")
    with pytest.raises(ValueError, match="sample_domain has missing values"):
        Sources.from_domains(X, y, ["a", "b", None] * 2, target="a")
    assert sources.target_classes == (0, 1)
    with pytest.raises(ValueError, match="there is no source"):
        Sources.from_domains(X, y, ["a"] * 6, target="a")


@pytest.mark.parametrize(
    ("pairs", "error", "message"),
    [
        ((X, y), TypeError, "source 0 is a ndarray"),
        ([(X, y), X], TypeError, "source 1 is a ndarray: pass"),
        ([(X, y), (X,)], TypeError, "source 1 is a tuple of length 1"),
        ([(X, y), (X, y[:3])], ValueError, "source 1: X has 6 rows, but y has 3 entries"),
        ([(X[:0], y[:0])], ValueError, "source 0 is empty"),
        ([(X, 1)], TypeError, "source 0: y is a int: pass an array of rows"),
        ([([[1], [1, 2]], [0, 1])], ValueError, "source 0: "),
        ({"b": (X, y, ["x"] * 6)}, ValueError, "source 'b': could not convert"),
        ({"b": (X, y, y[:2])}, ValueError, r"source 'b': X has 6 rows, but sample_weight has"),
        ({"b": (X, y, -np.ones(6))}, ValueError, "source 'b': sample_weight must be finite"),
        ({"b": (X, y, np.full(6, np.nan))}, ValueError, "source 'b': sample_weight must be"),
        ({"b": (X, y, np.zeros(6))}, ValueError, "source 'b': all sample_weight are zero"),
        ([], ValueError, "sources is empty"),
        (iter([(X, y)]), TypeError, "used up by the first fit"),
        (X, TypeError, "must be a list of"),
    ],
)
def test_bad_sources(pairs, error, message):
    with pytest.raises(error, match=message):
        Sources(pairs)


def test_bad_names():
    with pytest.raises(ValueError, match="names has 1 entries for 2 sources"):
        Sources([(X, y)] * 2, names=["a"])
    with pytest.raises(ValueError, match="names must be unique"):
        Sources([(X, y)] * 2, names=["a", "a"])


def test_bound_sources_survive_clone_and_can_be_unbound():
    estimator = UOWQClassifier().bind_sources([(X, y)])
    twin = clone(estimator)
    assert twin._bound_sources.n_sources == 1
    assert clone(estimator.bind_sources(None)).fit(X, y).n_sources_ == 0


def test_unlabelled_rows_travel_along():
    pairs, free = [(np.zeros((4, 2)), np.arange(4) % 2)] * 3, np.ones((5, 2))
    sources = Sources(pairs, X_unlabeled=free)
    assert "5 unlabelled target rows" in repr(sources)
    assert "5 unlabelled target rows" in sources._repr_html_()
    for copy in (pickle.loads(pickle.dumps(sources)), clone(sources, safe=False), Sources(sources)):
        assert_array_equal(copy.X_unlabeled, free)
    assert not sources.X_unlabeled.flags.writeable
    moved = sources.map_features(lambda X, label: X + (label == "X_unlabeled"))
    assert_array_equal(moved.X_unlabeled, free + 1)
    assert_array_equal(next(iter(moved))[0], 0)
    assert Sources(pairs).X_unlabeled is None
    with pytest.raises(ValueError, match="X_unlabeled is empty"):
        Sources(pairs, X_unlabeled=np.zeros((0, 2)))
    with pytest.raises(TypeError, match="X_unlabeled is a ndarray of shape"):
        Sources(pairs, X_unlabeled=np.zeros(3))


def test_a_mapping_for_the_eye_and_the_hand():
    record = source_record(X, y)
    sources = Sources({"a": (X, y), "b": (X[:4], y[:4], np.ones(4))}, target_classes=[0, 1])
    assert_array_equal(sources["a"][0], X)
    assert_array_equal(sources["b"][2], 1)
    assert "a" in sources
    assert "c" not in sources
    assert sources.drop("a").names == ("b",)
    assert sources.rename({"b": "c"}).names == ("a", "c")
    assert sources.rename({"a": "b", "b": "a"})["a"][0].shape == (4, 2)
    for changed in (sources.drop(["a"]), sources.rename({})):
        assert changed.target_classes == (0, 1)
    assert Sources({"a": record})["a"] is record
    assert Sources({"a": record, "b": (X, y)}).drop("b").given_by == "models"
    # Cross-validation would cut what has a length.
    assert not hasattr(sources, "__len__")
    for call, error, message in (
        (lambda: sources["c"], KeyError, r"'c' is none of the sources \['a', 'b'\]"),
        (lambda: sources[0], KeyError, "0 is none of the sources"),
        (lambda: sources.drop("c"), ValueError, r"names has \['c'\], which are none of"),
        (lambda: sources.rename({"c": "d"}), ValueError, r"names has \['c'\], which are none of"),
        (lambda: sources.rename({"a": "b"}), ValueError, "names must be unique"),
        (lambda: sources.drop(["a", "b"]), ValueError, "so none is left: pass sources=None"),
    ):
        with pytest.raises(error, match=message):
            call()


def test_an_overview_as_a_frame():
    pytest.importorskip("pandas")
    model = LogisticRegression().fit(X, y)
    sources = Sources({"rows": (X, y), "record": source_record(X, y), "model": (model, 9)})
    frame = sources.to_frame()
    assert list(frame.index) == ["rows", "record", "model"]
    assert frame["given by"].tolist() == ["rows", "record", "model"]
    assert frame["rows"].tolist() == [6, 6, 9]
    assert frame["features"].tolist() == [2, 2, 2]


class Delayed:
    """A table of which nobody knows how many rows it has, as a data frame of dask."""

    shape = (object(), 2)

    def compute(self):
        return X


class LazyFrame:
    """As polars': it has no shape."""

    def collect(self):
        return X


@pytest.mark.parametrize("form", [Delayed, LazyFrame])
def test_tables_whose_rows_are_not_there_yet(form):
    lazy, method = form(), "compute" if form is Delayed else "collect"
    remedy = rf"is a {form.__name__} of \w+, whose rows are not in memory: pass .* {method}\(\)"
    for call, what in (
        (lambda: Sources({"a": (X, y), "b": (lazy, y)}), "source 'b': X"),
        (lambda: Sources([(X, lazy)]), "source 0: y"),
        (lambda: UOWQClassifier().fit(X, y, {"b": (lazy, y)}), "source 'b': X"),
        (lambda: Sources([(X, y)], X_unlabeled=lazy), "X_unlabeled"),
        (lambda: Sources.from_domains(lazy, y, list("aabbcc"), "a"), "X"),
        (lambda: Sources.from_domains(X, y, lazy, "a"), "sample_domain"),
    ):
        with pytest.raises(TypeError, match=f"^{what} {remedy}"):
            call()
