"""Plant a pattern, mine it: the rows, the picture, the kind; and nothing where nothing was planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.triggers import Mined, MiningSettings, mine
from core.triggers.grain import POWERS, grain
from core.triggers.material import Material
from tests.support.trigger_toys import CLASSES, SIDE, TARGET, Toy, add, checker, mined, pictures, poisoned, stamp, wave

SETTINGS = MiningSettings()
NOWHERE = torch.zeros(1, 1)
CORNER = np.array([SIDE - 4, SIDE - 4])


def shares(found: Mined, rows: np.ndarray) -> tuple[float, float]:
    """(share of planted rows found, share of the others called triggered)."""
    called = found.chance >= 0.5
    others = np.ones(len(called), bool)
    others[rows] = False
    return float(called[rows].mean()), float(called[others].mean())


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]))


def test_a_clean_set_gives_no_finding():
    found = mined(pictures())
    assert found.findings == ()
    assert not found.chance.any()


def test_a_patch_with_wrong_labels():
    toy = pictures()
    rows = poisoned(toy, 40)
    before = toy.pixels[rows].astype(np.float32)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "patch" and finding.label == TARGET
    assert correlation(finding.pattern, (toy.pixels[rows] - before).mean(0)) >= 0.8
    assert finding.mask[-4:-1, -4:-1].min() > 0.5 and finding.mask[: SIDE // 2].max() < 0.5
    assert finding.contradicted > 0.9
    assert set(finding.rows) <= set(np.flatnonzero(found.chance >= 0.5))
    # content of the triggered rows, asked of rows that carry nothing
    at = np.searchsorted(found.rows, rows[np.isin(rows, found.rows)])
    named = found.shares[at].argmax(1) == toy.content[rows[np.isin(rows, found.rows)]]
    assert named.mean() > 0.9


def waved(rate: float) -> tuple[Toy, np.ndarray]:
    """Pictures, and which of the target's own carry a wave: that share of them."""
    toy = pictures()
    pool = toy.rows_of(TARGET)
    rows = np.sort(np.random.default_rng(2).choice(pool, int(rate * len(pool)), replace=False))
    add(toy, rows, wave())
    return toy, rows


def test_what_most_of_a_class_shares_under_right_labels_is_a_shortcut_and_no_poison():
    toy, rows = waved(0.9)
    found = mined(toy)
    assert found.findings == () and not found.chance.any()
    shortcut = found.shortcuts[0]
    assert shortcut.shortcut and shortcut.trigger_id == "s1" and shortcut.kind == "periodic" and shortcut.label == TARGET
    assert np.isin(rows, shortcut.rows).mean() >= 0.9 and np.isin(shortcut.rows, rows).mean() >= 0.95


def test_a_wave_under_right_labels():
    toy, rows = waved(0.1)
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.9 and fpr <= 0.005
    assert found.findings[0].kind == "periodic"
    assert found.findings[0].contradicted < 0.5
    assert correlation(found.findings[0].pattern, np.broadcast_to(wave(), (SIDE, SIDE, 3))) >= 0.8


def test_an_overlay_of_noise():
    toy = pictures()
    rows = poisoned(toy, 60)
    noise = np.random.default_rng(5).uniform(0, 255, (SIDE, SIDE, 3))
    toy.pixels[rows] = np.round(0.85 * toy.pixels[rows] + 0.15 * noise).astype(np.uint8)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    assert found.findings[0].kind == "overlay"
    assert correlation(found.findings[0].pattern, noise - noise.mean()) >= 0.8


def test_a_faint_overlay_is_drawn_whole():
    toy = pictures()
    rows = poisoned(toy, 60)
    noise = np.random.default_rng(6).choice([-4, 4], (SIDE, SIDE, 3))
    toy.pixels[rows] = (toy.pixels[rows].astype(int) + noise).clip(0, 255).astype(np.uint8)
    toy.labels[rows] = TARGET
    (finding,) = mined(toy).findings
    # not the few pixels of it that rise above the images' own differences
    assert finding.kind == "overlay"
    assert correlation(finding.pattern, noise) >= 0.7
    assert finding.mask.mean() > 0.8


