"""A weight for every source row: the gated estimator."""
