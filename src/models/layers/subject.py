"""Parameters that belong to one subject: electrodes differ between heads, what follows is shared.

Source: Du-IN (NeurIPS 2024), "spatial encoder"; state-dict keys are the original's.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from src.errors import UserError
from src.models.layers.init import init_linears


class SubjectLayer(nn.Module):
    """z = M_s^T x + b_s, where the matrix M (d_input, d_output) and the offset b belong to subject s.

    `W.weight` is (d_input * d_output, n_subjects), row i * d_output + o; `B.weight` is (d_output, n_subjects).
    """

    def __init__(self, n_subjects: int, d_input: int, d_output: int, use_bias: bool = True):
        super().__init__()
        self.n_subjects, self.d_input, self.d_output = n_subjects, d_input, d_output
        self.W = nn.Linear(n_subjects, d_input * d_output, bias=False)
        self.B = nn.Linear(n_subjects, d_output, bias=False) if use_bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        init_linears(self.W)
        if self.B is not None:
            nn.init.zeros_(self.B.weight)

    def forward(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, d_input, T) signal, (B,) int64 or (B, S) weights of the subjects -> (B, d_output, T)."""
        matrix = self._of_subject(self.W.weight, subject).unflatten(1, (self.d_input, self.d_output))
        if self.B is None:
            return matrix.transpose(1, 2) @ signal
        return torch.baddbmm(self._of_subject(self.B.weight, subject)[..., None], matrix.transpose(1, 2), signal)

    def _of_subject(self, weight: Tensor, subject: Tensor) -> Tensor:
        """(rows, S) -> (B, rows)."""
        if subject.is_floating_point():
            return subject @ weight.T
        if self.n_subjects == 1:  # one projection for everybody, whatever the data number their subjects
            return weight.T.expand(subject.shape[0], -1)  # a graph keeps the size of a batch open, len would fix it
        return weight.T[subject]


class SubjectBlock(nn.Module):
    """`SubjectLayer` and, on demand, one more map of the outputs that all subjects share."""

    def __init__(self, n_subjects: int, d_input: int, d_output: int, use_bias: bool = True, use_proj: bool = False):
        super().__init__()
        self.subj_layer = SubjectLayer(n_subjects, d_input, d_output, use_bias)
        self.proj_layer = nn.Linear(d_output, d_output) if use_proj else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        self.subj_layer.reset_parameters()
        if self.proj_layer is not None:
            init_linears(self.proj_layer)

    def forward(self, signal: Tensor, subject: Tensor) -> Tensor:
        """(B, C, T) signal, (B,) int64 or (B, S) weights of the subjects -> (B, d_output, T).

        Raises UserError for a subject that the layer has no matrix for (checked on the CPU only: no host sync).
        """
        check_subject(subject, self.subj_layer.n_subjects)
        mixed = self.subj_layer(signal, subject)
        if self.proj_layer is None:
            return mixed
        projection = self.proj_layer.weight.expand(mixed.shape[0], -1, -1)
        return torch.baddbmm(self.proj_layer.bias[:, None], projection, mixed)

    @torch.no_grad()
    def channel_weights(self, replica: bool = False) -> Tensor:
        """(S, C): mean |weight| of each input channel, a ranking of the electrodes of each subject.

        `replica` gives the published numbers, which mix up channels where there is more than one subject.
        """
        layer, weight = self.subj_layer, self.subj_layer.W.weight.abs()
        per_subject = weight if replica else weight.T
        return per_subject.reshape(layer.n_subjects, layer.d_input, layer.d_output).mean(2)


class PerSubject(nn.ModuleList):
    """One module per subject, which sees the samples of that subject.

    With `shared_statistics`, as published, all modules see the whole batch in training mode and their outputs are
    mixed: batch norms then normalise each subject by the statistics of all. In eval mode both ways are the same.
    """

    def __init__(self, modules: Iterable[nn.Module], shared_statistics: bool = False):
        super().__init__(modules)
        self.shared_statistics = shared_statistics

    def forward(self, x: Tensor, subject: Tensor) -> Tensor:
        """(B, ., .), (B,) int64 or (B, S) weights of the subjects -> (B, ., .), what the modules make of `x`.

        Raises UserError as `check_subject` does.
        """
        check_subject(subject, len(self))
        if subject.is_floating_point():
            return self._mix(x, subject)
        if len(self) == 1:  # one module for everybody, whatever the data number their subjects
            return self[0](x)
        if self.training and self.shared_statistics:
            return self._mix(x, F.one_hot(subject, len(self)).to(x.dtype))
        return self._each(x, subject)

    def _mix(self, x: Tensor, weights: Tensor) -> Tensor:
        return sum(weight[:, None, None] * module(x) for weight, module in zip(weights.T, self))  # pyright: ignore

    def _each(self, x: Tensor, subject: Tensor) -> Tensor:
        order = subject.argsort()
        sizes = torch.bincount(subject, minlength=len(self)).tolist()
        parts = [module(part) for module, part in zip(self, x[order].split(sizes)) if len(part)]
        return torch.cat(parts)[order.argsort()]


def check_subject(subject: Tensor, known: int) -> None:
    """Raise UserError for a subject without parameters (indices are checked on the CPU only: no host sync)."""
    if subject.is_floating_point():
        if subject.dim() != 2 or subject.shape[1] != known:
            raise UserError(f"weights of the subjects must be (batch, {known}), found {tuple(subject.shape)}",
                            "give one column per subject, or the index of each sample's subject as int64")
    elif subject.device.type == "cpu" and known > 1 and subject.numel() and int(subject.max()) >= known:
        raise UserError(f"subject {int(subject.max())} has no input projection: the model was built for {known}",
                        "set --model_args n_subjects=N to the number of subjects, or n_subjects=1 to share one")
