"""Foreign formats, one file each; what they share is in long, rows, logs and unpickle."""
