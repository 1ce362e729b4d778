"""Progress of what takes long: a bar where somebody watches, and lines everywhere else.

Both stand on the standard output. So a log never has the control characters of a bar, and a
notebook does not show the bar on red, as it shows the standard error.
"""

import sys
from contextlib import ExitStack, redirect_stdout
from time import time

from sklearn.utils.parallel import Parallel


class Progress:
    """Says of each item that is done what it was, how many are left, and the time.

    It prints a line for each item. In ``with progress:`` it is one bar in place of the lines, if
    tqdm is installed and the standard output is a terminal or a notebook. The bar is closed
    whatever happens inside. Lines that are printed meanwhile stand above it.

    Parameters
    ----------
    what : str
        What takes long, as each line begins.
    verbose : int
        0 prints nothing.
    n_items : int, default=None
        How many there are. May be set later, before the first is done.
    unit : str, default=""
        What the items are, in words.
    at_most : bool, default=False
        Whether there may be fewer.
    """

    def __init__(self, what, verbose, n_items=None, *, unit="", at_most=False):
        self.what, self.verbose, self.n_items = what, verbose, n_items
        self.unit, self.at_most = unit, at_most
        self.n_done, self.started = 0, time()
        self._bar, self._opened = None, ExitStack()

    def __enter__(self):
        tqdm = _tqdm_for(sys.stdout) if self.verbose else None
        if tqdm is not None:
            unit = f" {self.unit}" if self.unit else "it"
            bar = tqdm(desc=f"[{self.what}]", total=self.n_items, unit=unit, file=sys.stdout,
                       miniters=1, smoothing=0, dynamic_ncols=True)  # fmt: skip
            if bar.disable:  # By the environment variable TQDM_DISABLE.
                return self
            bar.start_t = self.started  # The first item may be done before the bar is there.
            self._bar = self._opened.enter_context(bar)
            above = self._opened.enter_context(_AboveBar(sys.stdout, tqdm.write))
            self._opened.enter_context(redirect_stdout(above))
        return self

    def __exit__(self, kind, *failure):
        if self._bar is not None and kind is None:
            self._bar.total = self._bar.n  # There may have been fewer.
        self._bar = None
        self._opened.close()

    def __call__(self, text, n=1):
        """Some items are done."""
        self.n_done += n
        if self._bar is not None:
            self._bar.total = self.n_items
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(n)
        elif self.verbose:
            print(f"[{self.what}] {text}: {self._count()}", flush=True)

    def _count(self):
        items = f"{self.n_items:,} {self.unit}".rstrip()
        if self.at_most:
            count = f"{self.n_done:,} of at most {items}"
        else:
            count = f"{self.n_done:,} of {items}, {self.n_items - self.n_done:,} left"
        return f"{count}, {time() - self.started:.1f} s"


def is_watched(stdout):
    """Whether a standard output shows bars and colours."""
    is_terminal = getattr(stdout, "isatty", lambda: False)()  # Some have no such method.
    # A notebook's output says that it is no terminal, but shows them as well.
    return is_terminal or type(stdout).__module__.startswith("ipykernel.")


def _tqdm_for(stdout):
    """The class of bars, or None where lines are better."""
    if not is_watched(stdout):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


class _AboveBar:
    """A standard output whose whole lines are written above a bar.

    It is no terminal: a fit inside another prints lines, since notebooks show one bar alone.
    """

    def __init__(self, stdout, write_above):
        self._stdout, self._write_above, self._begun = stdout, write_above, ""

    def __getattr__(self, name):
        return getattr(self._stdout, name)

    def isatty(self):
        return False

    def write(self, text):
        lines, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._write_above(lines, file=self._stdout)
        return len(text)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        if self._begun:
            self.write("\n")


def in_parallel(calls, texts, n_jobs, progress):
    """The results of calls that do not depend on each other, each told to `progress`.

    Parameters
    ----------
    calls : iterable of delayed calls
    texts : iterable of str
        What each of them does.
    n_jobs : int or None
    progress : Progress

    Returns
    -------
    results : list
    """
    if not progress.verbose:
        return Parallel(n_jobs=n_jobs)(calls)
    try:
        parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # A backend that returns all results at once.
        parallel = Parallel(n_jobs=n_jobs)
    results = []
    for text, result in zip(texts, parallel(calls), strict=True):
        progress(text)
        results.append(result)
    return results
