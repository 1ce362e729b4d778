"""Through how many files do the sources go from `fit` to `source_weights_`?

    .venv/bin/python benchmarks/structure.py

Counts calls: a file is entered when one of its functions is called with the sources by one that
has them, whatever form they have (`Sources`, a list of domains, `Task`, the model's problem or the
model), until the weights are there. Functions of one file that call each other count once. What
gets a part of them alone (one column, one domain, numbers) is not followed. A return to the face is
a call from another file into the estimator's own.
"""

import sys
from pathlib import Path

import skuowq
from skuowq import Sources, UOWQClassifier
from skuowq._data.domains import Domain
from skuowq._data.target_range import RowsInRange
from skuowq._data.task import Task
from skuowq._uowq.models.softmax import SoftmaxScores
from skuowq._uowq.models.softmax_rows import SoftmaxProblem
from skuowq.datasets import make_classification_tasks

_ROOT = Path(skuowq.__file__).parent
_FORMS = (Sources, Task, RowsInRange, SoftmaxProblem, SoftmaxScores)
_FACE = {"_uowq/base.py", "_uowq/classifier.py"}


def has_sources(frame):
    """Whether the function is called with all sources, in any form."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(_is_form(frame.f_locals.get(name)) for name in names)


def _is_form(value):
    several = isinstance(value, list) and len(value) > 1
    return isinstance(value, _FORMS) or (several and all(isinstance(d, Domain) for d in value))


def file_of(frame):
    """The file within the package, or None."""
    path = Path(frame.f_code.co_filename)
    return str(path.relative_to(_ROOT)) if path.is_relative_to(_ROOT) else None


def route(fit):
    """Files in the order in which the sources enter them."""
    entered = []

    def follow(frame, event, _):
        if event != "call":
            return
        file, caller = file_of(frame), file_of(frame.f_back) if frame.f_back else None
        if file and file != caller and has_sources(frame):
            entered.append((caller, file, frame.f_code.co_name))

    sys.setprofile(follow)
    try:
        fit()
    finally:
        sys.setprofile(None)
    return entered


def main():
    tasks = make_classification_tasks(random_state=0)
    sources = Sources(tasks.sources)
    clf = UOWQClassifier()
    entered = route(lambda: clf.fit(tasks.X_target, tasks.y_target, sources))
    files = list(dict.fromkeys(file for _, file, _ in entered))
    first = {file: name for _, file, name in reversed(entered)}
    for file in files:
        print(f"{file}: {first[file]}")
    back = [(caller, name) for caller, file, name in entered if file in _FACE and caller]
    print(f"{len(files)} files, {len(back)} returns to the face")


if __name__ == "__main__":
    main()
