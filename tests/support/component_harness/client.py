"""Fixtures of the route tests: the routes over a made-up inspection, without a browser. Loaded by `pytest_plugins`."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.support.component_harness.answers import HEADERS, N
from tests.support.component_harness.services import HarnessServices
from ui.api.routes import make_routes


@pytest.fixture
def services(tmp_path: Path) -> HarnessServices:
    return HarnessServices(tmp_path)


@pytest.fixture
def inspection(services):
    return services.inspection_of(N)


@pytest.fixture
def client(services, inspection):
    # what goes wrong unforeseen must fail the test, not turn into a status
    return TestClient(Starlette(routes=make_routes(services)), base_url="http://localhost:8501")


@pytest.fixture
def decide(client, inspection):
    seqs = iter(range(1000))

    def send(path="/api/decide", headers=(), **body):
        sent = {"key": inspection.key, "reviewer": "Ada", "session": "s", "seq": next(seqs), **body}
        return client.post(path, json=sent, headers={**HEADERS, **dict(headers)})

    return send
