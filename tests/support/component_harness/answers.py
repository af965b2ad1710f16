"""What the route tests say again and again: the size of the set, the write token, what a refusal looks like."""

from __future__ import annotations

from tests.support.component_harness.services import HarnessServices

N = 60
HEADERS = {"X-Taster-Token": HarnessServices.write_token}


def refused(reply, status: int) -> str:
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/plain")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.text and "\n" not in reply.text and "Traceback" not in reply.text
    return reply.text
