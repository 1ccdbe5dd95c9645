"""The version of this package, where every station can read it."""

__version__ = "0.1.0"
