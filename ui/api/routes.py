"""The HTTP routes that carry pixels, points and decisions past Streamlit's reruns.

Everything is named by an inspection key (hex), a token (hex) or a row (integer); no path of a file is ever taken or
given. GET reads only. POST writes decisions (or sends what is too long for an address), and asks for JSON, the same
origin and the write token.
"""

from __future__ import annotations

import functools
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core.errors import UnreadableImage, UserError
from core.reviews import DecisionFeed, Feeds, Reviews
from core.types import Dataset, Inspection
from ui.api.finding_pictures import asked_png
from ui.api.inspector_facts import inspector_item
from ui.api.inspector_routes import view_response
from ui.api.points import packed_points
from ui.api.queue_items import queue_item
from ui.api.request_checks import (
    Refusal,
    hex_name,
    json_body,
    posted_decision,
    posted_polygon,
    posted_rows,
    row_number,
    sender,
    text,
    token_rows,
    whole_number,
)
from ui.api.sprites import CELLS, IMAGE_SIDE, MOST_IMAGES, crop_png, image_png, picture_type, sprite_png, thumb_png
from ui.api.tiles import selected_rows, selection, tile_page
from ui.app.guard import place_of

MOST_ITEMS = 48
MOST_NOTE = 2000
MOST_GROUP = 64
# name, least and most of each number of a crop
CROP = (("x", 0, 10**6), ("y", 0, 10**6), ("w", 1, IMAGE_SIDE), ("h", 1, IMAGE_SIDE))
_FOREVER = "private, max-age=31536000, immutable"
_NEVER = "no-store"


class Services(Protocol):
    """What the routes need from the app. `write_token` proves that a page of this app sends the decision."""

    write_token: str

    def inspection(self, key: str) -> Inspection | None:
        """The shared, read-only inspection of this key, or None."""

    def reviews(self) -> Reviews:
        """The decision log."""

    def lineage(self, key: str) -> Sequence[str]:
        """Digests of the data sets whose decisions count for this inspection."""


Handler = Callable[[Request], Awaitable[Response]]


def make_routes(services: Services) -> list[Route]:
    """All routes, under /api/; to be handed to `st.App(routes=…)`."""
    door = _Door(services, Feeds())
    return [
        Route("/api/points/{key}/{version}.bin", _Endpoint("GET", door.points)),
        Route("/api/thumb/{key}/{row}.png", _Endpoint("GET", functools.partial(door.picture, thumb_png))),
        Route("/api/image/{key}/{row}.png", _Endpoint("GET", functools.partial(door.picture, image_png))),
        Route("/api/crop/{key}/{row}.png", _Endpoint("GET", door.crop)),
        Route("/api/view/{key}/{row}/{name}.png", _Endpoint("GET", door.view)),
        Route("/api/inspect/{key}/{row}", _Endpoint("GET", door.inspect)),
        Route("/api/sprite/{token}/{cell}.png", _Endpoint("GET", door.sprite)),
        Route("/api/finding/{key}/{trigger}/{name}.png", _Endpoint("GET", door.finding)),
        Route("/api/queue/{key}/{token}", _Endpoint("GET", door.queue)),
        Route("/api/tiles/{key}/{token}", _Endpoint("GET", door.tiles)),
        Route("/api/select", _Endpoint("POST", door.select)),
        Route("/api/decisions/{key}", _Endpoint("GET", door.decisions)),
        Route("/api/decide", _Endpoint("POST", door.decide)),
        Route("/api/undo", _Endpoint("POST", door.undo)),
        Route("/api/{rest:path}", _Endpoint("GET", _unknown)),
        # Streamlit serves the first page at "/" alone, and calls its name "not found"
        Route("/overview", _to_the_front),
    ]


async def _unknown(request: Request) -> Response:
    raise Refusal(404, "there is no such route")


async def _to_the_front(request: Request) -> Response:
    return RedirectResponse("/" + (f"?{request.url.query}" if request.url.query else ""), 307)


@dataclass(frozen=True)
class _Endpoint:
    """One handler as an ASGI app, so that refusals and other methods get the same plain answer."""

    method: str
    handler: Handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            if request.method != self.method and (self.method, request.method) != ("GET", "HEAD"):
                raise Refusal(405, f"{request.method} is not allowed here; use {self.method}")
            response = await self.handler(request)
        except Refusal as refusal:
            response = Response(refusal.line, refusal.status, media_type="text/plain")
            response.headers["Cache-Control"] = _NEVER
        response.headers["X-Content-Type-Options"] = "nosniff"
        await response(scope, receive, send)


