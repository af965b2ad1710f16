"""Who is let in, and what other sites, other users and hostile requests get: one status and one plain line."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.support.app_server import ROOT
from tests.support.component_harness.browser import free_port
from tests.support.component_harness.services import HarnessServices
from ui.api.routes import make_routes
from ui.app.guard import Guard

KEY = "open-sesame"
AT = "http://127.0.0.1:8501"


async def page(request: object) -> PlainTextResponse:
    return PlainTextResponse("the page")


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def client(tmp_path: Path, key: str = "") -> TestClient:
    routes = [
        *make_routes(HarnessServices(tmp_path)),
        WebSocketRoute("/_stcore/stream", echo),
        Route("/{rest:path}", page, methods=["GET", "POST"]),
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Guard, key=key)]), base_url=AT, follow_redirects=False)


@pytest.mark.parametrize("path", ["/", "/gallery", "/api/nothing", "/api/thumb/abcdef12/0.png", "/static/x.js"])
def test_no_answer_can_be_framed(tmp_path: Path, path: str) -> None:
    answer = client(tmp_path).get(path)
    assert answer.headers["content-security-policy"] == "frame-ancestors 'none'" and answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/api/", "/api/nothing", "/api/thumb", "/api/decide/more", "/api/%2e%2e/etc/passwd"])
def test_an_unknown_route_is_not_found(tmp_path: Path, path: str) -> None:
    answer = client(tmp_path).get(path)
    assert answer.status_code == 404 and answer.headers["content-type"].startswith("text/plain") and "\n" not in answer.text


@pytest.mark.parametrize(
    "host", ["testserver", "taster.example", "127.0.0.1.evil.example", "localhost.evil:8501", "", "[", "evil@127.0.0.1"]
)
def test_another_host_is_refused(tmp_path: Path, host: str) -> None:
    assert client(tmp_path).get("/", headers={"host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8501", "127.0.0.1:8501", "127.0.0.1", "[::1]:8501", "LOCALHOST:8501"])
def test_this_machine_is_let_in(tmp_path: Path, host: str) -> None:
    assert client(tmp_path).get("/", headers={"host": host}).status_code == 200


OTHERS = ["http://localhost:3000", "http://evil.example", "null", "http://[", "http://127.0.0.1:8501.evil.example", "", "http://127.0.0.1"]


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_may_not_decide(tmp_path: Path, origin: str) -> None:
    answer = client(tmp_path).post("/api/decide", json={}, headers={"origin": origin})
    assert answer.status_code == 403 and "\n" not in answer.text


@pytest.mark.parametrize("origin", OTHERS)
def test_other_origins_get_no_websocket(tmp_path: Path, origin: str) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        client(tmp_path).websocket_connect("ws://127.0.0.1:8501/_stcore/stream", headers={"origin": origin, "host": "127.0.0.1:8501"}),
    ):
        pass


def test_the_apps_own_page_gets_its_websocket(tmp_path: Path) -> None:
    with client(tmp_path).websocket_connect(
        "ws://127.0.0.1:8501/_stcore/stream", headers={"origin": AT, "host": "127.0.0.1:8501"}
    ) as socket:
        assert socket.receive_text() == "hello"


# ---- the key


@pytest.mark.parametrize(
    "path", ["/", "/gallery?page=2", "/api/queue/abcdef12/abcdef12", "/static/x.js", "/?key=wrong", "/?key=", "/?key=%ff"]
)
def test_without_the_key_nothing_is_shown(tmp_path: Path, path: str) -> None:
    answer = client(tmp_path, KEY).get(path)
    assert answer.status_code == 403 and "key" in answer.text and "set-cookie" not in answer.headers and KEY not in answer.text


def test_without_the_key_there_is_no_websocket_and_no_decision(tmp_path: Path) -> None:
    locked = client(tmp_path, KEY)
    with (
        pytest.raises(WebSocketDisconnect),
        locked.websocket_connect("ws://127.0.0.1:8501/_stcore/stream", headers={"host": "127.0.0.1:8501"}),
    ):
        pass
    assert locked.post("/api/decide", json={}).status_code == 403
    assert locked.post(f"/api/decide?key={KEY}", json={}).status_code == 403


def test_the_key_moves_from_the_address_into_a_cookie(tmp_path: Path) -> None:
    browser = client(tmp_path, KEY)
    answer = browser.get(f"/gallery?dataset=abc&key={KEY}&sel=1%202")
    assert answer.status_code == 303 and answer.headers["location"] == "/gallery?dataset=abc&sel=1+2"
    said = answer.headers["set-cookie"].lower()
    assert "httponly" in said and "samesite=lax" in said and "taster-key-8501" in said
    assert browser.get("/gallery?dataset=abc").status_code == 200
    assert browser.get("/api/nothing").status_code == 404
    with browser.websocket_connect("ws://127.0.0.1:8501/_stcore/stream", headers={"host": "127.0.0.1:8501", "origin": AT}) as socket:
        assert socket.receive_text() == "hello"


@pytest.mark.parametrize("path", ["//evil.example/x", "/\\evil.example", "///evil.example"])
def test_the_way_to_the_page_leads_nowhere_else(tmp_path: Path, path: str) -> None:
    answer = client(tmp_path, KEY).get(f"{AT}{path}?key={KEY}")
    assert answer.status_code != 303 or re.match(r"/(?![/\\])", answer.headers["location"])


@pytest.mark.parametrize("cookie", ["taster-key-8501=wrong", "taster-key-8501=", "taster-key-8502=" + KEY, "=;;=", "\x7f", "a" * 5000])
def test_a_wrong_cookie_opens_nothing(tmp_path: Path, cookie: str) -> None:
    assert client(tmp_path, KEY).get("/", headers={"cookie": cookie}).status_code == 403


def test_health_tells_only_that_it_lives(tmp_path: Path) -> None:
    assert client(tmp_path, KEY).get("/_stcore/health").status_code == 200


def test_overview_is_an_address_of_its_own(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/overview?dataset=abc")
    assert answer.status_code == 307 and answer.headers["location"] == "/?dataset=abc"


# ---- the program


@pytest.mark.parametrize(("access", "wanted"), [((), r"\?key=[\w-]{20,}"), (("--key", "mine"), r"/\?key=mine "), (("--no-key",), r":\d+ ")])
def test_the_program_prints_its_address_as_one_line(tmp_path: Path, access: tuple[str, ...], wanted: str) -> None:
    port = free_port()
    command = [sys.executable, "app.py", str(tmp_path), "--workspace", str(tmp_path / "home"), "--port", str(port), *access]
    code = "import sys, uvicorn; uvicorn.run = lambda *a, **k: None; import runpy; sys.argv = sys.argv[1:]; runpy.run_path('app.py', run_name='__main__')"
    (tmp_path / "ant").mkdir()
    said = subprocess.run([sys.executable, "-c", code, *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=120)
    lines = said.stdout.splitlines()
    assert len(lines) == 1 and f"http://127.0.0.1:{port}" in lines[0] and re.search(wanted, lines[0]), said
