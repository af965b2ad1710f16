"""Taster's analysis: everything below this package works without a screen."""

__version__ = "0.3.0"
