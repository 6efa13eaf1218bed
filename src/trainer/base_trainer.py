"""`BaseTrainer`: the life of a run. A family gives `get_criterion`, `forward_pass` and `inference`.

Read `train` first, then `_run_epoch`, `train_epoch`, `backward_and_step`. A run is a folder, its state one checkpoint
that is written whole: a run killed anywhere and resumed gives the same bits as one that was left alone.
"""

from __future__ import annotations

import gc
import math
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import nn

from src import config
from src.data.loaders import SignalLoader
from src.data.signal import TargetSpec
from src.errors import SAME_COMMAND, Diverged, StoppedBySignal, UserError
from src.evaluation import metrics
from src.evaluation.fitted import fit
from src.evaluation.predictions import Predictions
from src.trainer import distributed, parallel, precision, predicting, random_state, run_folder, run_state
from src.trainer.display import say
from src.trainer.early_stopping import Progress
from src.trainer.ema import EMA
from src.trainer.feed import Feed
from src.trainer.losses import to_device
from src.trainer.meter import Meter
from src.trainer.optimizers import build_optimizer, freeze
from src.trainer.reporter import Reporter
from src.trainer.schedule import build_schedule
from src.trainer.signals import StopSignals
from src.trainer.step import Step
from src.trainer.template import TemplateMethods
from src.trainer.trouble import explain_divergence, explain_memory, is_out_of_memory


