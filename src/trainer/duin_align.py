"""Alignment of subjects: trials of the same word are brought together, or to the word's embedding. Ours; see
`src/models/duin/align.py`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from src.errors import UserError
from src.evaluation.retrieval import retrieve, retrieve_words
from src.trainer.display import say
from src.trainer.duin_sections import align_sections, class_names
from src.trainer.duin_trainer import DuinTrainer
from src.trainer.duin_words import WordVectors, names_file


class DuinAlignTrainer(DuinTrainer):
    """The contrastive loss of a batch. Judged by retrieval: how often the nearest trial of another subject has the same
    word, beside chance; measured before the first step too. With word embeddings also how often the nearest word is
    the trial's."""

    def __init__(self, model: Any, args: Any, *loaders: Any, data: Any = None, words: WordVectors | None = None,
                 **more: Any):
        subjects = len(data.dataset.subjects) if data is not None else 0
        if subjects < (1 if names_file(getattr(args, "word_vectors", None)) else 2):
            raise UserError(f"these data have {subjects} subject: aligning needs two or more, or word embeddings",
                            "--dataset_args subjects=3 for the simulated data, or --word_vectors FILE")
        self.words = words.of(class_names(data.dataset)) if words is not None and data is not None else None
        super().__init__(model, args, *loaders, data=data, **more)

    def companions(self) -> dict[str, nn.Module]:
        return {"words": self.words} if self.words is not None else {}

    def forward_pass(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """(loss, embeddings (B, E) of unit length)."""
        batch = self.on_device(batch)
        embeddings = self.model(*self.inputs(batch))
        vectors = self.words.vectors if self.words is not None else None
        return self.model.contrast(embeddings, batch.subject, batch.label, vectors), embeddings

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        values = super().validate_epoch(val_loader)
        subject = self.data.dataset.records.subject[self.found.rows]  # type: ignore[union-attr]
        label = self.data.dataset.records.label[self.found.rows]  # type: ignore[union-attr]
        found = retrieve(self.found.scores, label, subject)
        values |= {"val_retrieval": found.top1, "val_retrieval_chance": found.expected}
        if self.words is not None:
            with torch.no_grad():
                words = self.model.embed_words(self.words.vectors).float().cpu().numpy()
            right = retrieve_words(self.found.scores, label, words)
            values |= {"val_word_retrieval": float(right.mean()), "val_word_retrieval_chance": 1 / len(words)}
        return values

    def _open(self) -> None:
        super()._open()
        if self.global_step == 0 and not self.is_inside_epoch:
            values = self._validate_subsets(self.val_loaders)
            self.log_metrics({"val": values}, epoch=0)
            if self.world.is_main and values:
                say(f"before    retrieval between subjects {values['retrieval']:.3f}, chance "
                    f"{values['retrieval_chance']:.3f}")

    def report_sections(self, loader: Any) -> list:
        return [*align_sections(self, loader), *super().report_sections(loader)]
