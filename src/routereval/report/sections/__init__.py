"""The parts of a report's page: each a function from the report to HTML."""
