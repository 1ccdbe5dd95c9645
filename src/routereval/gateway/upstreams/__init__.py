"""The services behind the gateway: which can take a request now, asking them, their errors."""
