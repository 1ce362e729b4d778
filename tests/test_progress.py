"""What takes long says with verbose=1 what is fitted, how many are left, and the time."""

import io
import re
import sys
from contextlib import contextmanager, redirect_stdout
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.parallel import delayed

from skuowq import (
    DiscriminatorGateClassifier,
    MultiTaskUOWQClassifier,
    OT3LClassifier,
    UOWQClassifier,
    UOWQRegressor,
)
from skuowq._utils._progress import Progress, in_parallel
from skuowq.datasets import make_classification_tasks
from skuowq.metrics import negative_transfer_gap
from skuowq.theory import GaussianMean, validate

TASKS = make_classification_tasks(
    n_target=30, n_samples=(60, 50), discrepancies=(0.05, 0.5), n_features=3, random_state=0
)
DATA = TASKS.X_target, TASKS.y_target
LINE = re.compile(r"\[(.+?)\] (.+): (\d+) of (at most )?(\d+)(?:, (\d+) left)?, \d+\.\d s")


def lines_of(printed, what):
    """Text, number and total of each line; the numbers count up."""
    found = [LINE.fullmatch(line) for line in printed.splitlines()]
    found = [match for match in found if match and match[1] == what]
    assert [int(match[3]) for match in found] == list(range(1, len(found) + 1))
    assert all(match[4] or int(match[6]) == int(match[5]) - int(match[3]) for match in found)
    return [match[2] for match in found], int(found[-1][5])


def fit_trees_of_numbers(verbose):
    sources = [(X, X[:, 0]) for X, _ in TASKS.sources]
    reg = UOWQRegressor(DecisionTreeRegressor(max_depth=2), verbose=verbose)
    reg.fit(DATA[0], DATA[0][:, 0], sources)


def fit_classifier(verbose):
    UOWQClassifier(GaussianNB(), verbose=verbose).fit(*DATA, TASKS.sources)


def fit_gate(verbose):
    clf = DiscriminatorGateClassifier(LogisticRegression(), random_state=0, verbose=verbose)
    clf.fit(*DATA, TASKS.sources)


def fit_ot3l(verbose):
    OT3LClassifier(budget=9, random_state=0, verbose=verbose).fit(*DATA, TASKS.sources)


def measure_gap(verbose, **options):
    negative_transfer_gap(
        LogisticRegressionOfAll(), *DATA, sources=TASKS.sources, cv=2, random_state=0,
        verbose=verbose, **options,
    )  # fmt: skip


def validate_theory(verbose):
    validate(GaussianMean(2), [0, 0], [[0.3], [0.1]], 20, 100, n_repeats=200, verbose=verbose)


class LogisticRegressionOfAll(LogisticRegression):
    def fit(self, X, y, sources=None):
        return super().fit(X, y)


def fit_tasks(verbose):
    X, y = (np.concatenate(parts) for parts in zip(*TASKS.sources, strict=True))
    task = np.repeat(["a", "b"], [60, 50])
    MultiTaskUOWQClassifier(verbose=verbose).fit(X, y, task=task)


