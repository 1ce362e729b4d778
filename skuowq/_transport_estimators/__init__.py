"""Estimators that rest on optimal transport between classes."""
