"""Transfer problems: simulated tasks with known parameters, and domains made of real images."""

from ._classification_tasks import make_classification_tasks
from ._digit_domains import load_digit_domains
from ._gaussian_tasks import make_gaussian_tasks
from ._perturb import perturb_source, perturbed_splits

__all__ = [
    "load_digit_domains",
    "make_classification_tasks",
    "make_gaussian_tasks",
    "perturb_source",
    "perturbed_splits",
]
