"""What Du-IN's trainers add to the report: one pass over the loader, batch by batch, and the sections made of it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch

from src.data.dataset import BaseDataset
from src.data.signal import Batch
from src.evaluation.channel_map import channel_section
from src.evaluation.codebook import CodeUse
from src.evaluation.codebook_page import codebook_section
from src.evaluation.masked_prediction_page import masked_section
from src.evaluation.phonemes import PhonemeUse, phoneme_section
from src.evaluation.reconstruction import Reconstruction
from src.evaluation.reconstruction_page import reconstruction_section
from src.evaluation.retrieval import class_similarities, retrieval_section, retrieve
from src.evaluation.section import Section
from src.trainer import random_state

CHANNELS = 4  # of which the mean segments of codes are shown: those that the network listens to most


def channel_sections(trainer: Any) -> list[Section]:
    """The ranking of the channels; one for all where the subjects share their weights."""
    if trainer.data is None or not hasattr(trainer.model, "channel_weights"):
        return []
    weights, dataset = trainer.model.channel_weights().cpu().numpy(), trainer.data.dataset
    names = [name or "all" for name in dataset.subjects]
    if len(weights) != len(names):
        known = len(names) == 1 or len({dataset.channels_of(name) for name in dataset.subjects}) == 1
        first = dataset.channels_of(dataset.subjects[0]) if known else dataset.spec.channels
        return [channel_section(weights[:1], ["all subjects"], [first])] if len(weights) == 1 else []
    return [channel_section(weights, names, [dataset.channels_of(name) for name in dataset.subjects])]


@torch.no_grad()
def vqvae_sections(trainer: Any, loader: Any) -> list[Section]:
    """Codebook and reconstruction."""
    if trainer.data is None:
        return []
    model, dataset = trainer.model.eval(), trainer.data.dataset
    channels = [dataset.channels_of(name) for name in dataset.subjects]
    use, found = CodeUse(model.codebook_size), Reconstruction(dataset.spec.rate_hz, dataset.spec.samples,
                                                                    model.config.reconstruction.band_hz)
    leading, drawn = _leading(trainer), None
    for batch in loader:
        batch = trainer.on_device(batch)
        reconstruction, _, quantized = model.losses(*trainer.inputs(batch))
        target = model.target(batch.signal)
        codes, signal, subject = (part.cpu().numpy() for part in (quantized.codes, target, batch.subject))
        found.add(signal, reconstruction.float().cpu().numpy(), batch.channel_mask.cpu().numpy(), subject,
                  batch.index.cpu().numpy())
        use.add(codes, _classes_of(batch), subject)
        drawn = int(subject[0]) if drawn is None else drawn
        own = (subject == drawn) | (len(set(channels)) == 1)
        use.add_segments(codes[own], signal[own][:, leading])
    shown = [channels[drawn or 0][k] for k in leading if k < len(channels[drawn or 0])]
    return [_codebook(trainer, use, shown), reconstruction_section(found, dataset.subjects, channels,
                                                                   dataset.records.record)]


def _codebook(trainer: Any, use: CodeUse, shown: list[str]) -> Section:
    if not trainer.model.vq_block.has_started:
        return Section("Codebook", "Nothing was quantised yet: these weights are from before the codebook's start "
                                   "(quantizer.warmup_steps).")
    dataset = trainer.data.dataset
    return codebook_section(use, dataset.spec.rate_hz, shown, dataset.subjects, class_names(dataset))


def _leading(trainer: Any) -> list[int]:
    """The channels with the largest weights, over all subjects."""
    weights = trainer.model.channel_weights().cpu().numpy().mean(0)
    fewest = min(len(trainer.data.dataset.channels_of(name)) for name in trainer.data.dataset.subjects)
    return np.argsort(-weights[:fewest], kind="stable")[:CHANNELS].tolist()


def _classes_of(batch: Batch) -> np.ndarray:
    """(B,) classes; -1 where the labels are something else."""
    label = batch.label.cpu().numpy()
    return label if label.ndim == 1 and label.dtype.kind == "i" else np.full(len(batch), -1)


def class_names(dataset: BaseDataset) -> tuple[str, ...]:
    """Of the labels that the records have, whatever this stage's own target is."""
    while dataset.target.kind != "classes" and hasattr(dataset, "inner"):
        dataset = dataset.inner  # type: ignore[attr-defined]
    return dataset.target.names if dataset.target.kind == "classes" else ()


def mae_sections(trainer: Any, loader: Any) -> list[Section]:
    """Masked prediction."""
    found = trainer.predict(loader)
    subjects = np.zeros(len(found), int) if trainer.data is None else trainer.data.dataset.records.subject[found.rows]
    return [masked_section(found.labels, found.scores, subjects)]


@torch.no_grad()
def llm_sections(trainer: Any, loader: Any) -> list[Section]:
    """Initials and finals."""
    model = trainer.model.eval()
    use: PhonemeUse | None = None
    for batch in loader:
        batch = trainer.on_device(batch)
        logits = model(*trainer.inputs(batch))
        use = use or PhonemeUse({head: _phonemes(trainer, head, one.shape[-1]) for head, one in logits.items()})
        for head, one in logits.items():
            use.add(head, one.float().cpu().numpy(), batch.field(head).cpu().numpy(),
                    batch.field("token_mask").cpu().numpy())
    return [phoneme_section(use)] if use else []


def _phonemes(trainer: Any, head: str, count: int) -> tuple[str, ...]:
    """Names of a head's classes: the target's for the finals, else the data set's where it has them."""
    dataset: Any = trainer.data.dataset if trainer.data is not None else None
    while hasattr(dataset, "inner"):
        dataset = dataset.inner
    known = trainer.target.names if head == "finals" else getattr(dataset, head, ())
    return known if len(known) == count else tuple(str(number) for number in range(count))


def align_sections(trainer: Any, loader: Any) -> list[Section]:
    """Retrieval with these weights, and with such as training began with where it began from nothing."""
    if trainer.data is None:
        return []
    dataset, trained = trainer.data.dataset, trainer.model
    after = trainer.predict(loader)
    try:
        trainer.model = _untrained(trained, trainer.args.seed)
        before = trainer.predict(loader)
    finally:
        trainer.model = trained
    known = dataset.subjects
    owner = np.array([known.index(name) for name in dataset.records.subject[after.rows].tolist()])
    names, labels = class_names(dataset), dataset.records.label[after.rows]
    stages = {"before": before.scores, "after": after.scores}
    return [retrieval_section({stage: retrieve(one, labels, owner) for stage, one in stages.items()},
                              {stage: class_similarities(one, labels, owner, len(names))
                               for stage, one in stages.items()}, names, known)]


def _untrained(model: Any, seed: int) -> Any:
    drawn = copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(random_state.derive(seed, "weights") % 2**63)
        drawn.init_weights()
    return drawn.eval()
