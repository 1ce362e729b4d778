"""Sources and target as every estimator sees them."""
