"""The ladder of difficulty of the simulated data: what classical methods reach on it, one line per rung.

    python benchmarks/ladder.py seeg --seeds 0 1 2
    python benchmarks/ladder.py ecg --seeds 0 1 --difficulty hard

sEEG rungs are test accuracies (chance 1 / words), ECG rungs test AUROC averaged over the labels (chance 0.5).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from src.data.dataset import BaseDataset
from src.data.simulated.ecg import SimulatedECG
from src.data.simulated.seeg import SimulatedSEEG

SEEG_BANDS_HZ = ((1, 4), (4, 8), (8, 13), (13, 30), (30, 70), (70, 105), (105, 150))
PERMUTATIONS = 10
ECG_BANDS_HZ = ((0.5, 2), (2, 4), (4, 7), (7, 12), (12, 20), (20, 35), (35, 50))


class Parts:
    """Signals (records, channels, samples) and labels of what is fitted on and of what is tested on."""

    def __init__(self, dataset: BaseDataset, fit: np.ndarray, test: np.ndarray):
        self.rate_hz = dataset.spec.rate_hz
        self.fit, self.test = _signals(dataset, fit), _signals(dataset, test)
        self.fit_label, self.test_label = dataset.records.label[fit], dataset.records.label[test]

    def permuted(self, score: Callable[[np.ndarray], float], seed: int) -> float:
        """Mean score over permutations of the labels; of one alone it scatters by 0.05 around chance."""
        rng = np.random.default_rng(seed)
        return float(np.mean([score(rng.permutation(self.fit_label)) for _ in range(PERMUTATIONS)]))


def _signals(dataset: BaseDataset, rows: np.ndarray) -> np.ndarray:
    return np.stack([dataset.read(int(row))[0].signal for row in rows])


# sEEG -----------------------------------------------------------------------------------------------------------

def seeg_ladder(difficulty: str = "default", seed: int = 0) -> dict[str, float]:
    """Rung -> test accuracy; trained on all 480 labelled trials, as no rung here chooses anything by validation."""
    from sklearn.linear_model import LogisticRegression, RidgeClassifier

    dataset = SimulatedSEEG(SimulatedSEEG.Config(difficulty=difficulty, seed=seed))
    is_test = dataset.records.subset == "test"
    parts = Parts(dataset, np.flatnonzero(~is_test), np.flatnonzero(is_test))
    whole, windows = band_powers(parts.fit, 1), band_powers(parts.fit, 6)
    whole_test, windows_test = band_powers(parts.test, 1), band_powers(parts.test, 6)
    slow, slow_test = decimated(parts.fit), decimated(parts.test)
    raw, raw_test = parts.fit.reshape(len(parts.fit), -1), parts.test.reshape(len(parts.test), -1)

    def logistic(c: float):
        return LogisticRegression(C=c, max_iter=2000)

    def score(model, features, test_features, label=parts.fit_label) -> float:
        return accuracy(model, features, label, test_features, parts.test_label)

    return {
        "band powers, permuted labels": parts.permuted(
            lambda label: score(logistic(0.1), whole, whole_test, label), seed),
        "linear, raw, 100 Hz": score(logistic(1e-3), slow, slow_test),
        "linear, raw, 1000 Hz": score(RidgeClassifier(alpha=1e4), raw, raw_test),
        "band powers, whole trial": score(logistic(0.1), whole, whole_test),
        "band powers, six windows": score(logistic(0.01), windows, windows_test),
    }


def band_powers(signals: np.ndarray, windows: int, rate_hz: float = 1000) -> np.ndarray:
    """(N, C, T) -> (N, windows * C * bands): log power of each band in each window (Hann, one FFT)."""
    pieces = signals.reshape(*signals.shape[:2], windows, -1)
    power = np.square(np.abs(np.fft.rfft(pieces * np.hanning(pieces.shape[-1]).astype(np.float32))))
    return _log_bands(power, pieces.shape[-1], SEEG_BANDS_HZ, rate_hz).reshape(len(signals), -1)


def _log_bands(power: np.ndarray, n: int, bands, rate_hz: float) -> np.ndarray:
    """(..., bins) -> (..., bands)."""
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    return np.log(np.stack([power[..., (hz >= low) & (hz < high)].mean(-1) for low, high in bands], axis=-1))


def decimated(signals: np.ndarray) -> np.ndarray:
    """(N, C, T) at 1000 Hz -> (N, C * T / 10) at 100 Hz."""
    from scipy.signal import decimate

    return decimate(decimate(signals, 5, axis=-1), 2, axis=-1).reshape(len(signals), -1)


def accuracy(model, features, label, test_features, test_label) -> float:
    """Test accuracy of a classifier on standardised features."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    return float(model.fit(scaler.transform(features), label).score(scaler.transform(test_features), test_label))


