"""Sets of raw recordings that prepare.py knows."""

from __future__ import annotations

from src.registry.rows import RawRow

_TWELVE_LEADS = ("standard12",)

RAW_SETS: dict[str, RawRow] = {
    "folder": RawRow(
        find="src.data.sets.folder:find",
        options="src.data.sets.folder:Options",
        about="any readable files and a labels.csv of record,label[,subject][,subset]",
    ),
    "ptbxl": RawRow(
        find="src.data.sets.ptbxl:find",
        options="src.data.sets.ptbxl:Options",
        about="PTB-XL: 12 leads, 10 s, SCP statements in six tasks, official folds",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "cinc2017": RawRow(
        find="src.data.sets.cinc2017:find",
        options="src.data.sets.cinc2017:Options",
        about="CinC 2017: one lead, normal, atrial fibrillation, other, noise",
    ),
    "cinc2021": RawRow(
        find="src.data.sets.cinc2021:find",
        options="src.data.sets.cinc2021:Options",
        about="CinC 2020 and 2021: 12 leads, eight sources, the scored diagnoses",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV", "resample_hz": 500},
    ),
    "cpsc2018": RawRow(
        find="src.data.sets.cpsc2018:find",
        options="src.data.sets.cpsc2018:Options",
        about="CPSC 2018: 12 leads, 6 to 60 s, nine classes",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "chapman": RawRow(
        find="src.data.sets.chapman:find",
        options="src.data.sets.chapman:Options",
        about="Chapman-Shaoxing: 12 leads, 10 s, eleven rhythms in four groups",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV"},
    ),
    "code15": RawRow(
        find="src.data.sets.code15:find",
        options="src.data.sets.code15:Options",
        about="CODE-15%: 12 leads, 7 or 10 s, six abnormalities, patients known",
        prepare={"leads": _TWELVE_LEADS, "unit": "mV", "trim": True},
    ),
    "mitbih": RawRow(
        find="src.data.sets.mitbih:find",
        options="src.data.sets.mitbih:Options",
        about="MIT-BIH: beats in the five AAMI classes, DS1 against DS2",
        prepare={"leads": ("MLII",), "unit": "mV"},
    ),
    "unified": RawRow(
        find="src.data.sets.unified:find",
        options="src.data.sets.unified:Options",
        about="folders of WFDB and MAT files and one mapping: dataset,record_id,mapped_label",
        prepare={"leads": ("single",), "unit": "any", "resample_hz": 500, "scale": "zscore", "samples": 5000},
    ),
}
