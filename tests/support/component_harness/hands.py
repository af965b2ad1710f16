"""What the browser tests do again and again: open a widget, wait until all is saved, read the log."""

from __future__ import annotations

import shutil

import pytest

from core.reviews.log import Reviews
from tests.support.component_harness.fake import make_inspection

CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
READY = '[data-taster-ready="1"]'
MARKS = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium, chromium-browser or google-chrome on the path"),
]


def show(page, served, query: str) -> None:
    page.goto(f"{served[0]}/?{query}")
    page.wait_for_selector(READY, timeout=30_000)


def log_of(served, n: int):
    reviews = Reviews(served[1])
    try:
        return reviews.log(make_inspection(n).dataset.digest)
    finally:
        reviews.close()


def wait_saved(page) -> None:
    """Until nothing is on its way any more."""
    page.wait_for_function(
        """() => [...document.querySelectorAll('*')].some((e) =>
             /saved ✓ #/.test(e.shadowRoot?.querySelector('.saved')?.textContent || ''))"""
    )