# ECG ------------------------------------------------------------------------------------------------------------

def ecg_ladder(difficulty: str = "default", seed: int = 0) -> dict[str, float]:
    """Rung -> macro AUROC of the records of patients 1000..1499; trained on those of patients 0..999."""
    dataset = SimulatedECG(SimulatedECG.Config(patients=1500, difficulty=difficulty, seed=seed))
    parts = Parts(dataset, np.arange(2000), np.arange(2000, 3000))
    rr, rr_test = rr_numbers(parts.fit, parts.rate_hz), rr_numbers(parts.test, parts.rate_hz)
    bands, bands_test = ecg_bands(parts.fit, parts.rate_hz), ecg_bands(parts.test, parts.rate_hz)
    simple, simple_test = np.c_[bands.mean(1), rr], np.c_[bands_test.mean(1), rr_test]
    rich, rich_test = np.c_[bands.reshape(len(rr), -1), rr], np.c_[bands_test.reshape(len(rr_test), -1), rr_test]

    def score(features, test_features, c: float = 0.1, label=parts.fit_label) -> float:
        return macro_auroc(features, label, test_features, parts.test_label, c)

    return {
        "simple features, permuted labels": parts.permuted(
            lambda label: score(simple, simple_test, label=label), seed),
        "logistic, raw samples": score(means_of_four(parts.fit), means_of_four(parts.test), c=1e-4),
        "simple features": score(simple, simple_test),
        "rich features": score(rich, rich_test),
    }


def means_of_four(signals: np.ndarray) -> np.ndarray:
    """(N, C, T) -> (N, C * T / 4)."""
    return signals.reshape(*signals.shape[:2], -1, 4).mean(-1).reshape(len(signals), -1)


def ecg_bands(signals: np.ndarray, rate_hz: float) -> np.ndarray:
    """(N, C, T) -> (N, C, bands) log powers."""
    samples = signals.shape[-1]
    power = np.square(np.abs(np.fft.rfft(signals * np.hanning(samples).astype(np.float32))))
    return _log_bands(power, samples, ECG_BANDS_HZ, rate_hz)


def rr_numbers(signals: np.ndarray, rate_hz: float) -> np.ndarray:
    """(N, C, T) -> (N, 8): mean, sd, min, max, RMSSD, MAD, largest jump and count of the RR intervals."""
    return np.stack([_rr_numbers(signal, rate_hz) for signal in signals])


def _rr_numbers(signal: np.ndarray, rate_hz: float) -> np.ndarray:
    """Intervals between the peaks of the smoothed squared derivative, summed over the leads."""
    from scipy.signal import find_peaks

    slope = np.square(np.diff(signal, axis=-1)).sum(0)
    slope = np.convolve(slope, np.hanning(int(0.15 * rate_hz) + 2), mode="same")
    peaks, _ = find_peaks(slope, height=0.3 * np.percentile(slope, 98), distance=int(0.3 * rate_hz))
    rr = np.diff(peaks) / rate_hz
    if len(rr) < 2:
        return np.zeros(8)
    jumps = np.abs(np.diff(rr))
    return np.array([rr.mean(), rr.std(), rr.min(), rr.max(), np.sqrt(np.mean(jumps**2)),
                     np.median(np.abs(rr - np.median(rr))), jumps.max(), len(peaks)])


def macro_auroc(features, label, test_features, test_label, c: float) -> float:
    """One logistic regression per label on standardised features; the mean of their AUROC."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(features)
    x, x_test = scaler.transform(features), scaler.transform(test_features)
    scores = [LogisticRegression(C=c, max_iter=1000).fit(x, column).decision_function(x_test) for column in label.T]
    return float(np.mean([roc_auc_score(truth, score) for truth, score in zip(test_label.T, scores)]))


LADDERS: dict[str, Callable[[str, int], dict[str, float]]] = {"seeg": seeg_ladder, "ecg": ecg_ladder}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=LADDERS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--difficulty", choices=("easy", "default", "hard"), default="default")
    options = parser.parse_args(argv)
    results = [LADDERS[options.data](options.difficulty, seed) for seed in options.seeds]
    for rung in results[0]:
        values = np.array([result[rung] for result in results])
        each = ", ".join(f"{value:.3f}" for value in values)
        print(f"{rung:34s} {values.mean():.3f} +- {values.std():.3f}   ({each})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
