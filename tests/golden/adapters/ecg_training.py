"""fairseq-signals' training: objectives, Adam, schedules, perturbations, views of 3KG, metrics, loss scale."""

from __future__ import annotations

import argparse
import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from src.data import transforms_fairseq as fairseq
from src.data.signal import TargetSpec
from src.evaluation import metrics
from src.evaluation.protocols.cinc2021 import challenge_metric
from src.trainer.losses import build_criterion
from src.trainer.optimizers import build_optimizer
from src.trainer.schedule import Schedule, build_schedule
from tests.golden.adapters.common import tensors
from tests.golden.folder import Case

OF_POSITIVES = ("asymmetric", "binary_focal", "binary_cross_entropy", "mlsml", "mse2")
NAMES = {"asymmetric": "as", "binary_focal": "bf", "binary_cross_entropy": "bce", "mse2": "mse", "cross_entropy": "ce",
         "binary_cross_entropy_with_logits": "bce", "mlsml": "mlsml", "mse": "mse"}


# --------------------------------------------------------------------------------------------------- objectives
def criterion(case: Case) -> None:
    if case.path.stem.startswith("metrics_"):
        reduced_metrics(case)
        return
    arrays, hyper = tensors(case), case.hyper
    logits, label = arrays["input/logits"].requires_grad_(), arrays["input/target"]
    is_fork = case.kind in OF_POSITIVES or case.entry["source"] == "fork"
    objective = build_criterion(
        *_named(case), pos_weight=[str(weight) for weight in hyper.get("pos_weight", ())], loss_args=_settings(hyper),
        sample_size="positives" if is_fork else "elements")
    size = float(arrays["loss/sample_size"])
    scores = logits.movedim(-1, 1)
    loss = objective(scores, label) * size
    case.same("loss", loss, arrays["loss/loss"])
    loss.backward()
    case.same("the gradient of the logits", logits.grad, arrays["grad/logits"])
    _same_counts(case, logits, label, arrays)


def multi_head(case: Case) -> None:
    """Stored are the heads of each record and their labels, one behind the other: all others are not known."""
    arrays = tensors(case)
    logits = arrays["input/logits"].requires_grad_()
    row = torch.arange(len(logits)).repeat_interleave(arrays["input/target_idx_lengths"])
    label = torch.full_like(logits, torch.nan)
    label[row, arrays["input/target_idx_flat"]] = arrays["input/target_flat"].float()
    target = TargetSpec("multilabel", tuple(f"head {head}" for head in range(logits.shape[1])))
    objective: Any = build_criterion("multi_head_bce", target, partial=True)
    loss = objective(logits, label)
    case.same("loss", loss, arrays["loss/loss"])
    case.same("sample size", objective.weight(label), arrays["loss/sample_size"])
    loss.backward()
    case.same("the gradient of the logits", logits.grad, arrays["grad/logits"])
    found = metrics.compute(target, label.numpy(), logits.detach().numpy())
    right, known = arrays["output/log_correct"], arrays["output/log_count"]
    case.same("accuracy", found["accuracy"], float(right / known), 1e-6)


def _named(case: Case) -> tuple[str, TargetSpec]:
    focal = case.hyper.get("focal_loss", False)
    name = "focal_ce" if focal else NAMES[case.kind]
    kind: Any = "classes" if name in ("ce", "focal_ce") else "multilabel"
    return name, TargetSpec(kind, tuple("abcde"))


def _settings(hyper: dict[str, Any]) -> list[str]:
    known = {"gamma_neg": "gamma_neg", "gamma_pos": "gamma_pos", "clip": "clip", "alpha": "alpha", "gamma": "gamma",
             "disable_torch_grad_focal_loss": "constant_weight"}
    return [f"{known[key]}={value}" for key, value in hyper.items() if key in known]


def _same_counts(case: Case, logits: Tensor, label: Tensor, arrays: dict[str, Tensor]) -> None:
    """What the original counts in a batch of several labels."""
    if "output/log_tp" not in arrays:
        return
    guess, truth = logits.detach() > 0, label == 1
    pairs = {"tp": guess & truth, "fp": guess & ~truth, "fn": ~guess & truth}
    for name, found in pairs.items():
        case.same(name, float(found.sum()), arrays[f"output/log_{name}"])


