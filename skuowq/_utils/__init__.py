"""Ground floor: sources, argument checks, and the one door to scikit-learn's private names."""
