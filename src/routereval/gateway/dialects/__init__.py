"""The APIs that clients speak, and what goes between them and chat completions."""
