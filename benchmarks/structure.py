"""Through how many files do the sources go from `fit` to `source_weights_`?

    .venv/bin/python benchmarks/structure.py

Counts calls: a file is entered when one of its functions is called with the sources by one that
has them, whatever form they have (`Sources`, a list of domains, `Task`, the model's problem or the
model), until the weights are there. Functions of one file that call each other count once. What
gets a part of them alone (one column, one domain, numbers) is not followed.

A file that hands the sources on to another, as an argument, is on the way, and so is the file that
returns the weights: these are what a reader opens. The others do one step and hand back what they
made of it. A return to the face is a call from another file into the estimator's own.
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
_MAKES_THE_WEIGHTS = "_uowq/weigh.py"
_FACE = {"_uowq/base.py", "_uowq/classifier.py"}


def has_sources(frame, handed=False):
    """Whether the function is called with all sources, in any form; `handed`: not as its `self`."""
    code = frame.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    names = [name for name in names if not (handed and name == "self")]
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
            entered.append((caller, file, frame.f_code.co_name, has_sources(frame, handed=True)))

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
    first = {file: name for _, file, name, _ in reversed(entered)}
    hand_on = {caller for caller, _, _, handed in entered if handed and caller}
    on_the_way = hand_on | {_MAKES_THE_WEIGHTS}
    for file in dict.fromkeys(file for _, file, _, _ in entered):
        print(f"{file}: {first[file]}" + ("" if file in on_the_way else " (a step)"))
    back = [name for caller, file, name, _ in entered if file in _FACE and caller]
    n_steps = len(set(first) - on_the_way)
    print(f"{len(on_the_way)} files on the way, {n_steps} of a step each, {len(back)} returns")


if __name__ == "__main__":
    main()
