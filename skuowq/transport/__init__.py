"""Distances between classes and between data sets, by optimal transport.

They serve to compare sources with a target before a fit: see :func:`rank_sources` and
:func:`select_target_rows`. The transport problems are solved by POT, which comes with
``pip install "skuowq[transport]"``.
"""

from ._class_distances import class_distances
from ._dataset_distance import dataset_distance, pairwise_dataset_distances
from ._rank_sources import SourceRanking, rank_sources
from ._select_rows import select_target_rows

__all__ = [
    "SourceRanking",
    "class_distances",
    "dataset_distance",
    "pairwise_dataset_distances",
    "rank_sources",
    "select_target_rows",
]
