"""Models of the domains, on which sources are compared with the target."""
