"""Source weights from asymptotic theory: the estimators and what they are made of."""
