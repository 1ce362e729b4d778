import subprocess
import sys


def test_import_is_light_and_changes_no_configuration():
    code = (
        "import sklearn, sys; before = sklearn.get_config(); import skuowq; "
        "assert sklearn.get_config() == before; "
        "heavy = {'torch', 'cvxpy', 'skorch', 'ot', 'matplotlib'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_first_fits_load_only_what_they_use():
    """A source that gets no weight takes a program that leaves sources out."""
    code = """
import sys
from sklearn.linear_model import LogisticRegression
from skuowq import DiscriminatorGateClassifier, UOWQClassifier, UOWQRegressor
from skuowq.datasets import make_classification_tasks

tasks = make_classification_tasks(
    n_target=40, n_samples=(60,) * 3, discrepancies=(0.0, 0.1, 4.0), random_state=0
)
gate = DiscriminatorGateClassifier(LogisticRegression(), random_state=0)
for estimator in (UOWQClassifier(), UOWQRegressor(), gate):
    estimator.fit(tasks.X_target, tasks.y_target, sources=tasks.sources)
heavy = {"torch", "cvxpy", "skorch", "ot", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
