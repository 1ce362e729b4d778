"""What becomes of the weights: a fit of the user's estimator."""
