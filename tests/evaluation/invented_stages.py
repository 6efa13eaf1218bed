"""What the stages of Du-IN give to the report, invented: codes, reconstructions, predicted tokens, embeddings."""

import numpy as np

from src.evaluation.channel_map import channel_section
from src.evaluation.codebook import CodeUse
from src.evaluation.codebook_page import codebook_section
from src.evaluation.masked_prediction_page import masked_section
from src.evaluation.phonemes import PhonemeUse, phoneme_section
from src.evaluation.reconstruction import Reconstruction
from src.evaluation.reconstruction_page import reconstruction_section
from src.evaluation.retrieval import class_similarities, retrieval_section, retrieve

EVIL = "<script>alert(1)</script>"


def pink(rng, shape, rate_hz=1000.0):
    """Noise whose amplitude falls as 1/f above 1 Hz."""
    spectrum = np.fft.rfft(rng.normal(size=shape))
    spectrum /= np.maximum(1, np.fft.rfftfreq(shape[-1], 1 / rate_hz))
    noise = np.fft.irfft(spectrum, shape[-1])
    return (noise / noise.std(-1, keepdims=True)).astype(np.float32)


def code_use(size=64, records=60, classes=6, subjects=2, tokens=30, seed=0):
    """Codes that follow a Zipf law, shifted by class and (partly) by subject."""
    rng = np.random.default_rng(seed)
    use = CodeUse(size)
    shapes = pink(rng, (size, 4, 100))
    for start in range(0, records, 20):
        label, subject = (start + np.arange(20)) % classes, (start + np.arange(20)) // 7 % subjects
        codes = (np.minimum(rng.zipf(1.5, (20, tokens)), size // 2) + label[:, None] * (rng.random((20, tokens)) < 0.3)
                 + subject[:, None] * size // 4) % size
        signal = shapes[codes].transpose(0, 2, 1, 3).reshape(20, 4, -1) + 0.5 * rng.normal(size=(20, 4, 100 * tokens))
        use.add(codes, label, subject)
        use.add_segments(codes, signal)
    return use


def summaries(logits, labels):
    import torch

    from src.evaluation.summaries import summarize_tokens

    return summarize_tokens(torch.from_numpy(logits), torch.from_numpy(labels)).numpy()


def stages_sections(subjects=2, seed=0):
    """One section of every kind."""
    rng = np.random.default_rng(seed)
    people = [f"00{k + 1}" for k in range(subjects)]
    channels = [(*(f"{electrode}'{k}" for k in range(9)), EVIL) for electrode in "ABCDEFGHIJKL"[:subjects]]
    words = (*(f"word {k}" for k in range(11)), EVIL)
    found = Reconstruction(1000.0, 3000)
    signal = pink(rng, (6, 10, 3000))
    slow = np.fft.rfft(signal)
    slow[..., np.fft.rfftfreq(3000, 1e-3) > 10] *= 0.1
    found.add(signal, np.fft.irfft(slow, 3000).astype(np.float32), np.ones((6, 10), bool), np.arange(6) % subjects,
              np.arange(6))
    codes = rng.integers(0, 64, (50, 40))
    logits = (rng.normal(size=(50, 40, 64)) + 2 * np.eye(64)[codes]).astype(np.float32)
    labels = rng.integers(0, 12, 120)
    embeddings = rng.normal(size=(12, 32))[labels] + 3 * rng.normal(size=(120, 32))
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    before = rng.normal(size=(120, 32)) / 32**0.5
    owner = np.arange(120) % subjects
    phonemes = PhonemeUse({"initials": ("", "b", "p", "m"), "finals": ("a", "o", EVIL)})
    for head, size in (("initials", 4), ("finals", 3)):
        truth = rng.integers(0, size, (20, 30))
        logits_of_head = rng.normal(size=(20, 30, size)) + 1.5 * np.eye(size)[truth]
        phonemes.add(head, logits_of_head, truth, rng.random((20, 30)) < 0.5)
    return [
        codebook_section(code_use(subjects=subjects), 1000.0, ["A1", "A2", "A3", EVIL], people, words),
        reconstruction_section(found, people, channels, np.array([f"rec{k}{EVIL}" for k in range(6)])),
        masked_section(codes, summaries(logits, codes), np.array(people)[np.arange(50) % subjects]),
        channel_section(rng.random((subjects, 10)), people, channels),
        phoneme_section(phonemes),
        retrieval_section({"before": retrieve(before, labels, owner), "after": retrieve(embeddings, labels, owner)},
                          {"before": class_similarities(before, labels, owner, 12),
                           "after": class_similarities(embeddings, labels, owner, 12)}, words, people),
    ]
