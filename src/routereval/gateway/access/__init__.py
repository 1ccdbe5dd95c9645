"""API keys: authentication, rate limits and budgets, and the stores that hold them."""
