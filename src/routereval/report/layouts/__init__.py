"""How each value that people hold is laid out as a document; one module a command."""
