"""The Gram matrix of the sources' contrasts, in factors where there are very many of them."""

from skuowq.fisher import penalised_gram
from skuowq.fisher.checked import penalised_factor
from skuowq.weights.checked import MANY_SOURCES, ContrastGram


def contrast_gram(H, ridge, contrasts):
    """``S`` and ``d``; arguments as in :func:`skuowq.fisher.penalised_gram`."""
    if contrasts.shape[1] <= MANY_SOURCES:
        return penalised_gram(H, ridge, contrasts)
    factor, d = penalised_factor(H, ridge, contrasts)
    return ContrastGram(factor), d
