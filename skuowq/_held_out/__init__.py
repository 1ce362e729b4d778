"""What rows of the target that were held out decide."""
