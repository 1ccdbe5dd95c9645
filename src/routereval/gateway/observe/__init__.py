"""What is recorded of each request: the decision log and the metrics."""