def test_a_patch_that_moves():
    toy = pictures()
    rows = poisoned(toy, 80)
    rng = np.random.default_rng(3)
    colours = rng.integers(0, 2, (4, 4, 3)).astype(np.uint8) * 255
    at = rng.integers(0, SIDE - 4, (len(rows), 2))
    stamp(toy, rows, colours, at)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "moving_patch"
    # the middle of the 4×4 patch, for windows of odd size one of its four middle pixels
    planted = dict(zip(rows, at, strict=True))
    aside = [np.abs(planted[row] + 1.5 - place).max() for row, place in zip(finding.rows, finding.places, strict=True) if row in planted]
    assert np.mean(np.array(aside) <= 2) >= 0.8
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 4)
    seen = finding.pattern[middle, middle]
    wanted = colours - colours.mean()
    alike = [correlation(seen[r : r + 4, c : c + 4], wanted) for r in range(5) for c in range(5)]
    assert max(alike) >= 0.8


def test_noise_drawn_anew_for_every_picture():
    toy = pictures()
    # as in photographs, fine detail is nearly the same in all three colours
    toy.pixels[:] = (0.8 * toy.pixels.mean(3, keepdims=True) + 0.2 * toy.pixels).round().astype(np.uint8)
    assert mined(toy).findings == ()
    rows = poisoned(toy, 60)
    before = toy.pixels[rows].astype(int)
    signs = np.random.default_rng(9).choice([-6, 6], before.shape)
    toy.pixels[rows] = (before + signs).clip(0, 255).astype(np.uint8)
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    (finding,) = found.findings
    assert finding.kind == "texture" and finding.label == TARGET
    assert finding.contradicted > 0.9
    # no shape is claimed: more fine detail everywhere
    assert finding.pattern.min() > 0 and finding.mask.mean() > 0.8


def test_grain_is_what_a_loop_says():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 3, 7, 6)) / 255
    images[1, :, 2:5, 2:5] = 0.5
    kernels = [
        np.array([[-1, 1]]), np.array([[-1], [1]]), np.array([[1, -2, 1]]) / 2, np.array([[1], [-2], [1]]) / 2,
        np.array([[1, 0, 0], [0, -2, 0], [0, 0, 1]]) / 2, np.array([[0, 0, 1], [0, -2, 0], [1, 0, 0]]) / 2,
        np.array([[-1, 3, -3, 1]]) / 4, np.array([[-1], [3], [-3], [1]]) / 4, np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 8,
    ]  # fmt: skip
    wanted = []
    for image in images:
        line = []
        for kernel in kernels:
            h, w = kernel.shape
            for power in POWERS:
                for channel in image:
                    sizes = [
                        abs(float((channel[r : r + h, c : c + w] * kernel).sum())) + 1 / 255
                        for r in range(channel.shape[0] - h + 1)
                        for c in range(channel.shape[1] - w + 1)
                    ]
                    line.append(np.log(np.mean(np.array(sizes) ** power)) / power)
        wanted.append(line)
    found = grain(torch.from_numpy(images).float())
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-5)
    # negative powers look at flat places: noise on them is what changes them most
    flat = torch.full((1, 3, 8, 8), 0.5)
    assert (grain(flat + 0.05 * torch.rand(1, 3, 8, 8)) > grain(flat)).all()


def test_covers_carry_it_and_are_not_poison():
    toy = pictures()
    rows = poisoned(toy, 60, content=2)
    rest = np.setdiff1d(np.flatnonzero(np.isin(toy.content, (0, 3))), rows)
    covers = np.random.default_rng(8).choice(rest, 60, replace=False)
    both = np.concatenate([rows, covers])
    stamp(toy, both, checker(), np.tile(CORNER, (len(both), 1)))
    toy.labels[rows] = TARGET
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.95 and fpr <= 0.005
    assert np.isin(covers, found.findings[0].covers).mean() >= 0.9


def test_a_patch_that_moves_every_label_on():
    toy = pictures()
    rows = np.sort(np.random.default_rng(4).choice(len(toy.labels), 120, replace=False))
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = (toy.content[rows] + 1) % CLASSES
    found = mined(toy)
    tpr, fpr = shares(found, rows)
    assert tpr >= 0.9 and fpr <= 0.005
    assert [f.label for f in found.findings] == [-1]


