"""Turn the packed sets of a recordings folder into folders for `--dataset arrays` and `--dataset wfdb`.

    python benchmarks/convert_recordings.py SRC_DIR OUT_DIR [SET ...]

Writes OUT_DIR/{cinc2017_wfdb, cinc2017, ptbxl, mitbih, bci2_iv, seeg_ccep}; `src` knows none of these sets.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

BEFORE_S, AFTER_S = 0.5, (0.02, 0.52)  # of the stimulation pulse; its artefact ends within 20 ms
BEAT_S = 1.0  # before and after an R peak: the neighbouring beats tell how early it comes
TEST_FOLDS = (9, 10)  # PTB-XL: folds 1 to 8 train


def cinc2017(source: Path, out: Path) -> None:
    """Single-lead ECG of 9 to 61 s, four rhythm classes, subjects unknown."""
    pack = _load(source / "cinc2017" / "cinc2017.npz")
    _save(out / "cinc2017", signal=pack["signal"][None], offset=pack["offset"], label=pack["label"],
          record=pack["record_id"], channels=np.array(["ECG"]), fs=pack["fs"], unit=pack["units"], scale=pack["scale"])


def cinc2017_wfdb(source: Path, out: Path) -> None:
    """The same as WFDB records and labels.csv."""
    pack, folder = _load(source / "cinc2017" / "cinc2017.npz"), out / "cinc2017_wfdb"
    folder.mkdir(parents=True, exist_ok=True)
    offset, gain = pack["offset"], round(1 / float(pack["scale"]))
    for number, name in enumerate(pack["record_id"].tolist()):
        stored = pack["signal"][offset[number]:offset[number + 1]].astype("<i2")
        stored.tofile(folder / f"{name}.dat")
        checksum = int(stored.sum(dtype=np.int64).astype(np.int16))
        (folder / f"{name}.hea").write_text(f"{name} 1 {float(pack['fs']):g} {len(stored)}\n"
                                            f"{name}.dat 16 {gain}/mV 16 0 {stored[0]} {checksum} 0 ECG\n")
    with (folder / "labels.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("record", "label"), *zip(pack["record_id"].tolist(), pack["label"].tolist())])


def ptbxl(source: Path, out: Path) -> None:
    """12-lead ECG of 10 s, five superclasses (several may hold), patients known, official folds as the split."""
    pack = _load(source / "ptbxl" / "ptbxl100.npz")
    _save(out / "ptbxl", signal=pack["signal"], label=pack["label"], classes=pack["classes"], subject=pack["subject"],
          record=pack["record_id"].astype(str), channels=pack["leads"], fs=pack["fs"], unit=pack["units"],
          scale=pack["scale"], subset=np.where(np.isin(pack["fold"], TEST_FOLDS), "test", "train"))


def mitbih(source: Path, out: Path) -> None:
    """Beats of six half-hour records, premature ventricular or not; a record is a patient, one lead."""
    beats: dict[str, list] = {"signal": [], "label": [], "subject": [], "record": []}
    for path in sorted((source / "mitbih").glob("mitbih_*.npz")):
        pack = _load(path)
        around = round(BEAT_S * float(pack["fs"]))
        padded, name = np.pad(pack["signal"][0], around, mode="edge"), str(pack["record_id"])
        for sample, is_pvc in zip(pack["r_sample"].tolist(), pack["is_pvc"].tolist()):
            beats["signal"].append(padded[sample:sample + 2 * around])
            beats["label"].append(int(is_pvc))
            beats["subject"].append(name)
            beats["record"].append(f"{name}_{sample:06d}")
    columns = {name: np.array(values) for name, values in beats.items()}
    _save(out / "mitbih", **columns | {"signal": columns["signal"][:, None]}, classes=np.array(["other", "PVC"]),
          channels=np.array(["ECG"]), fs=pack["fs"], unit=pack["units"], scale=pack["scale"])


def bci2_iv(source: Path, out: Path) -> None:
    """Scalp EEG before a key press of the left or right hand: one person, so trials stand for subjects."""
    pack = _load(source / "bci2_iv" / "bci2_iv_train.npz")
    _save(out / "bci2_iv", signal=pack["signal"], label=pack["label"], classes=pack["classes"],
          record=np.array([f"trial_{number:03d}" for number in pack["trial"].tolist()]), channels=pack["channels"],
          fs=pack["fs"], unit=pack["units"], scale=pack["scale"])


def seeg_ccep(source: Path, out: Path) -> None:
    """sEEG windows before and after stimulation; the group (one stimulated pair, one site) stands for the subject."""
    pack = _load(source / "seeg_ccep" / "seeg_ccep.npz")
    rate, pulse = float(pack["fs"]), int(pack["t0_index"])
    length = round(BEFORE_S * rate)
    after = pulse + round(AFTER_S[0] * rate)
    rest, response = pack["signal"][:, pulse - length:pulse], pack["signal"][:, after:after + length]
    trials = [f"{group}_{number:02d}" for number, group in enumerate(pack["group"].tolist())]
    _save(out / "seeg_ccep", signal=np.concatenate([rest, response])[:, None],
          label=np.repeat([0, 1], len(trials)), classes=np.array(["rest", "response"]),
          subject=np.tile(pack["group"], 2),
          record=np.array([f"{trial}_{part}" for part in ("rest", "response") for trial in trials]),
          channels=np.array(["site"]), fs=pack["fs"], unit=pack["units"], scale=pack["scale"])


SETS = {"cinc2017": cinc2017, "cinc2017_wfdb": cinc2017_wfdb, "ptbxl": ptbxl, "mitbih": mitbih,
        "bci2_iv": bci2_iv, "seeg_ccep": seeg_ccep}


def _load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as pack:
        return {name: pack[name] for name in pack.files}


def _save(folder: Path, **arrays: np.ndarray) -> None:
    """Uncompressed, so that the loader maps it instead of reading it."""
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "recordings.npz", **arrays)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, metavar="SRC_DIR")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"default: all of {', '.join(SETS)}")
    given = parser.parse_args(argv)
    for name in given.sets or SETS:
        SETS[name](given.source, given.out)


if __name__ == "__main__":
    main()
