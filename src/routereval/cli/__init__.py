"""The command line: one module a command, each a few lines of glue."""
