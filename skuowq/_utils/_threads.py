"""One thread for linear algebra on small matrices, and on blocks of large ones.

On these a second thread costs more than it gives: the threads wait for one another, above all where
other programs use the processor too.
"""

from contextlib import nullcontext
from functools import cache

# Numbers in the rows of all domains. Where products of matrices take long, threads share the work.
_SMALL = 2**25


@cache
def _controller():
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def threads_for(n_entries):
    """A context in which BLAS has one thread where there are few numbers.

    Parameters
    ----------
    n_entries : int
        Rows times columns.
    """
    return nullcontext() if n_entries > _SMALL else one_thread()


def one_thread():
    """A context in which BLAS has one thread: for sums over blocks of rows, however many."""
    return _controller().limit(limits=1, user_api="blas")