@dataclass(frozen=True)
class _Door:
    services: Services
    feeds: Feeds

    async def points(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        version = hex_name(request.path_params["version"], "version")
        if inspection.xy is None:
            raise Refusal(404, "this data set has no map yet; run the scan to its end")
        packed = await run_in_threadpool(packed_points, inspection)
        # an old version still gets the points, but must not be kept under that name
        headers = {"Cache-Control": _FOREVER if version == packed.version else _NEVER, "Vary": "Accept-Encoding"}
        body = packed.body
        if packed.zipped and "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = packed.zipped, "gzip"
        return Response(body, headers=headers, media_type="application/octet-stream")

    async def picture(self, draw: Callable[..., bytes], request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        row = row_number(request.path_params["row"], len(inspection.dataset))
        try:
            body = await run_in_threadpool(draw, inspection.dataset, row)
        except UnreadableImage as error:
            raise Refusal(404, f"this image cannot be read: {error.reason}") from error
        # the id rides along, because the points carry none and the map's tooltip shows it
        name = quote(inspection.dataset.ids[row], safe="/", errors="surrogatepass")
        return Response(body, headers={"Cache-Control": _FOREVER, "X-Taster-Id": name}, media_type="image/png")

    async def crop(self, request: Request) -> Response:
        """A part of an image, ?x=…&y=…&w=…&h=…, pixel for pixel."""
        asked = [whole_number(request.query_params.get(name, ""), name, least, most) for name, least, most in CROP]

        def draw(dataset: Dataset, row: int) -> bytes:
            try:
                return crop_png(dataset, row, *asked)
            except ValueError as error:
                raise Refusal(404, f"there is nothing of the image at this place; {error}") from error

        return await self.picture(draw, request)

    async def view(self, request: Request) -> Response:
        return await view_response(self._inspection(request.path_params["key"]), request)

    async def inspect(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        row = row_number(request.path_params["row"], len(inspection.dataset))

        def item() -> dict[str, Any]:
            feed = self._feed(inspection)
            feed.refresh()
            return inspector_item(inspection, row, feed.state(row))

        return _json(await _from_log(item))

    async def sprite(self, request: Request) -> Response:
        key, rows = token_rows(request.path_params["token"])
        inspection = self._inspection(key)
        cell = whole_number(request.path_params["cell"], "cell", 1, 4096)
        if cell not in CELLS:
            raise Refusal(400, f"cell {cell} is not known; choose one of: {', '.join(map(str, CELLS))}")
        rows = rows[: whole_number(request.query_params.get("n", str(len(rows))), "n", 1, MOST_IMAGES)]
        token = request.path_params["token"]
        body, complete = await run_in_threadpool(sprite_png, inspection.dataset, token, rows, cell)
        return Response(body, headers={"Cache-Control": _FOREVER if complete else _NEVER}, media_type=picture_type(body))

    async def tiles(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        key, rows = token_rows(request.path_params["token"])
        if key != inspection.key:
            raise Refusal(400, "this list of images belongs to another data set; reload the page")
        start = whole_number(request.query_params.get("from", "0"), "from", 0, 2**40)
        count = whole_number(request.query_params.get("count", "200"), "count", 1, MOST_IMAGES)
        return _json({"total": len(rows), **await run_in_threadpool(tile_page, inspection, rows, start, count)})

    async def select(self, request: Request) -> Response:
        """The images inside a polygon on the map, and the first page of their gallery; writes nothing."""
        body = await self._posted(request)
        inspection = self._inspection(body.get("key"))
        polygon = posted_polygon(body)
        count = whole_number(str(body.get("count", "")), "count", 1, MOST_IMAGES)

        def gather() -> dict[str, Any]:
            rows = selected_rows(inspection, polygon)
            return {**selection(inspection, rows), **tile_page(inspection, rows, 0, count)}

        return _json(await run_in_threadpool(gather))

    async def finding(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        asked = request.path_params["trigger"], request.path_params["name"]
        body, factor = await run_in_threadpool(asked_png, inspection, *asked)
        # by how much the picture is amplified rides along: it may only be known once the images have been read
        headers = {"Cache-Control": _NEVER, "X-Taster-Amplified": f"{factor:g}"}
        return Response(body, headers=headers, media_type="image/png")

    async def queue(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        key, rows = token_rows(request.path_params["token"])
        if key != inspection.key:
            raise Refusal(400, "this queue belongs to another data set; reload the page")
        start = whole_number(request.query_params.get("from", "0"), "from", 0, 2**40)
        count = whole_number(request.query_params.get("count", "12"), "count", 1, MOST_ITEMS)

        def items() -> dict[str, Any]:
            feed = self._feed(inspection)
            head = feed.refresh()
            wanted = rows[start : start + count].tolist()
            shown = [queue_item(inspection, row, feed.state(row)) for row in wanted]
            answer = {"from": start, "total": len(rows), "head": head, "items": shown}
            # all rows, asked for once, so that the page can count what is decided
            return {**answer, "rows": rows.tolist()} if request.query_params.get("rows") == "1" else answer

        return _json(await _from_log(items))

    async def decisions(self, request: Request) -> Response:
        inspection = self._inspection(request.path_params["key"])
        after = whole_number(request.query_params.get("after", "0"), "after", 0, 2**60)
        return _json(await _from_log(lambda: self._feed(inspection).changes(after)))

    async def decide(self, request: Request) -> Response:
        body = await self._posted(request)
        inspection = self._inspection(body.get("key"))
        rows = posted_rows(body, inspection)
        wanted = posted_decision(body, rows, inspection)
        note, group = text(body, "note", MOST_NOTE, needed=False), text(body, "group", MOST_GROUP, needed=False)
        ids = [inspection.dataset.ids[row] for row in rows]
        who = sender(body)

        def write() -> dict[str, Any]:
            lines = self.services.reviews().decide(
                inspection.dataset.digest, ids, wanted.action, label=wanted.label, labels=wanted.labels, note=note, group=group, score_version=inspection.key,
                undecided_in=tuple(self.services.lineage(inspection.key)) if body.get("undecided") is True else (), **who,
            )  # fmt: skip
            if not lines:
                raise Refusal(409, "somebody has decided each of these images by now; nothing was changed")
            written, asked = {line.image_id: (line.action, line.label) for line in lines}, wanted.of(ids)
            # a number that was used for another decision: this one was NOT written, and the page must not believe so
            if not written.items() <= asked.items() or (len(written) < len(asked) and body.get("undecided") is not True):
                raise Refusal(409, "this session has used that number for another decision; reload the page")
            return {**self._feed(inspection).of_lines(lines), "saved": len(lines), "event": lines[0].event}

        return _json(await _from_log(write))

    async def undo(self, request: Request) -> Response:
        body = await self._posted(request)
        inspection = self._inspection(body.get("key"))
        who = sender(body)
        event = text(body, "event", 64, needed=False) or None

        def write() -> dict[str, Any]:
            lines = self.services.reviews().undo(tuple(self.services.lineage(inspection.key)), event=event, **who)
            if any(line.action != "undo" for line in lines):
                raise Refusal(409, "this session has used that number for a decision; reload the page")
            return {**self._feed(inspection).of_lines(lines), "saved": len(lines)}

        return _json(await _from_log(write))

    # ---- what several of them need

    def _inspection(self, key: Any) -> Inspection:
        inspection = self.services.inspection(hex_name(key, "key"))
        if inspection is None:
            raise Refusal(404, "this data set is not open; reload the page")
        return inspection

    def _feed(self, inspection: Inspection) -> DecisionFeed:
        return self.feeds.of(inspection, self.services.lineage(inspection.key), self.services.reviews())

    async def _posted(self, request: Request) -> dict[str, Any]:
        origin = request.headers.get("origin")
        if origin is not None and place_of(origin) != request.headers.get("host"):
            raise Refusal(403, "decisions are taken from this app's own pages only")
        token = request.headers.get("x-taster-token", "")
        if not hmac.compare_digest(token.encode(), self.services.write_token.encode()):
            raise Refusal(403, "this page is no longer allowed to save; reload it")
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            raise Refusal(400, "decisions are sent as application/json")
        return await json_body(request)


# ---- answers


async def _from_log(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Run `work` in a thread; what the log itself refuses (locked, disk full) is worth another try, hence 503."""
    try:
        return await run_in_threadpool(work)
    except UserError as error:
        raise Refusal(503, str(error)) from error


def _json(value: dict[str, Any]) -> Response:
    # ASCII, because ids made of odd file names may hold lone surrogates, which UTF-8 refuses
    body = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Response(body, headers={"Cache-Control": _NEVER}, media_type="application/json")
