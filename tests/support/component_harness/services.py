"""What the routes ask for, over made-up inspections and a real decision log in a temporary folder."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.reviews.log import Reviews
from core.types import Inspection
from tests.support.component_harness.fake import make_inspection


class HarnessServices:
    """One log; inspections are made by their size when first asked for."""

    write_token = "harness-token"

    def __init__(self, folder: Path) -> None:
        self._log = Reviews(folder / "reviews.sqlite")
        self._by_key: dict[str, Inspection] = {}

    @functools.cache  # noqa: B019 - lives as long as the process
    def inspection_of(self, n: int) -> Inspection:
        made = make_inspection(n)
        self._by_key[made.key] = made
        return made

    def inspection(self, key: str) -> Inspection | None:
        return self._by_key.get(key)

    def reviews(self) -> Reviews:
        return self._log

    def lineage(self, key: str) -> Sequence[str]:
        return (self._by_key[key].dataset.digest,)


SERVICES = HarnessServices(Path(os.environ.get("TASTER_HARNESS_FOLDER") or tempfile.mkdtemp(prefix="taster-harness-")))
