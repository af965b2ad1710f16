"""The report: whole, escaped, without a network, and with the images as they are."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import UnreadableImage
from core.exports import report, report_charts
from core.exports.report import report_html
from core.reviews import ReviewState, review_state
from core.types import Dataset, Inspection, Skipped
from tests.support.component_harness.hands import MARKS
from tests.support.hostile_inspection import CLASSES, ROWS, SUSPICIOUS, inspection, line

pytest_plugins = ["tests.support.component_harness.browser"]


class Page(HTMLParser):
    """Every tag with its attributes, and the text outside of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.inside = "", ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.text += data


@pytest.fixture
def found() -> Inspection:
    return inspection(None)


@pytest.fixture
def state(found: Inspection) -> ReviewState:
    ids = found.dataset.ids
    lines = [
        line(1, ids[3], "exclude", note="<script>alert(2)</script>"),
        line(2, ids[10], "relabel", CLASSES[0]),
        line(3, ids[0], "keep", reviewer='"><svg onload=alert(3)>'),
    ]
    return review_state(found.dataset, lines)


@pytest.fixture
def page(found: Inspection, state: ReviewState) -> Page:
    return Page(report_html(found, state))


def test_names_are_text_and_never_tags(page: Page) -> None:
    ours = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "main",
        "section",
        "h1",
        "h2",
        "p",
        "ul",
        "li",
        "div",
        "table",
    }
    ours |= {"tr", "th", "td", "bdi", "b", "br", "small", "figure", "figcaption", "img", "script"}
    assert {tag for tag, _ in page.tags} == ours
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert [tag for tag, _ in page.tags].count("script") == 2
    for name in (*CLASSES, "<script>alert(2)</script>", '"><svg onload=alert(3)>', "bad<i>.png", "<b>set</b>", "t<0>"):
        assert name in page.text, name


HOSTILE = (
    "{{ 7 * 7 }}{% for x in y %}",
    "</td></table></main><script>alert(1)</script>",
    "'\" autofocus onfocus=alert(2) x='",
    "&lt;script&gt;alert(3)&lt;/script&gt;",
    "<!--",
    "]]></style><svg/onload=alert(4)>",
    "\u202egnp.exe\u2066",
)


def test_hostile_names_and_notes_are_shown_as_they_are(found: Inspection) -> None:
    names, ids = (*HOSTILE[: len(CLASSES)],), tuple(f"{HOSTILE[row % len(HOSTILE)]} {row}" for row in range(ROWS))
    data = replace(found.dataset, name=HOSTILE[1], ids=ids, classes=names, skipped=tuple(Skipped(n, n) for n in HOSTILE))
    hostile = replace(found, dataset=data, notes=HOSTILE, findings=tuple(replace(f, trigger_id=HOSTILE[0]) for f in found.findings))
    lines = [line(i + 1, ids[i], "relabel", name, note=name, reviewer=name) for i, name in enumerate(HOSTILE)]
    page = Page(report_html(hostile, review_state(data, lines)))
    assert [tag for tag, _ in page.tags].count("script") == 2 and not {"svg", "iframe", "a", "link"} & {tag for tag, _ in page.tags}
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith(("on", "auto"))]
    for name in HOSTILE:
        # as a class, a note, a reviewer, a skipped file and its reason
        assert page.text.count(name) >= 5, name
    assert {a["alt"] for tag, a in page.tags if tag == "img"} == {ids[row] for row in SUSPICIOUS}


def test_nothing_is_fetched(page: Page) -> None:
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a)
    assert policy and policy.startswith("default-src 'none';") and policy.count("'sha256-") == 2
    assert all((a.get("src") or "data:").startswith("data:") and "href" not in a for _, a in page.tags)


def test_it_tells_what_was_scanned_found_and_decided(page: Page, found: Inspection) -> None:
    text = " ".join(page.text.split())
    for fact in (found.dataset.digest, found.key, "gradients", "weights abc", np.__version__, "a <note>", "0.5000"):
        assert fact in text
    assert "4 images are suspicious, 2 of them undecided" in text
    assert "37 unchanged, 1 relabelled, 1 excluded, 1 unlabelled" in text
    assert "label noise1" in text and "clean36" in text and "patch2" in text
    assert "3 images are decided" in text and "truncated" in text and "Not scorable: 1." in text


def test_suspects_come_first_to_last_with_their_exact_pixels(page: Page, found: Inspection) -> None:
    pictures = [a for tag, a in page.tags if tag == "img"]
    order = sorted(SUSPICIOUS, key=lambda row: -found.suspicion[row])  # type: ignore[index]
    assert [a["alt"] for a in pictures] == [found.dataset.ids[row] for row in order]
    for attributes, row in zip(pictures, order, strict=True):
        assert (attributes["width"], attributes["height"]) == ("128", "128")  # 8 pixels, 16 times
        image = Image.open(BytesIO(base64.b64decode((attributes["src"] or "").split(",")[1])))
        assert np.array_equal(np.asarray(image), np.asarray(found.dataset.load(row)))
    assert "=cmd()" in page.text and "(75%)" in page.text


