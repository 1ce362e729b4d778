"""Model families for simulations, one in each file."""

from ._bernoulli import Bernoulli
from ._categorical import Categorical
from ._exponential import Exponential
from ._family import Family
from ._gaussian import Gaussian
from ._gaussian_mean import GaussianMean
from ._linear_regression import LinearRegression
from ._poisson import Poisson
from ._softmax_regression import SoftmaxRegression

__all__ = [
    "Bernoulli",
    "Categorical",
    "Exponential",
    "Family",
    "Gaussian",
    "GaussianMean",
    "LinearRegression",
    "Poisson",
    "SoftmaxRegression",
]
