"""Taster's analysis: everything below this package works without a screen."""

__version__ = "0.1.0"
