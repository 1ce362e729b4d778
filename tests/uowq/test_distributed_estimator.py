"""The page's example of an estimator that is distributed itself, as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import log_loss

from skuowq import UOWQClassifier
from skuowq.datasets import make_classification_tasks

PAGE = Path(__file__).parents[2] / "docs" / "many_machines.md"


@pytest.mark.slow
def test_the_pages_example_of_distributed_trees():
    pytest.importorskip("xgboost", reason="the page says how to install it; no extra has it")
    pytest.importorskip("pyarrow")
    import dask.array as da
    from distributed import Client

    tasks = make_classification_tasks(
        n_samples=(900, 900), discrepancies=(0.0, 3.0), n_classes=2, random_state=0
    )
    arrays = {
        name: (da.from_array(X, chunks=(300, -1)), da.from_array(y, chunks=300))
        for name, (X, y) in zip("ab", tasks.sources, strict=True)
    }
    (code,) = re.findall(r"```python\n([^`]*xgboost[^`]*)```", PAGE.read_text())
    with Client(n_workers=2, processes=False, dashboard_address=None) as client:
        names = {"UOWQClassifier": UOWQClassifier, "tasks": tasks}
        names |= {"arrays": arrays, "client": client}
        exec(code, names)
        weight = names["weight"].compute()
        P = names["trees"].predict_proba(da.from_array(tasks.X_test)).compute()
    weights = names["weighed"].source_weights_
    assert weights[0] > weights[1]
    np.testing.assert_array_equal(weight, np.repeat([1.0, *weights], [50, 900, 900]))
    assert log_loss(tasks.y_test, P) < np.log(2)
