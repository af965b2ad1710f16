"""A picture written as another PNG was: its level of compression, its chunks' sizes and its notes.

Not matched, because Pillow cannot write it: interlacing, 16 bits a colour (become 8), an optimiser's filters. The colours
that a palette calls transparent are opaque, and the other frames of an animation are left out.
"""

from __future__ import annotations

import zlib
from io import BytesIO

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# of the four kinds of level that zlib's header tells apart
LEVELS = (1, 5, 6, 9)
ANIMATION = {b"acTL", b"fcTL", b"fdAT"}
# these speak of the palette's colours by their number
OF_PALETTE = {b"tRNS", b"bKGD", b"hIST", b"sPLT"}
Chunks = list[tuple[bytes, bytes]]


def png_like(picture: Image.Image, data: bytes) -> bytes:
    """`picture`, in the mode and the orientation in which it is stored, as a PNG like `data`."""
    theirs, buffer = _parsed(data), BytesIO()
    first = next(content for kind, content in theirs if kind == b"IDAT")
    picture.save(buffer, format="PNG", compress_level=LEVELS[first[1] >> 6])
    return _with_notes_of(theirs, _parsed(buffer.getvalue()), picture.mode)


def _parsed(data: bytes) -> Chunks:
    """(kind, content) of each chunk, IEND included."""
    at = len(SIGNATURE)
    found: Chunks = []
    while not found or found[-1][0] != b"IEND":
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if len(kind) < 4:
            raise ValueError("the file ends without IEND")
        found.append((kind, data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def _with_notes_of(theirs: Chunks, ours: Chunks, mode: str) -> bytes:
    """Our header, palette and pixels, cut as theirs are, among all other chunks of theirs."""
    pixels = b"".join(content for kind, content in ours if kind == b"IDAT")
    cuts = [len(content) for kind, content in theirs if kind == b"IDAT"]
    step = cuts[0] if len(cuts) > 1 else len(pixels)
    new = {kind: [content] for kind, content in ours if kind in (b"IHDR", b"PLTE")}
    new[b"IDAT"] = [pixels[at : at + step] for at in range(0, len(pixels), step)]
    left_out = ANIMATION | (OF_PALETTE if mode == "P" else {b"hIST"})
    chunks = []
    for kind, content in theirs:
        if kind in (b"IHDR", b"PLTE", b"IDAT"):
            chunks += [(kind, part) for part in new.pop(kind, [])]
        elif kind not in left_out:
            chunks.append((kind, content))
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
