"""Every number that decides which rows are looked at and what is believed, with the reason for its value.

What a space *is* (window, clipping, filters) stays beside it in spaces.py and grain.py. Where no measurement or
calculation is named, the value was chosen by hand and no other was measured on record. The recorded ones are in
bench/RESULTS.md.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MiningSettings:
    """Thresholds and sample sizes of the search. Distances are in robust deviations of the rows compared with."""

    # ---- rows that are looked at
    least_class: int = 40  # rows; a smaller class has too few for two halves
    most_class: int = 20_000  # rows of one class that are searched: bounds memory and time
    whitening_rows: int = 24_000  # eight rows for each of the 3,072 numbers of a 32 × 32 image
    rest_rows: int = 6_000  # rows drawn to stand for everything else; its 99.9th percentile then rests on six rows
    likeness_rows: int = 500  # rows whose coarse pictures are compared: a mean correlation needs no more
    content_rows: int = 1_000  # rows whose content is asked: a share is then known to 0.016 or better
    match_pool: int = 20_000  # rows among which images of like content are looked up
    neighbours: int = 20  # votes on the content of a row

    # ---- first guesses (seeds.py)
    tail: float = 4.0  # a normal coordinate lies this far out once in 32,000 rows
    wave_tail: float = 3.5  # times the median magnitude; a complex normal exceeds it once in 4,900 rows
    wave_core: float = 3.0  # times the median magnitude, along the shared phase: laxer, since the phase is known by then
    least_tail_z: float = 5.0  # thousands of coordinates are tested, so five deviations
    least_wave_z: float = 4.0  # hundreds of frequencies are tested, so four
    least_seed_rows: int = 8  # fewer rows make no direction
    least_suspects: int = 3  # label suspects in a class from which they are a guess of their own
    most_tails: int = 8  # the strongest tails only: a patch shows in many coordinates
    most_waves: int = 6  # the strongest frequencies only

    # ---- pursuit (pursuit.py)
    pursuit_rounds: int = 6  # turns per guess; earlier rounds are kept, because a right guess may go astray later
    polish_rounds: int = 3  # turns in which rows weigh what they likely carry, once a pattern has been found
    least_limit: float = 3.5  # nearer rows take no part in the next direction: 1 in 4,300 of a normal distribution lies farther
    tail_steps: float = 3.5  # a normal tail to 1 in 1,000 takes 2.98 steps from the 75th to the 90th percentile; others are heavier

    # ---- separation (separation.py)
    mode_widths: tuple[float, ...] = (1.0, 2.0, 3.0, 6.0, 12.0)  # windows in which modes are counted; loud patterns spread wide
    bulk: float = 1.0  # no mode is looked for nearer than this
    least_mode: float = 5.0  # Poisson deviations by which cover images have to outnumber the valley before them
    covers_beyond: float = 12.0  # scales of an exponential tail: past them lies less than one row in a million
    least_spread: float = 0.8  # triggered rows spread about as much as the rest does, whose deviation is 1
    fit_rounds: int = 40  # of expectation–maximisation

    # ---- what is believed (candidate.py)
    # between the halves' directions. A class holds things that agree a little between halves: a red cab above a wheel in
    # the loudest windows, a comb that some source's resizing left on two dozen frogs, a line of writing below two dozen
    # birds. What was planted is the same to the pixel, even on fifty rows. bench/agreement.py: of natural clusters in
    # clean CIFAR-10, those that lie 1.5 times as far out as natural rows agree to at most 0.71
    least_agreement: float = 0.8
    # enough where content suspects the rows' labels as well, which things that belong to a class do not bring about
    suspect_agreement: float = 0.3
    apart: float = 1.6  # times as far as natural rows; natural clusters whose halves agree to 0.8: at most 1.36 (bench/agreement.py)
    least_gap: float = 4.0  # Poisson deviations of a second mode; enough only where the labels are suspect as well
    least_rows: int = 12  # triggered rows: six for each half
    least_share: float = 0.004  # of the class, so that large classes are held to more rows
    least_lift: float = 2.0  # times as common in the class as elsewhere; less are covers, or things that any class holds
    suspect_rise: float = 0.5  # of the way from the other rows' share of suspects to 1: wrong labels go all the way
    suspect_rounds: int = 3  # of expectation–maximisation on the weight of suspicion
    one_class: float = 0.7  # share of one label among rows of a pattern of any class: that class's own search says more
    alike: float = 0.12  # mean correlation above the class's own from which rows are near-duplicates, not a pattern

    # ---- groups that other witnesses part from their class (groups.py)
    least_group: int = 8  # rows
    group_known: float = (
        0.9  # median chance of the given label, by a network that did not see the rows; clean parts that are contradicted: at most 0.3
    )
    # planted groups of photographs: 3 % have a twin by this; groups of traffic signs filmed in passing: 73 % and more
    twin: float = 0.8  # correlation of coarse pictures from which two are taken for frames of one thing
    twins: float = 0.5  # share of a group's rows with a twin from which their votes for each other are no conspiracy
    covered: float = 0.5  # share of a group's rows in a finding from which the finding is that group's picture

    # ---- one candidate for each cluster, one finding for each pattern (choose.py)
    same_rows: float = 0.5  # more of the rows than this shared: the same cluster
    same_direction: float = 0.5  # cosine from which two classes hold the same pattern; two of noise have 0 ± 1/√D
    whole: float = 0.9  # share that counts as all: rows of a moving patch
    most_of_class: float = 0.5  # share of a class from which a pattern on right labels is the class's own look
    too_many_to_silence: float = 0.6  # share of a class from which the rest is too small to vote for the label
    many_classes: int = 3  # classes from which one pattern found in all of them is one finding
    contradicted: float = 0.5  # share of suspects among rows that look alike from which they are a pattern all the same
    clearly_more: float = 1.25  # times as many rows, for a candidate that takes the place of others
    rare: float = 0.25  # of the lift of what was found, which the rows that come to it must reach

    # ---- joint score (accept.py, joint_score.py, expected.py)
    farthest: float = 4.0  # no row counts as farther out: cover images in the rest carry the pattern too
    prior_rest: float = 50.0  # rows that the rest counts as where hardly an ordinary row of the class is left
    least_weight: float = 4.0  # triggered rows; one space alone scores fewer
    as_many: float = 1.5  # factor by which the number of rows may change when all spaces score them; more is another pattern
    expected_rounds: int = 10  # of expectation–maximisation
    prior_triggered: float = 10.0  # rows that know nothing of calm: a dozen triggered rows say little of a slope
    stray: float = 0.01  # of triggered rows: those that hold a part of the pattern, or in which it is cut off at black or white

    # ---- pictures and kinds (render.py)
    most_drawn: int = 4_000  # triggered rows in a mean picture: bounds time
    matches: int = 5  # rows of like content for each of them, so that their noise adds little
    mask_at: float = 4.0  # standard errors where the mask is a half
    sure: float = 2.0  # a neighbourhood counts as pattern where its power is beyond this many times the noise
    small: float = 0.15  # share of the picture that a patch covers at most
    few_waves: float = 0.6  # share of power in eight frequencies from which a pattern is periodic
