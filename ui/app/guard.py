"""Who is let in: requests and WebSockets from this app's own pages, addressed to this machine, by browsers that know the key.

Other users of the machine reach the port, and so do other sites that are open in the analyst's browser: neither may look or decide.
The key comes with the address that the program prints, moves into a cookie, and leaves the address again.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# tells whether the server lives, and nothing else
OPEN_PATHS = frozenset({"/_stcore/health"})
SAFE = {
    "Content-Security-Policy": "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
LOCKED = """<!doctype html><meta charset="utf-8"><title>Taster</title>
<body style="font: 18px system-ui; max-width: 34em; margin: 4em auto; padding: 0 1em">
<h1>Taster needs its key</h1>
<p>Open the address that Taster printed when it was started. It ends in <code>?key=…</code>; this browser then remembers it.</p>
<p>Whoever started it can choose the key with <code>--key</code>, or let in every user of this machine with <code>--no-key</code>.</p>
"""


class Guard:
    """ASGI middleware. key: what browsers must know, "" for none. hosts: names under which the app may be addressed."""

    def __init__(self, app: ASGIApp, key: str, hosts: frozenset[str] = HOSTS) -> None:
        self.app, self.key, self.hosts = app, key, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)

        async def safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SAFE)
            await send(message)

        refused = self._refused(scope)
        if refused is None:
            return await self.app(scope, receive, safely)
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        await refused(scope, receive, safely)

    def _refused(self, scope: Scope) -> Response | None:
        """What is answered instead, None where the request is let in."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return PlainTextResponse("this address is not Taster's; use 127.0.0.1 or localhost", 400)
        origin = headers.get("origin")
        # a page of another site, or of another port, may neither decide nor listen; a browser says truly where a page is from
        if origin is not None and place_of(origin) != host and (scope["type"] == "websocket" or scope["method"] not in ("GET", "HEAD")):
            return PlainTextResponse("decisions are taken from this app's own pages only", 403)
        return self._locked(scope, host, headers) if self.key and scope["path"] not in OPEN_PATHS else None

    def _locked(self, scope: Scope, host: str, headers: Headers) -> Response | None:
        cookie = f"taster-key-{_port(host)}"
        if self._fits(_cookie(headers.get("cookie", ""), cookie)):
            return None
        query = parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)
        if scope["type"] == "http" and scope["method"] == "GET" and any(name == "key" and self._fits(value) for name, value in query):
            rest = urlencode([(name, value) for name, value in query if name != "key"])
            # one slash: //elsewhere would lead to another machine
            answer: Response = RedirectResponse("/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else ""), 303)
            answer.set_cookie(cookie, self.key, httponly=True, samesite="lax", path="/")
            return answer
        if scope["path"].startswith("/api/"):
            return PlainTextResponse("Taster needs its key; open the address that it printed", 403)
        return HTMLResponse(LOCKED, 403)

    def _fits(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.key.encode())


def _name(host: str) -> str:
    """The name in a Host header: without its port, and an IPv6 address without its brackets."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0].lower()


def _port(host: str) -> str:
    port = host.rpartition(":")[2]
    return port if port.isdigit() else "80"


def place_of(origin: str) -> str:
    """Host and port of an origin; "" for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _cookie(header: str, name: str) -> str:
    """The value of the cookie `name`; "" where there is none."""
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""
