"""Initials and finals of the motifs: each motif is one syllable, its consonant the initial and its vowel the final.

The inventories are those of Mandarin pinyin (22 initials, the empty one among them, and 36 finals), which Du-IN's
language head predicts. Of these the nine syllables ba di gu ke lo mi na pu so use nine initials and five finals.
"""

from __future__ import annotations

import numpy as np

from src.data.simulated.lexicon import SYLLABLES
from src.data.simulated.speech import Spoken

INITIALS = ("", "b", "p", "m", "f", "d", "t", "n", "l", "g", "k", "h", "j", "q", "x", "zh", "ch", "sh", "r", "z", "c",
            "s")
FINALS = ("a", "o", "e", "i", "u", "ü", "er", "ai", "ei", "ao", "ou", "ia", "ie", "ua", "uo", "üe", "iao", "iou",
          "uai", "uei", "an", "ian", "uan", "üan", "en", "in", "uen", "ün", "ang", "iang", "uang", "eng", "ing",
          "ueng", "ong", "iong")
PATCH_S = 0.1


def phonemes(spoken: list[Spoken], patches: int) -> dict[str, np.ndarray]:
    """`initials`, `finals` (N,) int64 and `token_mask` (N,) bool for N patches of 0.1 s.

    A patch belongs to the motif that its centre falls into; it is masked (and 0) where no motif is spoken or the
    motif was missed.
    """
    centre_s = (np.arange(patches) + 0.5) * PATCH_S
    found = {"initials": np.zeros(patches, np.int64), "finals": np.zeros(patches, np.int64),
             "token_mask": np.zeros(patches, bool)}
    for motif in spoken:
        inside = (centre_s >= motif.start_s) & (centre_s < motif.stop_s) & (motif.gain > 0)
        initial, final = SYLLABLES[motif.motif]
        found["initials"][inside] = INITIALS.index(initial)
        found["finals"][inside] = FINALS.index(final)
        found["token_mask"][inside] = True
    return found
