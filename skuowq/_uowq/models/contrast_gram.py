"""The Gram matrix of the sources' contrasts, in factors where there are very many of them."""

from skuowq.fisher import penalised_gram
from skuowq.fisher.checked import penalised_factor
from skuowq.weights.checked import ContrastGram

# Of fewer sources the matrix is as fast, and takes no memory to speak of.
_MANY = 100


def contrast_gram(H, ridge, contrasts):
    """``S`` and ``d``; arguments as in :func:`skuowq.fisher.penalised_gram`."""
    if contrasts.shape[1] <= _MANY:
        return penalised_gram(H, ridge, contrasts)
    factor, d = penalised_factor(H, ridge, contrasts)
    return ContrastGram(factor), d
