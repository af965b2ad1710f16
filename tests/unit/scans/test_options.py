"""Adding an option of a scan is one field: the command line, the embedder's settings and the app's command follow from it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, fields

import pytest

from core.embedders import Settings
from core.scans.options import ScanOptions, option


@dataclass(frozen=True)
class Extended(ScanOptions):
    sharpness: float = option(0.5, "how sharp", metavar="S")


def parsed(kind: type[ScanOptions], *given: str) -> ScanOptions:
    parser = argparse.ArgumentParser()
    kind.add_to(parser)
    return kind.chosen(parser.parse_args(given))


def test_a_new_field_is_an_option_everywhere() -> None:
    found = parsed(Extended, "--sharpness", "0.75")
    assert isinstance(found, Extended) and found.sharpness == 0.75
    assert found.arguments() == ["--sharpness", "0.75"]
    assert Extended.of(asdict(found)) == found
    assert parsed(Extended) == Extended()


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--embedder", "simclr", "--epochs", "3", "--batch", "64"),
        ("--k", "7", "--device", "cpu", "--seed", "4", "--allow-outside"),
        ("--embedder", "simclr", "--minutes", "1.5", "--backbone", "small"),
    ],
)
def test_what_is_said_can_be_said_again(given: tuple[str, ...]) -> None:
    found = parsed(ScanOptions, *given)
    assert parsed(ScanOptions, *found.arguments()) == found


def test_files_are_said_by_their_whole_path() -> None:
    said = ScanOptions(embedder="resnet18", weights="w.pth").arguments()
    assert said[said.index("--weights") + 1].startswith("/") and said[said.index("--weights") + 1].endswith("/w.pth")


def test_vectors_choose_their_embedder_unless_another_is_said() -> None:
    assert parsed(ScanOptions, "--embeddings", "x.npy").embedder == "precomputed"
    assert parsed(ScanOptions, "--embeddings", "x.npy", "--embedder", "gradients").embedder == "gradients"


def test_every_setting_of_an_embedder_is_an_option() -> None:
    assert {entry.name for entry in fields(Settings)} <= {entry.name for entry in fields(ScanOptions)}
    assert ScanOptions(seed=3, minutes=2.0).settings() == Settings(seed=3, minutes=2.0)


@pytest.mark.parametrize(("options", "recipe", "wanted"), [(None, None, None), ({"k": 3}, None, 3), (None, {"k": 4, "options": []}, 4), ({"odd": 1}, {"k": 5}, 5), ("text", {"k": 6, "options": [["weights", "ab"]]}, None)])  # fmt: skip
def test_stored_options_are_read_or_made_of_the_recipe(options: object, recipe: object, wanted: int | None) -> None:
    found = ScanOptions.of(options, recipe)
    assert (found.k if found else None) == wanted
