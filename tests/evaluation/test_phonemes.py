import numpy as np

from src.evaluation.counting import IGNORED, confusion_counts
from src.evaluation.phonemes import PhonemeUse, phoneme_section


def test_only_tokens_in_which_something_is_spoken_count():
    use = PhonemeUse({"finals": ("a", "o", "e")})
    label, said = np.array([[0, 1, 1, 2]]), np.array([[0, 1, 0, 0]])
    for _ in range(2):
        use.add("finals", np.eye(3)[said], label, np.array([[True, True, True, False]]))
    assert use.counts["finals"].tolist() == [[2, 0, 0], [2, 2, 0], [0, 0, 0]]
    section = phoneme_section(use, ("finals",))
    assert section.values["finals"] == {"accuracy": 4 / 6, "most_frequent": 4 / 6, "tokens": 6}
    assert section.table.rows == [["finals", "66.7 %", "66.7 %", "2 of 3", "6"]]
    shown = [text.get_text() for text in section.parts[0].figure.axes[0].get_xticklabels()]
    assert shown == ["a", "o"]


def test_a_head_without_tokens_has_no_picture():
    section = phoneme_section(PhonemeUse({"initials": ("", "b")}))
    assert section.parts == []
    assert section.values["initials"]["tokens"] == 0


def test_counts_of_confusions_leave_out_the_ignored():
    assert confusion_counts(np.array([0, IGNORED, 1]), np.array([1, 1, 1]), 2).tolist() == [[0, 1], [0, 1]]
