"""Widgets of pages: components with scripts of their own, and what is built from them."""
