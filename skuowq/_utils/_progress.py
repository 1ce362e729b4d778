"""Progress of what takes long, as lines on the standard output."""

from time import perf_counter

from sklearn.utils.parallel import Parallel


class Progress:
    """Prints a line for each item that is done: what it was, how many are left, and the time.

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
        self.n_done, self.started = 0, perf_counter()

    def __call__(self, text, n=1):
        """Some items are done."""
        self.n_done += n
        if not self.verbose:
            return
        items = f"{self.n_items:,} {self.unit}".rstrip()
        if self.at_most:
            count = f"{self.n_done:,} of at most {items}"
        else:
            count = f"{self.n_done:,} of {items}, {self.n_items - self.n_done:,} left"
        seconds = perf_counter() - self.started
        print(f"[{self.what}] {text}: {count}, {seconds:.1f} s", flush=True)


def in_parallel(calls, texts, n_jobs, progress):
    """The results of calls that do not depend on each other, with a line for each.

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