class BaseTrainer(TemplateMethods, ABC):
    """Trains `model` on `train_loader`, judges it on `val_loader` (or a dict of them: the first decides what is best).

    `args` is a Namespace of flags; what it lacks has the flag's default. Loaders give Batches, tuples or dicts. `data`
    (data set, parts, normaliser) goes into the checkpoints, so that testing asks for nothing else. `self.model` is
    always the raw module.
    """

    shown: tuple[str, ...] = ()  # values of validation that people see beside the monitored one
    whole_batches = False  # True where the records of a batch are compared: validation may not cut it

    def __init__(self, model: nn.Module, args: Any, train_loader=None, val_loader=None, test_loader=None, data=None):
        self.args = config.complete(args)
        self.world = distributed.join(self.args.device)
        self.device = distributed.choose_device(self.args.device, self.world)
        self.precision = precision.choose(self.args, self.device)
        self.scaler = self.precision.scaler
        self.data = data
        self.target: TargetSpec = data.target if data is not None else TargetSpec("none")
        self.train_loader, self.test_loader = train_loader, test_loader
        alone = {} if val_loader is None else {"val": val_loader}
        self.val_loaders = val_loader if isinstance(val_loader, dict) else alone
        if self.args.deterministic:
            random_state.make_deterministic()
        random_state.seed_all(random_state.derive(self.args.seed, "weights"))
        if not getattr(model, "weights_loaded", False) and hasattr(model, "init_weights"):
            model.init_weights()
        self.model = model.to(self.device)
        for companion in self.companions().values():
            companion.to(self.device).eval().requires_grad_(False)
        self.criterion = to_device(self.get_criterion(), self.device)
        self.signals, self.meter = StopSignals(), Meter()
        self.folder: Path | None = None
        self.current_epoch = self.global_step = 0
        self.is_inside_epoch = False
        self.fitted: dict[str, Any] = {}  # on the predictions of the last validation: thresholds, temperature
        self.optimizer = self.scheduler = self.ema = self.reporter = None
        self.steps_itself = False
        if train_loader is None:
            self.forward_pass = parallel.with_autocast(self.forward_pass, self.precision)
        else:
            self._set_up_training()

    def _set_up_training(self) -> None:
        args = self.args
        self.feed = Feed(self.train_loader, self.world, args.seed)
        self.updates_per_epoch = math.ceil(len(self.feed) / args.grad_accum_steps)
        self.total_updates = args.max_steps or args.epochs * self.updates_per_epoch
        self.epochs = math.ceil(self.total_updates / self.updates_per_epoch)
        freeze(self.model, args.freeze)
        if args.compile:
            self.model.compile()
        monitor = (args.monitor or self.target.monitor).removeprefix("val_")
        patience = args.patience if args.early_stopping else None
        self.progress = Progress(monitor, predicting.direction(monitor), patience, args.min_delta)
        self.optimizer = self.get_optimizer()
        self.scheduler = self.get_scheduler(self.optimizer)
        self.ema = EMA(self.model, args.ema) if args.ema else None
        batch_size = self.feed.batch_size or args.batch_size
        self.step = Step(self.optimizer, self.scheduler, self.scaler, self.world, clip=args.grad_clip,
                         accumulate=args.grad_accum_steps, ema=self.ema,
                         nominal=float(batch_size * args.grad_accum_steps * self.world.size))
        self.forward_pass = parallel.wrap(self.forward_pass, self.model, self.precision, self.world, self._ends_update)
        self.reporter = Reporter(self)

    # ------------------------------------------------------------------------------ what a family gives
    @abstractmethod
    def get_criterion(self) -> Any:
        """The loss, or a tuple, list or dict of losses; kept as `self.criterion`."""

    @abstractmethod
    def forward_pass(self, batch: Any) -> tuple:
        """(losses, predictions) or (losses, predictions, weight). losses: one mean, or a tuple, list or dict whose sum
        is minimised and whose parts are logged; weight: the items behind the mean (default: the batch)."""

    @abstractmethod
    def inference(self, batch: Any) -> Any:
        """What the model predicts for a batch, without labels."""

    def companions(self) -> dict[str, nn.Module]:
        """Frozen modules (a teacher) that are moved, kept in evaluation mode and stored in the checkpoint."""
        return {}

    def target_of(self, loader: Any, trained: TargetSpec) -> TargetSpec:
        """What the predictions for `loader` are of, where it is not what was trained (strangers to be identified)."""
        return trained

    def report_sections(self, loader: Any) -> list:
        """Further sections of this family for the report."""
        return []

    def gathered_loss(self, scores: torch.Tensor, labels: torch.Tensor) -> float | None:
        """The validation loss from all predictions at once, where it is a mean over them; None = mean over batches."""
        return None

    def get_optimizer(self) -> torch.optim.Optimizer:
        return build_optimizer(self.model, self.args)

    def get_scheduler(self, optimizer: torch.optim.Optimizer) -> Any:
        return build_schedule(optimizer, self.args, self.updates_per_epoch, self.total_updates, self.progress.mode)

    # ----------------------------------------------------------------------------------------- a run
    def train(self) -> None:
        """The whole run: every epoch, validation, checkpoint; ends with the best weights in the model."""
        with self.signals:
            try:
                self._open()
                while not self.is_complete:
                    self._run_epoch(self.current_epoch)
                self._finish()
            except predicting.Abandoned:
                if self.world.is_main and self.folder is not None:
                    run_folder.remove_unsaved(self.folder)
                raise StoppedBySignal(f"{self._signal}: stopped before the first step; nothing was trained") from None
            except Diverged as error:
                raise explain_divergence(self, error) from None
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                raise explain_memory(self) from None
            finally:
                self._close()

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to train: the last update or epoch is over, or early stopping has ended the run."""
        is_over = self.global_step >= self.total_updates or self.current_epoch >= self.epochs
        return (is_over or self.progress.should_stop) and not self.is_inside_epoch

    def _run_epoch(self, epoch: int) -> None:
        started = time.time()
        if not self.is_inside_epoch:
            self.feed.go_to(epoch)
            self.meter.reset()
        self.is_inside_epoch = True
        self.reporter.phase("training")
        step_before, place_before = self.global_step, self.feed.place
        is_trained = self.feed.is_done or self.global_step >= self.total_updates  # resumed: only validation is left
        train = self._read_meter() if is_trained else self.train_epoch(self.feed)
        rate = self.world.size * self.meter.samples_of_epoch / (time.time() - started)
        self._count_foreign_updates(step_before, place_before)
        last = self.global_step >= self.total_updates
        values = self._validate() if (epoch + 1) % self.args.eval_freq == 0 or last else {}
        is_best = self._judge(values, epoch)
        self.current_epoch, self.is_inside_epoch = epoch + 1, False
        self.reporter.epoch(train, values, is_best, rate, time.time() - started)
        self._save(is_best)
        gc.collect()
        if self.world.sum(float(self.signals.received is not None))[0]:
            self._leave()

    def train_epoch(self, train_loader: Any) -> dict[str, float]:
        """One pass over the training part; returns the mean of every loss."""
        self.model.train()
        for batch in train_loader:
            losses, _, *weight = self.forward_pass(batch)
            if isinstance(losses, torch.Tensor):
                self.backward_and_step(losses, *weight)
            else:
                parts = predicting.named_losses(losses)
                self.backward_and_step(sum(parts.values()), *weight, parts=parts)
        return self._read_meter()

    def backward_and_step(self, loss: torch.Tensor, weight: float | None = None, parts: dict | None = None) -> None:
        """Backward of one micro-batch and, when the update is complete, one optimizer step; also for own loops."""
        batch = self.feed.batch
        samples = predicting.size_of(batch)
        weight = samples if weight is None else weight
        self.step.backward(loss, weight)
        self.meter.add(loss, weight, batch, parts, samples)
        if self.step.pending >= self.step.accumulate or self.feed.is_last:
            self._update()

    def log(self, name: str, value: Any) -> None:
        """Watch a value of this batch: logged beside the losses, not trained on."""
        self.meter.watched[name] = torch.as_tensor(value)

    def mixed_precision_step(self, loss: torch.Tensor) -> None:
        """One whole update from `loss`: backward, clip, optimizer, scaler, schedule, zero grad."""
        self.backward_and_step(loss)

    def _update(self) -> None:
        norm = self.step.update(self.signals.received is not None)
        self.global_step += 1
        self.meter.add_norm(norm)
        if self.reporter.profiler is not None:
            self.reporter.profiler.step()
        if self.global_step % self.args.print_freq == 0:
            self._read_meter()
            self.reporter.interval()
        if self.global_step >= self.total_updates:
            self.feed.end()
        if self.step.stop_asked:
            self._save(False)
            self._leave()
        elif self.args.save_steps and self.global_step % self.args.save_steps == 0:
            self._save(False)

    def validate_epoch(self, val_loader: Any) -> dict[str, float]:
        """The loss and the target's metrics over all records of all ranks, each counted once; keys start with val_."""
        found = self.predict(val_loader)
        if val_loader is next(iter(self.val_loaders.values()), None):  # not its first batches, nor a test part
            self.fitted = fit(self.target, found)
        values = {} if found.loss is None else {"val_loss": found.loss}
        if found.labels is not None and metrics.names(self.target):
            scored = metrics.compute(self.target, found.labels, found.scores)
            values |= {f"val_{name}": value for name, value in scored.items()}
        return values

    def test(self) -> dict[str, float]:
        """Loss and metrics of the test loader with the weights that the model holds; also written to metrics.jsonl."""
        values = {name.removeprefix("val_"): value for name, value in self.validate_epoch(self.test_loader).items()}
        if isinstance(self.test_loader, SignalLoader):
            self.test_loader.close()
        if self.reporter is not None:
            self.reporter.write("test", subset="test", metrics=values)
        return values

    def predict(self, loader: Any) -> Predictions:
        """Raw outputs, labels and mean loss for every record of `loader`, in the order of the table, on every rank."""
        return predicting.predict(self, loader)

    # -------------------------------------------------------------------------------- parts of an epoch
    def _validate(self) -> dict[str, float]:
        """Metrics of every validation subset, the first without a prefix; with EMA the average is what is judged."""
        self.reporter.phase("validating")
        try:
            if self.ema is None:
                return self._validate_subsets(self.val_loaders)
            raw = self._validate_subsets(self.val_loaders)
            with self.ema.applied():
                return self._validate_subsets(self.val_loaders) | {f"raw_{name}": raw[name] for name in raw}
        except predicting.Abandoned:
            self._save(False)  # the epoch's training is done: a resumed run validates first
            self._leave()
            raise

    def _validate_subsets(self, loaders: dict[str, Any]) -> dict[str, float]:
        self.model.eval()
        values: dict[str, float] = {}
        for number, (name, loader) in enumerate(loaders.items()):
            with torch.no_grad():
                found = {key.removeprefix("val_"): float(value) for key, value in self.validate_epoch(loader).items()}
            values |= found if number == 0 else {f"{name}_{key}": value for key, value in found.items()}
        return values

    def check_validation(self) -> None:
        """Two batches of every validation subset before the first step: a mistake shows now, not after an epoch."""
        first = {name: predicting.First(loader, 2) for name, loader in self.val_loaders.items()}
        values = self._validate_subsets(first)
        known = {"loss", *values, *metrics.names(self.target)}
        if self.val_loaders and self.progress.monitor not in known:
            raise UserError(f"--monitor {self.progress.monitor}: validation gives no such metric",
                            f"it gives: {', '.join(sorted(known))}")

    def _judge(self, values: dict[str, float], epoch: int) -> bool:
        """Whether these weights are the best so far; told to the plateau schedule and to schedules of torch."""
        value = values.get(self.progress.monitor)
        if value is not None and hasattr(self.scheduler, "observe"):
            self.scheduler.observe(value)
        elif isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(values.get("loss", math.nan))
        elif not self.step.follows_updates:
            self.scheduler.step()
        if value is None:
            return not self.val_loaders  # nothing to judge by: the newest weights are what is kept
        return self.progress.update(value, epoch + 1)

    def _count_foreign_updates(self, step_before: int, place_before: int) -> None:
        """A loop that calls its own optimizer.step() is counted by its batches, and resumes at the ends of epochs."""
        if self.global_step != step_before or self.feed.place == place_before:
            return
        if self.world.is_main and not self.steps_itself:
            say("this trainer steps its optimizer itself: such a run resumes at the ends of epochs, not inside them")
        self.steps_itself = True
        self.global_step += self.updates_per_epoch
        for _ in range(self.updates_per_epoch if self.step.follows_updates else 0):
            self.scheduler.step()

    def _ends_update(self) -> bool:
        return self.step.pending + 1 >= self.step.accumulate or self.feed.is_last

    def _read_meter(self) -> dict[str, float]:
        self.meter.read(norms_may_overflow=self.scaler is not None)
        return self.meter.means(self.world)

    # ------------------------------------------------------------------------------ opening and leaving
    def _open(self) -> None:
        """Make or reopen the run's folder, restore its state, check validation, begin to report."""
        state = run_state.open_run(self)
        if state is None:
            self.check_validation()
        if self.world.is_main:
            run_folder.point_to(self.folder)
        self.reporter.open(state["resume"]["tracking"] if state else None)
        self.world.barrier()
        gc.collect()
        gc.freeze()  # what exists now lives as long as the run: the collector need not look at it again

    def _save(self, is_best: bool) -> None:
        self._read_meter()  # a loop of one's own leaves losses unread; never save weights after one that is not finite
        run_state.save(self, is_best)

    def _finish(self) -> None:
        run_state.finish(self, self.reporter.end("finished", best=self.progress.best))

    def stop_if_asked(self) -> None:
        """Between the runs of one command: StoppedBySignal where a signal came while this one was ending."""
        if self.world.sum(float(self.signals.received is not None))[0]:
            raise StoppedBySignal(f"{self._signal}: {self.folder} is finished", SAME_COMMAND)

    @property
    def _signal(self) -> str:
        return self.signals.received or "a signal on another rank"

    def _leave(self) -> None:
        self.reporter.end("stopped")
        raise StoppedBySignal(f"{self._signal}: saved at epoch {self.feed.epoch + 1}, step {self.global_step}",
                              f"python train.py --resume {self.folder}")

    def _close(self) -> None:
        gc.unfreeze()
        self.reporter.close()
        for loader in (self.train_loader, *self.val_loaders.values()):
            if isinstance(loader, SignalLoader):
                loader.close()