FITS = {
    "tasks": fit_tasks,
    "stack": fit_classifier,
    "stack of numbers": fit_trees_of_numbers,
    "gate": fit_gate,
    "OT3L": fit_ot3l,
    "negative_transfer_gap": measure_gap,
    "validate": validate_theory,
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_nothing_is_printed_without_verbose(fit, capsys):
    fit(verbose=0)
    assert capsys.readouterr() == ("", "")


def test_the_weighings_of_tasks(capsys):
    fit_tasks(verbose=1)
    printed = capsys.readouterr().out
    assert lines_of(printed, "tasks") == (["task 'a'", "task 'b'"], 2)
    of_a = printed[: printed.index("[tasks]")]
    texts, total = lines_of(of_a, "UOWQ")
    assert 1 <= len(texts) <= total == 5
    assert re.fullmatch(r"weights \[.*\], sources worth [\d.]+ target rows", texts[0])


def test_small_weights_of_several_sources_are_one_line(capsys):
    sources = TASKS.sources * 4
    given = np.diag([1e3 * k for k in range(1, 9)])
    UOWQClassifier(discrepancy=given, verbose=1).fit(*DATA, sources)
    (line,) = capsys.readouterr().out.splitlines()
    assert LINE.fullmatch(line)
    assert line.count("e-") == 8


@pytest.mark.parametrize(("fit", "n_folds"), [(fit_classifier, 2), (fit_trees_of_numbers, 5)])
def test_the_stack(fit, n_folds, capsys):
    fit(verbose=1)
    texts, total = lines_of(capsys.readouterr().out, "stack")
    assert len(texts) == total == 4 * (1 + n_folds)
    assert texts[:2] == ["fit with the weights", "fit of the target alone"]
    assert texts[-1] == f"fit of the linear model, fold {n_folds} held out"


def test_the_search_of_the_gate(capsys):
    fit_gate(verbose=1)
    printed = capsys.readouterr().out
    texts, total = lines_of(printed, "gate")
    assert texts[0] == "LogisticRegression, trust [0. 0.], 100% of it by the gate, 5 folds"
    assert 3 < len(texts) <= total
    assert re.fullmatch(r"\[gate\] trust \[.*\], \d+% of it by the gate", printed.splitlines()[-1])


def test_the_steps_of_ot3l(capsys):
    fit_ot3l(verbose=1)
    texts, total = lines_of(capsys.readouterr().out, "OT3L")
    assert total == 3
    assert texts == ["training on the sources", "choice of target rows", "tuning on 9 target rows"]


def test_the_folds_of_the_gap(capsys):
    measure_gap(verbose=1)
    texts, total = lines_of(capsys.readouterr().out, "negative_transfer_gap")
    assert texts[2] == "LogisticRegressionOfAll, repeat 2, fold 1"
    assert (len(texts), total) == (6, 20)  # Settled after three repeats of at most ten.
    measure_gap(verbose=1, n_repeats=2)
    texts, total = lines_of(capsys.readouterr().out, "negative_transfer_gap")
    assert texts[1:3] == [f"LogisticRegressionOfAll, repeat {k}, fold {3 - k}" for k in (1, 2)]
    assert total == 4


def test_the_repeats_of_validate(capsys):
    validate_theory(verbose=1)
    printed = capsys.readouterr().out
    assert re.fullmatch(r"\[validate\] error on .*: 200 of 200 repeats, 0 left, .* s\n", printed)


@pytest.mark.parametrize("backend", ["threading", "multiprocessing"])
def test_results_keep_their_order(backend, capsys):
    """The second backend cannot give results one by one."""
    progress = Progress("test", 1, 3)
    with joblib.parallel_config(backend, n_jobs=2):
        found = in_parallel((delayed(abs)(-k) for k in range(3)), "abc", None, progress)
    assert found == [0, 1, 2]
    assert lines_of(capsys.readouterr().out, "test") == (["a", "b", "c"], 3)


class Terminal(io.StringIO):
    """A standard output that somebody watches."""

    def isatty(self):
        return True

    def screen(self):
        """The lines that are left on it: a carriage return goes back to the line's begin."""
        lines = []
        for line in self.getvalue().split("\n"):
            shown = ""
            for text in line.split("\r"):
                shown = text + shown[len(text) :]
            lines.append(shown.rstrip())
        return lines


@contextmanager
def on_terminal():
    """The standard output is a terminal's. In the end it is so again, and no bar is open."""
    bars = pytest.importorskip("tqdm.std").tqdm._instances
    with redirect_stdout(Terminal()) as terminal:
        yield terminal
        assert sys.stdout is terminal
    assert not list(bars)
    assert terminal.getvalue().endswith("\n")


@pytest.mark.parametrize("name", ["stack", "gate", "negative_transfer_gap", "validate"])
def test_a_bar_in_a_terminal(name):
    with on_terminal() as terminal:
        FITS[name](verbose=1)
    (bar,) = [line for line in terminal.screen() if line.startswith(f"[{name}]: ")]
    assert bar.startswith(f"[{name}]: 100%|")  # Also where there were fewer than at most.
    assert not any(LINE.fullmatch(line) and name in line for line in terminal.screen())


def test_a_terminal_without_tqdm_shows_lines(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with redirect_stdout(Terminal()) as terminal:
        measure_gap(verbose=1)
    texts, total = lines_of(terminal.getvalue(), "negative_transfer_gap")
    assert (len(texts), total) == (6, 20)
    assert len(terminal.getvalue().splitlines()) == 6


def test_where_bars_are_disabled_there_are_lines(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr("tqdm.tqdm", partial(tqdm, disable=True))
    with on_terminal() as terminal, Progress("test", 1, 1) as progress:
        progress("text")
    assert lines_of(terminal.getvalue(), "test") == (["text"], 1)


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_the_bar_is_closed_when_the_work_ends_early(failure):
    class FailsInTheSecondFold(LogisticRegressionOfAll):
        n_fits = 0

        def fit(self, X, y, sources=None):
            FailsInTheSecondFold.n_fits += 1
            if self.n_fits == 3:
                raise failure
            return super().fit(X, y)

    with on_terminal() as terminal, pytest.raises(failure):
        negative_transfer_gap(FailsInTheSecondFold(), *DATA, sources=TASKS.sources, verbose=1)
    (bar,) = [line for line in terminal.screen() if line]
    assert re.match(r"\[negative_transfer_gap\]: +2%\|.*\| 1/50 ", bar)


def test_a_fit_inside_another_prints_lines_above_the_bar():
    clf = UOWQClassifier(GaussianNB(), verbose=1)
    with on_terminal() as terminal:
        negative_transfer_gap(
            clf, *DATA, sources=TASKS.sources, cv=2, n_repeats=1, random_state=0, verbose=1
        )
    *above, bar, end = terminal.screen()
    assert (bar[:30], end) == ("[negative_transfer_gap]: 100%|", "")
    assert all(LINE.fullmatch(line) for line in above)
    assert sum(line.startswith("[stack]") for line in above) == 2 * 12


def test_what_others_print_stands_above_the_bar():
    with on_terminal() as terminal, Progress("test", 1, 1) as progress:
        print("a", "line")
        print("half a line", end="")
        progress("text")
    *above, bar, end = terminal.screen()
    assert (above, end) == (["a line", "half a line"], "")
    assert re.fullmatch(r"\[test\]: 100%\|.*\| 1/1 \[.*, text\]", bar)


def test_the_time_of_a_bar_counts_from_the_start_of_the_work():
    progress = Progress("test", 1, 2)
    progress.started -= 60
    with on_terminal() as terminal, progress:
        progress("text")
        progress("text")
    assert re.search(r"2/2 \[01:0\d<", terminal.getvalue())


def test_a_bar_in_a_notebook():
    """Its output says that it is no terminal."""
    pytest.importorskip("tqdm")
    OutStream = type("OutStream", (io.StringIO,), {"__module__": "ipykernel.iostream"})
    with redirect_stdout(OutStream()) as notebook, Progress("test", 1, 1) as progress:
        progress("text")
    assert "[test]: 100%|" in notebook.getvalue()


@pytest.mark.parametrize("stdout", [io.StringIO(), object(), None], ids=["file", "object", "None"])
def test_elsewhere_there_is_no_bar(stdout):
    with redirect_stdout(stdout), Progress("test", 1, 1):
        assert sys.stdout is stdout


def test_a_bar_is_as_silent_as_lines_without_verbose():
    with redirect_stdout(Terminal()) as terminal, Progress("test", 0, 1) as progress:
        progress("text")
    assert terminal.getvalue() == ""
