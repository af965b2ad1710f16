"""The inspector's pictures over HTTP: a view of a row, named from a fixed list."""

from __future__ import annotations

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from core.errors import UnreadableImage
from core.scans import NotShown
from core.types import Inspection
from ui.api.inspector_views import VERSION, view_png
from ui.api.request_checks import Refusal, row_number


async def view_response(inspection: Inspection, request: Request) -> Response:
    """The view that the address names, as PNG; what was done to the image is said in X-Taster-Said, percent-encoded.

    Kept for ever under this version's address (?v=…). Raises Refusal where there is no such row or view, or why not.
    """
    row = row_number(request.path_params["row"], len(inspection.dataset))
    try:
        body, shown = await run_in_threadpool(view_png, inspection, row, request.path_params["name"])
    except KeyError as error:
        raise Refusal(404, "there is no such view of an image") from error
    except NotShown as missing:
        raise Refusal(404, missing.line) from missing
    except UnreadableImage as error:
        raise Refusal(404, f"this image cannot be read: {error.reason}") from error
    # what an older version drew must not be kept under the newer one's name
    kept = request.query_params.get("v") == str(VERSION)
    # where to look, as shares of the image's sides
    place = {} if shown.place is None else {"X-Taster-Place": ",".join(f"{share:.5f}" for share in shown.place)}
    cache = "private, max-age=31536000, immutable" if kept else "no-store"
    return Response(body, headers={"Cache-Control": cache, "X-Taster-Said": quote(shown.said), **place}, media_type="image/png")