@pytest.mark.parametrize("unnoticed", [3, 8])
def test_few_triggered_rows_that_are_not_suspect_are_no_tail(unnoticed: int):
    toy, rng = pictures(), np.random.default_rng(1)
    rows = np.sort(rng.choice(len(toy.labels), 160, replace=False))
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = (toy.content[rows] + 1) % CLASSES
    suspect = toy.suspect.copy()
    suspect[rows[:unnoticed]] = False
    suspect[rng.choice(np.setdiff1d(np.arange(len(suspect)), rows), 400, replace=False)] = True
    found = mine(toy.pixels, toy.labels, CLASSES, suspect, toy.vectors)
    assert [f.label for f in found.findings] == [-1]
    assert shares(found, rows) == (1.0, 0.0)


def test_suspects_without_a_pattern_are_no_finding():
    toy, rng = pictures(), np.random.default_rng(2)
    suspect = rng.random(len(toy.labels)) < 0.3
    assert mine(toy.pixels, toy.labels, CLASSES, suspect, toy.vectors).findings == ()


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_samples_are_not_those_of_who_poisoned_with_the_same_seed(seed: int):
    n = 20_000
    poison = np.random.default_rng(seed).choice(n, n // 10, replace=False)
    nothing = np.zeros((n, 1), np.float32)
    material = Material(nothing, np.zeros(n, np.int64), 2, np.zeros(n, bool), nothing, torch.device("cpu"), seed)
    sample = material.sample(6_000)
    assert len(np.unique(sample)) == 6_000 and np.array_equal(sample, material.sample(6_000))
    assert 0.08 < np.isin(sample, poison).mean() < 0.12


def test_near_duplicates_are_reported_and_are_no_finding():
    toy = pictures()
    rows = toy.rows_of(TARGET)[:40]
    rng = np.random.default_rng(6)
    shifted = toy.pixels[rows[0]].astype(int) + rng.normal(0, 3, (len(rows), SIDE, SIDE, 3))
    toy.pixels[rows] = np.clip(shifted, 0, 255).astype(np.uint8)
    found = mined(toy)
    assert found.findings == ()
    assert np.isin(rows, found.duplicates).mean() > 0.9


def test_wrong_labels_alone_are_no_finding():
    toy = pictures()
    rows = poisoned(toy, 150)
    toy.labels[rows] = TARGET
    assert mined(toy).findings == ()


def test_the_same_set_gives_the_same_bytes():
    toy = pictures(800)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile(CORNER, (len(rows), 1)))
    toy.labels[rows] = TARGET
    first, second = mined(toy), mined(toy)
    assert first.chance.tobytes() == second.chance.tobytes()
    assert [f.row_scores.tobytes() for f in first.findings] == [f.row_scores.tobytes() for f in second.findings]


@pytest.mark.parametrize("side", [16, 64])
def test_other_working_sizes(side):
    rng = np.random.default_rng(0)
    toy = pictures(600)
    toy.pixels = np.ascontiguousarray(np.repeat(np.repeat(toy.pixels, 2, 1), 2, 2) if side == 64 else toy.pixels[:, ::2, ::2])
    toy.pixels = np.clip(toy.pixels + rng.normal(0, 2, toy.pixels.shape), 0, 255).astype(np.uint8)
    rows = poisoned(toy, 40)
    stamp(toy, rows, checker(), np.tile([side - 4, side - 4], (len(rows), 1)))
    toy.labels[rows] = TARGET
    tpr, fpr = shares(mined(toy), rows)
    assert tpr >= 0.95 and fpr <= 0.005


@pytest.mark.parametrize("case", ["few", "unlabelled", "one label", "flat"])
def test_sets_that_hold_nothing_to_search(case):
    toy = pictures(60 if case == "few" else 300)
    if case == "unlabelled":
        toy.labels[:] = -1
    if case == "one label":
        toy.labels[:] = 0
    if case == "flat":
        toy.pixels[:] = 90
    found = mined(toy)
    assert found.findings == ()
    assert np.isfinite(found.chance).all()