def _with_loader(found: Inspection, loader) -> Inspection:  # type: ignore[no-untyped-def]
    return replace(found, dataset=replace(found.dataset, loader=loader))


def test_large_images_are_reduced_by_a_stated_whole_factor(found: Inspection) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 1000, 3), dtype=np.uint8)
    large = _with_loader(found, lambda row: Image.fromarray(pixels))
    page = Page(report_html(large, review_state(found.dataset)))
    pictures = [a for tag, a in page.tags if tag == "img"]
    assert {(a["width"], a["height"]) for a in pictures} == {("250", "75")}
    assert page.text.count("1000×300, reduced to 1/4") == len(SUSPICIOUS)
    shown = np.asarray(Image.open(BytesIO(base64.b64decode((pictures[0]["src"] or "").split(",")[1]))), dtype=float)
    means = pixels.reshape(75, 4, 250, 4, 3).mean(axis=(1, 3))
    assert np.abs(shown - means).max() <= 1  # every pixel counts, as in no thinning out


def test_names_in_the_map_are_escaped(found: Inspection) -> None:
    ids = ("<b>0</b>", *found.dataset.ids[1:])
    figure = report_charts.map_of(replace(found, dataset=replace(found.dataset, ids=ids)))
    assert figure is not None
    texts = [text for trace in figure.data for text in trace.hovertext]
    assert "&lt;b&gt;0&lt;/b&gt;<br>&lt;img src=x onerror=alert(1)&gt;" in texts
    assert not [text for text in texts if "<" in text.replace("<br>", "", 1)]


def test_an_unreadable_suspect_is_named_not_fatal(found: Inspection) -> None:
    def loader(row: int) -> Image.Image:
        raise UnreadableImage("<gone>")

    assert Page(report_html(_with_loader(found, loader), review_state(found.dataset))).text.count("cannot be read: <gone>") == 4


def test_an_unfinished_inspection_says_what_is_missing(found: Inspection) -> None:
    page = Page(report_html(Inspection(found.dataset, found.recipe, "key"), review_state(found.dataset)))
    for words in ("Not scored yet", "No map was made", "No image lies at or above", "Nothing has been decided"):
        assert words in page.text
    assert "script" not in [tag for tag, _ in page.tags]


def test_long_lists_are_cut_and_say_so(found: Inspection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_charts, "MAP_POINTS", 10)
    monkeypatch.setattr(report, "DECISIONS", 5)
    monkeypatch.setattr(report, "SUSPECTS", 2)
    skipped = tuple(Skipped(f"{i}.png", "broken") for i in range(report.SKIPPED + 1))
    cut: Dataset = replace(found.dataset, skipped=skipped)
    state = review_state(cut, [line(seq, name, "keep") for seq, name in enumerate(found.dataset.ids[:9], 1)])
    page = Page(report_html(replace(found, dataset=cut), state))
    text = " ".join(page.text.split())
    assert "10 of 40 images are drawn" in text and "The newest 5 are listed" in text
    assert "2 of 4 suspicious images" in text and f"{report.SKIPPED} of {report.SKIPPED + 1} are listed" in text
    assert len([1 for tag, _ in page.tags if tag == "img"]) == 2 and page.text.count("broken") == report.SKIPPED
    rows = report_charts.map_rows(found)
    assert len(rows) == 10 and set(SUSPICIOUS) <= set(rows.tolist()) and (np.diff(rows) > 0).all()


def test_the_page_is_utf8_whatever_the_names(found: Inspection) -> None:
    data = replace(found.dataset, classes=("caf\udce9", *CLASSES[1:]))
    assert "caf\\udce9" in report_html(replace(found, dataset=data), review_state(found.dataset)).encode().decode()


@MARKS[0]
@MARKS[1]
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser(found: Inspection, state: ReviewState, tmp_path: Path, scheme: str, browser) -> None:
    file = tmp_path / "report.html"
    file.write_text(report_html(found, state), encoding="utf-8")
    context = browser.new_context(color_scheme=scheme)
    tab = context.new_page()
    said: list[str] = []
    fetched: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    tab.on("request", lambda request: fetched.append(request.url))
    tab.goto(file.as_uri())
    tab.wait_for_selector("#map .points path")
    assert tab.locator("#map .points path").count() == ROWS
    assert tab.locator("#histogram .bars .point").count() > 0
    assert said == [] and [url for url in fetched if not re.match(r"data:|blob:|file://.*report\.html$", url)] == []
    look = "e => [getComputedStyle(e).imageRendering, getComputedStyle(e).borderRadius, e.width, e.naturalWidth]"
    assert tab.locator("img").first.evaluate(look) == ["pixelated", "0px", 128, 8]
    ink = tab.locator("#map .legendtext").first.evaluate("e => getComputedStyle(e).fill")
    assert ink == tab.evaluate("() => getComputedStyle(document.body).color")
    assert ink == {"light": "rgb(27, 27, 27)", "dark": "rgb(236, 236, 236)"}[scheme]
    tab.screenshot(path=tmp_path / "page.png", full_page=True)
    context.close()