def reduced_metrics(case: Case) -> None:
    """The original's rounded loss (bits) and counts of ratio, from our unrounded ones."""
    arrays = tensors(case)
    logits, label = arrays["input/logits"], arrays["input/target"]
    loss = build_criterion("bce", TargetSpec("multilabel", tuple("abcde")))(logits, label)
    case.same("loss", round(float(loss) / math.log(2), 3), arrays["output/loss"])
    guess, truth = logits > 0, label == 1
    right = guess == truth
    case.same("accuracy", round(float(right.float().mean()), 5), arrays["output/accuracy"], 1e-5)
    case.same("em_accuracy", round(float(right.all(1).float().mean()), 5), arrays["output/em_accuracy"], 1e-5)
    both = float((guess & truth).sum())
    case.same("precision", round(both / float(guess.sum()), 5), arrays["output/precision"], 1e-5)
    case.same("recall", round(both / float(truth.sum()), 5), arrays["output/recall"], 1e-5)


def ranking_metrics(case: Case) -> None:
    arrays = case.arrays()
    target, sure = arrays["input/target"], np.clip(arrays["input/score"].astype(np.float64), 1e-12, 1 - 1e-12)
    logits = np.log(sure / (1 - sure))
    found = metrics.compute(TargetSpec("multilabel", tuple("abcde")), target, logits)
    case.same("auroc_macro", found["auroc"], arrays["output/auroc_macro"])
    case.same("auprc_macro", found["auprc"], arrays["output/auprc_macro"])
    flat = metrics.compute(TargetSpec("multilabel", ("all",)), target.reshape(-1, 1), logits.reshape(-1, 1))
    case.same("auroc_micro", flat["auroc"], arrays["output/auroc_micro"])
    case.same("auprc_micro", flat["auprc"], arrays["output/auprc_micro"])
    score = challenge_metric(arrays["input/cinc_labels"], arrays["input/cinc_outputs"], arrays["input/cinc_weights"],
                             int(arrays["input/cinc_sinus_index"]))
    case.same("cinc_score", round(score, 3), arrays["output/cinc_score"], 5e-4)


# ---------------------------------------------------------------------------------------- optimizer and schedules
def adam(case: Case) -> None:
    arrays, hyper = tensors(case), case.hyper
    module = torch.nn.Module()
    module.register_parameter("weight", torch.nn.Parameter(arrays["output/params"][0].clone()))
    optimizer = build_optimizer(module, argparse.Namespace(
        optimizer="fairseq_adam", lr=hyper["lr"], betas=hyper["betas"], eps=hyper["eps"], layer_decay=1.0,
        weight_decay=hyper["weight_decay"]))
    for gradient, expected in zip(arrays["input/grads"], arrays["output/params"][1:]):
        module.weight.grad = gradient.clone()
        optimizer.step()
        case.same("the parameters", module.weight, expected)


def schedules(case: Case) -> None:
    arrays = case.arrays()
    for asked in case.hyper["cases"]:
        expected = arrays[f"output/{asked['index']}/lr"]
        schedule = _schedule(asked, len(expected))
        found = []
        for _ in expected:
            found.append(schedule.get_last_lr()[0])
            schedule.step()
        case.same(f"schedule {asked['index']}", found, expected)


def _schedule(asked: dict[str, Any], updates: int) -> Schedule:
    kind = {"step": "fairseq_step"}.get(asked["scheduler"], asked["scheduler"])
    ours = {"phase_ratio", "hold_steps", "decay_steps", "warmup_steps", "init_lr_scale", "final_lr_scale", "lr_decay",
            "force_anneal", "lr_shrink"}
    words = [f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}"
             for key, value in asked.items() if key in ours]
    words += [f"lr_decay_period={asked['lr_deacy_period']}"] if "lr_deacy_period" in asked else []
    words += [f"lr={','.join(map(str, asked['lr']))}"] if kind == "fixed" else []
    args = argparse.Namespace(scheduler=kind, scheduler_args=words, lr=asked["lr"][0], min_lr=asked.get("min_lr", 0.0),
                              warmup_steps=asked.get("warmup_updates", 0), schedule_unit="update", sources={},
                              warmup_start_lr=asked.get("warmup_init_lr", 0))
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    total = asked.get("max_update") or updates
    return build_schedule(optimizer, args, asked.get("updates_per_epoch") or total, total, "min")


