"""Which model serves a request: the trained router, and experiments with it."""
