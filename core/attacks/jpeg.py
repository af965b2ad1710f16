"""A picture written as another JPEG was: its tables, subsampling, kind of scan, restart interval and notes.

Not matched, because libjpeg cannot write it: arithmetic coding, YCCK (becomes CMYK), subsampling other than 4:4:4, 4:2:2
and 4:2:0 (becomes the one of these that halves as often), an encoder's own trellis or scan script. Further pictures of
the same file (MPO) are left out, and a thumbnail among the notes shows the picture as it was.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image
from PIL.JpegImagePlugin import get_sampling

if TYPE_CHECKING:
    from PIL.JpegImagePlugin import JpegImageFile

DQT, DHT, DRI, SOS, APP2, APP14, COM = 0xDB, 0xC4, 0xDD, 0xDA, 0xE2, 0xEE, 0xFE
FRAMES = {0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF}
HALVED = {1: "4:4:4", 2: "4:2:2", 4: "4:2:0"}
Segments = list[tuple[int, bytes]]


def jpeg_like(picture: Image.Image, original: JpegImageFile, data: bytes) -> bytes:
    """`picture`, in the mode and the orientation in which it is stored, as a JPEG like `data`, which `original` has opened."""
    theirs, _ = _parsed(data)
    options = _options(original, theirs)
    written = _written(picture, options)
    if not options["progressive"] and not _tables(_parsed(written)[0], DHT).items() <= _tables(theirs, DHT).items():
        written = _written(picture, {**options, "optimize": True})
    return _with_head_of(theirs, written, n_channels=len(picture.getbands()))


def _written(picture: Image.Image, options: dict[str, object]) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, format="JPEG", **options)
    return buffer.getvalue()


def _options(original: JpegImageFile, theirs: Segments) -> dict[str, object]:
    sampling: int | str = get_sampling(original)
    if sampling == -1 and original.layers == 3:
        sampling = HALVED.get(original.layer[0][1] * original.layer[0][2], "4:2:0")
    info = original.info
    return {
        "qtables": original.quantization,
        "subsampling": sampling,
        "progressive": bool(info.get("progressive")),
        "restart_marker_blocks": next((int.from_bytes(s[4:6], "big") for marker, s in theirs if marker == DRI), 0),
        # libjpeg's own rule for three components that are no YCbCr
        "keep_rgb": original.layers == 3
        and "jfif" not in info
        and (info.get("adobe_transform") == 0 or [layer[0] for layer in original.layer] == [*b"RGB"]),
    }


def _parsed(data: bytes) -> tuple[Segments, bytes]:
    """(marker, whole segment) of all segments before the first scan, and the bytes from that scan on."""
    at, found = 2, []
    while data[at + 1] != SOS:
        if data[at + 1] == 0xFF:  # a fill byte
            at += 1
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        found.append((data[at + 1], data[at:end]))
        at = end
    return found, data[at:]


def _tables(segments: Segments, kind: int) -> dict[int, bytes]:
    """The tables of that kind by their class and number, however they are spread over segments."""
    found = {}
    for marker, segment in segments:
        at = 4 if marker == kind else len(segment)
        while at < len(segment):
            length = 64 * (1 + (segment[at] >> 4)) if kind == DQT else 16 + sum(segment[at + 1 : at + 17])
            found[segment[at]] = segment[at + 1 : at + 1 + length]
            at += 1 + length
    return found


def _with_head_of(theirs: Segments, written: bytes, n_channels: int) -> bytes:
    """`written` with the other file's notes, and with its tables in its order where they are the same."""
    ours, scans = _parsed(written)
    group = {marker: "frame" if marker in FRAMES else str(marker) for marker in (DQT, DHT, DRI, *FRAMES)}
    kept = {str(kind) for kind in (DQT, DHT) if _tables(ours, kind).items() <= _tables(theirs, kind).items()}
    if n_channels == 4:  # which colours four channels are is told by the segment that libjpeg wrote
        group[APP14] = "colours"
    new: dict[str, bytes] = {}
    for marker, segment in ours:
        if marker in group:
            new[group[marker]] = new.get(group[marker], b"") + segment
    head = []
    for marker, segment in theirs:
        if marker in group and group[marker] not in kept:
            head.append(new.pop(group[marker], b""))
        elif marker in group or 0xE0 <= marker <= 0xEF or marker == COM:
            is_index_of_pictures = marker == APP2 and segment[4:8] == b"MPF\0"
            head.append(b"" if is_index_of_pictures else segment)
    missing = [segments for name, segments in new.items() if name not in kept]
    return b"".join([b"\xff\xd8", *head, *missing, scans])