def loss_scale(case: Case) -> None:
    """torch's GradScaler with the original's numbers. With a tolerance the original lowers its scale only where so
    large a share of the updates since the last change overflowed; torch lowers it at each, so they agree up to there.
    """
    hyper, arrays = case.hyper, case.arrays()
    scaler = torch.amp.GradScaler("cpu", init_scale=hyper["init_scale"], growth_factor=hyper["scale_factor"],
                                  backoff_factor=1 / hyper["scale_factor"], growth_interval=hyper["scale_window"])
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.0)
    for number, norm in enumerate(arrays["input/grad_norm"].tolist()):
        scaler.scale(torch.zeros(1))
        weight.grad = torch.tensor([norm])
        scaler.step(optimizer)
        scaler.update()
        overflows = not math.isfinite(norm)
        assert overflows == bool(arrays["output/overflow"][number])
        case.same(f"scale after step {number}", scaler.get_scale(), arrays["output/loss_scale"][number])


# ------------------------------------------------------------------------------------------------- perturbations
def perturbation(case: Case) -> None:
    """Every draw is stored in the order of the original's calls, the gate first."""
    arrays, hyper = case.arrays(), case.hyper
    ecg = arrays["input/ecg"].astype(np.float64)
    keys = sorted((key for key in arrays if key.startswith("input/draw")), key=lambda key: int(key[10:].split("_")[0]))
    draws = [arrays[key] for key in keys][1:]
    found = PERTURBED[case.kind.removesuffix("_nodep")](ecg, draws, hyper)
    if hyper.get("dependency"):
        found = fairseq.with_limb_leads(found)
    case.same("ecg", found.astype(np.float32), arrays["output/ecg"])


def _powerline(ecg: np.ndarray, draws: list[np.ndarray], hyper: dict[str, Any]) -> np.ndarray:
    size, coin, phase = (float(draw.ravel()[0]) for draw in draws)
    return fairseq.powerline(ecg, size, 50 if coin > 0.5 else 60, phase, hyper["freq"])


def _shift(ecg: np.ndarray, draws: list[np.ndarray], hyper: dict[str, Any]) -> np.ndarray:
    stretches = [(float(start), float(length)) for length, start in zip(draws[2::2], draws[3::2])]
    return fairseq.baseline_shift(ecg, draws[0], float(draws[1].ravel()[0]), stretches)


def _wander(ecg: np.ndarray, draws: list[np.ndarray], hyper: dict[str, Any]) -> np.ndarray:
    lead, sizes, rest = draws[0], draws[1].tolist(), [float(draw) for draw in draws[2:]]
    return fairseq.baseline_wander(ecg, lead, sizes, rest[::2], rest[1::2], hyper["freq"])


PERTURBED = {
    "powerline": _powerline, "baseline_shift": _shift, "baseline_wander": _wander,
    "emg": lambda ecg, draws, hyper: ecg + draws[0] * draws[1],
    "random_leads_mask": lambda ecg, draws, hyper: np.where(draws[0][:, None] >= hyper["mask_leads_prob"], ecg, 0),
}


def three_kg(case: Case) -> None:
    """The views of a record; the objective of the same kind has a table of its own."""
    if not case.path.stem.startswith("augment_"):
        return
    arrays, hyper = case.arrays(), case.hyper
    ecg = arrays["input/ecg"]
    for number in (0, 1):
        part = slice(3 * number, 3 * number + 3)
        change = np.eye(3)
        if hyper["angle"]:
            change = fairseq.rotation(arrays["input/angles"][part].tolist()) @ change
        if hyper["scale"]:
            change = np.diag(arrays["input/scales"][part]) @ change
        view = fairseq.through_vcg(ecg.copy(), change)
        if hyper["mask_ratio"]:
            starts = arrays["input/mask_starts"][12 * number:12 * number + 12]
            view = fairseq.mask_around(view, starts, int(hyper["mask_ratio"] * ecg.shape[1]))
        case.same(f"view{number + 1}", view, arrays[f"output/view{number + 1}"])


ADAPTERS = {
    **dict.fromkeys(NAMES, criterion), "multi_head_binary_cross_entropy": multi_head,
    "AUCMeter / compute_scored_confusion_matrix": ranking_metrics,
    "adam": adam, "fixed / tri_stage / step": schedules, "DynamicLossScaler": loss_scale,
    **dict.fromkeys((*PERTURBED, "powerline_nodep"), perturbation), "3kg": three_kg,
}
