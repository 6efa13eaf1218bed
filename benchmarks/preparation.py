"""Records per second of `prepare.py` against the loop that most people write, and its memory as a set grows.

    python benchmarks/preparation.py speed [--records 400] [--rounds 3]
    python benchmarks/preparation.py memory [--records 2000 20000]

speed: WFDB records of 12 leads, 10 s at 500 Hz, to npz: `wfdb.rdrecord` + `scipy.signal` band-pass and resampling to
250 Hz + z-score + `numpy.savez_compressed` in one loop, against prepare.py with the same steps in one process and with
two workers; also to shards. In turns, each in a process of its own; process time (of all processes) and wall time.
memory: records of 12 leads, 10 s at 100 Hz, to shards with two workers; the largest resident memory of any process.
Simulated recordings: 100 different ones under many names (making them would take longer than preparing them).
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from multiprocessing import active_children
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
STEPS = ["resample_hz=250", "bandpass=0.5,40", "scale=zscore", "samples=2500"]
DIFFERENT = 100


def write_raw(folder: Path, records: int, rate_hz: int) -> None:
    """WFDB files of format 16 and their labels.csv."""
    from scipy.signal import resample_poly

    from src.data.open import open_dataset

    made = open_dataset("simulated_ecg", None, {"patients": str(DIFFERENT), "cache_mb": "1"})
    signals = [resample_poly(made.read(row)[0].signal, rate_hz, 100, axis=1) for row in range(DIFFERENT)]
    stored = [np.clip(np.rint(signal * 1000), -32767, 32767).astype("<i2").T.tobytes() for signal in signals]
    head = "\n".join(f"{{name}}.dat 16 1000(0)/mV 16 0 0 0 0 {lead}" for lead in LEADS)
    rows = ["record,label,subject"]
    for number in range(records):
        name = f"r{number:06d}"
        place = folder / f"{number // 1000:03d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.dat").write_bytes(stored[number % DIFFERENT])
        (place / f"{name}.hea").write_text(f"{name} 12 {rate_hz} {10 * rate_hz}\n{head.format(name=name)}\n")
        rows.append(f"{place.name}/{name},{'abcde'[number % 5]},p{number // 2}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")


def plain_loop(raw: Path, output: Path) -> None:
    """What most people write."""
    import wfdb
    from scipy.signal import butter, resample_poly, sosfiltfilt

    output.mkdir()
    for header in sorted(raw.rglob("*.hea")):
        record = wfdb.rdrecord(str(header.with_suffix("")))
        sections = butter(3, (0.5, 40), "bandpass", fs=record.fs, output="sos")
        signal = resample_poly(sosfiltfilt(sections, record.p_signal.T, axis=1), 1, 2, axis=1)
        signal = (signal - signal.mean(axis=1, keepdims=True)) / signal.std(axis=1, keepdims=True)
        np.savez_compressed(output / f"{header.stem}.npz", signal=signal[:, :2500].astype(np.float32), label=0)


def prepare(raw: Path, output: Path, store: str, workers: int, steps: list[str]) -> None:
    from src.data.prepare.engine import Settings
    from src.data.prepare.engine import prepare as run
    from src.data.prepare.options import PrepareConfig
    from src.data.sets.folder import Options, find
    from src.options import build, key_values

    config = build(PrepareConfig, key_values(steps))
    run(find(raw, Options()), raw, output, Settings(config, store, workers=workers))


def measured(kind: str, raw: Path, output: Path, workers: int, steps: list[str]) -> dict[str, float]:
    """One preparation in a process of its own: wall and process seconds, largest MB of a process."""
    command = [sys.executable, __file__, "once", str(raw), str(output), kind, str(workers), *steps]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def once(raw: Path, output: Path, kind: str, workers: int, steps: list[str]) -> None:
    largest = [0.0]
    threading.Thread(target=watch_workers, args=(largest,), daemon=True).start()
    began = time.perf_counter()
    if kind == "loop":
        plain_loop(raw, output)
    else:
        prepare(raw, output, kind, workers, steps)
    wall = time.perf_counter() - began
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    used = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
    print(json.dumps({"wall": wall, "process": used, "MB": own.ru_maxrss / 1024, "worker MB": largest[0]}))


def watch_workers(largest: list[float]) -> None:
    """Their peaks; not from getrusage, where a child begins with what its parent had."""
    while True:
        for child in active_children():
            try:
                status = Path(f"/proc/{child.pid}/status").read_text()
                largest[0] = max(largest[0], int(status.partition("VmHWM:")[2].split()[0]) / 1024)
            except (OSError, IndexError):
                continue
        time.sleep(0.3)


def speed(records: int, rounds: int) -> None:
    kinds = {"plain loop, npz": ("loop", 0), "prepare.py, npz, 1 process": ("npz", 0),
             "prepare.py, npz, 2 workers": ("npz", 2), "prepare.py, shards, 1 process": ("shards", 0),
             "prepare.py, shards, 2 workers": ("shards", 2)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in kinds}
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        write_raw(raw, records, 500)
        for turn in range(rounds):
            for number, (name, (kind, workers)) in enumerate(kinds.items()):
                found[name].append(measured(kind, raw, Path(folder) / f"{turn}-{number}", workers, STEPS))
    print("| | records/s (wall) | ms of process time per record |\n| --- | --- | --- |")
    for name, turns in found.items():
        wall, used = (median(turn[key] for turn in turns) for key in ("wall", "process"))
        print(f"| {name} | {records / wall:.0f} | {1000 * used / records:.2f} |")


def memory(counts: list[int]) -> None:
    print("| records | MB of the parent | MB of the largest worker | records/s (wall) |\n| --- | --- | --- | --- |")
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            write_raw(raw, count, 100)
            turn = measured("shards", raw, Path(folder) / "out", 2, [])
            print(f"| {count} | {turn['MB']:.0f} | {turn['worker MB']:.0f} | {count / turn['wall']:.0f} |", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["once"]:
        raw, output, kind, workers, *steps = sys.argv[2:]
        return once(Path(raw), Path(output), kind, int(workers), steps)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("--records", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.what == "speed":
        speed((args.records or [400])[0], args.rounds)
    else:
        memory(args.records or [2000, 20000])


if __name__ == "__main__":
    main()
