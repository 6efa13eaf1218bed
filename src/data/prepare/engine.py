"""`prepare`: all records of a raw set through `prepare_block`, by processes of this machine or by Ray.

Blocks are given out in order, a few at a time, and are independent: which process does which does not show in what is
written. A folder is locked while it is worked on; shards of a batch system (`--shard i/n`) work in it side by side and
the last one to end finishes it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import Any

from src.data.prepare.blocks import FOLDER, Job, Stopped, journal_path, prepare_block
from src.data.prepare.finish import Summary, finish, lacking
from src.data.prepare.journal import read_journal
from src.data.prepare.lock import locked
from src.data.prepare.options import PrepareConfig
from src.data.prepare.plan import Plan, file_names, in_order, make_plan
from src.data.prepare.progress import Counter, say
from src.data.prepare.raw import RawRecord, RawSet
from src.errors import BadRecord, StoppedBySignal, UserError
from src.machine import cores

LOCK, FINISH_LOCK = "lock", "finish.lock"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
LOOK_S = 0.25  # between two looks at progress and signals

Block = tuple[int, list[RawRecord], list[str]]


@dataclass(frozen=True)
class Settings:
    """How to prepare; none of `workers`, `engine` and `shard` changes what is written."""

    config: PrepareConfig = field(default_factory=PrepareConfig)
    store: str = "npz"
    limit: int | None = None
    workers: int | None = None  # processes; None = one per core, 0 = in this one
    on_bad_record: str = "skip"
    shard: tuple[int, int] | None = None  # this part (from 1) of so many
    engine: str = "local"
    split: tuple[float, ...] = (0.8, 0.1, 0.1, 42)  # shares of train, valid and test, and the seed
    options: dict[str, str] = field(default_factory=dict)  # those of the raw set, as typed


def prepare(raw: RawSet, root: Path, output: Path, settings: Settings) -> Summary | None:
    """The prepared data set in `output`; None where other shards have not ended.

    Goes on with what an earlier call left there. UserError for a folder that another preparation works in, that was
    begun with other settings or holds something else; StoppedBySignal when asked to stop.
    """
    _check_folder(output)
    with _lock(output, settings.shard):
        records = in_order(raw, settings.limit)
        plan = _plan(raw, records, root, output, settings)
        if plan.missing and settings.on_bad_record == "error":
            name, why = next(iter(plan.missing.items()))
            raise BadRecord(name, why, "--on_bad_record skip leaves it out")
        _prepare_blocks(plan, records, root, output, settings)
        return _finish_together(output, plan)


def merge(output: Path) -> Summary:
    """Finish a folder whose shards have all ended; UserError says what is missing."""
    plan = Plan.load(output)
    if plan is None:
        raise UserError(f"{output}: no preparation was begun here", "python prepare.py SET --raw_root DIR --output DIR")
    with locked(output / FOLDER / LOCK), locked(output / FOLDER / FINISH_LOCK, wait=True):
        if blocks := lacking(output, plan):
            raise UserError(f"{output}: {len(blocks)} of {plan.blocks} blocks of records are not finished",
                            "give the commands of the shards that were stopped again")
        return finish(output, plan)


def _check_folder(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: a file", "name a folder")
    if output.is_dir() and not (output / FOLDER).is_dir() and any(
            not (path / FOLDER).is_dir() for path in output.iterdir()):  # a preparation of its own is no obstacle
        raise UserError(f"--output {output}: not an empty folder, and no preparation was begun in it",
                        "name a new one; nothing is overwritten")


@contextmanager
def _lock(output: Path, shard: tuple[int, int] | None) -> Iterator[None]:
    folder = output / FOLDER
    if shard is None:
        with locked(folder / LOCK):
            yield
        return
    with locked(folder / LOCK, shared=True), locked(folder / f"shard-{shard[0]}-of-{shard[1]}.lock"):
        yield


def _plan(raw: RawSet, records: list[RawRecord], root: Path, output: Path, settings: Settings) -> Plan:
    begun = Plan.load(output)
    plan = make_plan(raw, records, root, settings.config, options=settings.options, store=settings.store,
                     limit=settings.limit, split=settings.split, begun=begun)
    if begun is None:
        plan.save(output)
    return plan


def _finish_together(output: Path, plan: Plan) -> Summary | None:
    """Of shards that end at the same time one finishes the folder."""
    with locked(output / FOLDER / FINISH_LOCK, wait=True):
        return None if lacking(output, plan) else finish(output, plan)


def _prepare_blocks(plan: Plan, records: list[RawRecord], root: Path, output: Path, settings: Settings) -> None:
    files, job = file_names(records), plan.job(root, output, settings.on_bad_record == "error")
    part, parts = settings.shard or (1, 1)
    rows = {block: plan.rows(block) for block in range(part - 1, plan.blocks, parts)}
    mine = [block for block in lacking(output, plan) if block in rows]
    total = sum(row.stop - row.start for row in rows.values())
    already = total - sum(rows[block].stop - rows[block].start - len(read_journal(journal_path(output, block))[0])
                          for block in mine)
    if not mine:
        return
    if already:
        say(f"going on: {already} of {total} records are there")
    blocks: Iterator[Block] = ((block, records[rows[block]], files[rows[block]]) for block in mine)
    engine = _with_ray if settings.engine == "ray" else _with_processes
    with Counter(total, already) as counter, _stop_signals() as stop:
        try:
            engine(job, blocks, _workers(settings.workers, len(mine)), stop, lambda now: counter.show(already + now))
        except Stopped:
            raise StoppedBySignal(f"stopped; what is finished is in {output}: the same command goes on") from None


def _workers(asked: int | None, blocks: int) -> int:
    return min(cores() if asked is None else asked, blocks)


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Whether one of the signals that ask to stop came."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, lambda number, frame: asked.append(number)) for number in ASKING}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _with_processes(job: Job, blocks: Iterator[Block], workers: int, stop: Callable[[], bool],
                    show: Callable[[int], None]) -> None:
    if workers == 0:
        return _in_this_process(job, blocks, stop, show)
    context = get_context("spawn")
    counter, stopped = context.Value("q", 0), context.Event()
    pool = ProcessPoolExecutor(workers, context, _start_worker, (counter, stopped))
    waiting: set[Future] = set()
    try:
        with _one_thread_each():
            waiting = {pool.submit(_block_in_worker, job, *block) for _, block in zip(range(2 * workers), blocks)}
        while waiting:
            ended, waiting = wait(waiting, LOOK_S, FIRST_COMPLETED)
            for future in ended:
                future.result()
            if stop():
                stopped.set()
                raise Stopped
            waiting |= {pool.submit(_block_in_worker, job, *block) for _, block in zip(ended, blocks)}
            show(counter.value)
    except BrokenProcessPool:
        raise UserError("a worker process died: perhaps the machine ran out of memory",
                        "the same command goes on where it was; give fewer --num_workers") from None
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _in_this_process(job: Job, blocks: Iterator[Block], stop: Callable[[], bool], show: Callable[[int], None]) -> None:
    done = 0

    def finished() -> bool:
        nonlocal done
        done += 1
        show(done)
        return not stop()

    for block in blocks:
        prepare_block(job, *block, finished)
        if stop():
            raise Stopped


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Workers inherit the environment: libraries that bring threads of their own use one."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


_worker: dict[str, Any] = {}


def _start_worker(counter: Any, stopped: Any) -> None:
    """The parent answers signals; without it nobody would end this process."""
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)
    _worker.update(counter=counter, stopped=stopped)
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (wait_for([parent.sentinel]), os._exit(1)), daemon=True).start()


def _block_in_worker(job: Job, block: int, records: list[RawRecord], files: list[str]) -> None:
    def finished() -> bool:
        with _worker["counter"].get_lock():
            _worker["counter"].value += 1
        return not _worker["stopped"].is_set()

    if not _worker["stopped"].is_set():
        prepare_block(job, block, records, files, finished)


def _with_ray(job: Job, blocks: Iterator[Block], workers: int, stop: Callable[[], bool],
              show: Callable[[int], None]) -> None:
    """The cluster that RAY_ADDRESS names, else one of this machine; its nodes see the same folders."""
    try:
        import ray
    except ImportError:
        raise UserError("--engine ray: the package ray is not installed", "uv sync --extra ray") from None
    begun = not ray.is_initialized()
    if begun:
        local = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": max(workers, 1), "include_dashboard": False}
        ray.init(log_to_driver=False, configure_logging=False, **local)
    try:
        task = ray.remote(prepare_block).options(max_retries=3)
        shared, done, sizes = ray.put(job), 0, {}
        at_once = 2 * max(int(ray.cluster_resources().get("CPU", workers)), 1)
        for block in blocks:
            sizes[task.remote(shared, *block)] = len(block[1])
            if len(sizes) >= at_once:
                done += _ended(ray, sizes, stop)
                show(done)
        while sizes:
            done += _ended(ray, sizes, stop)
            show(done)
    finally:
        if begun:
            ray.shutdown()


def _ended(ray: Any, sizes: dict[Any, int], stop: Callable[[], bool]) -> int:
    """Wait for one block or more; how many records they had."""
    while True:
        ended, _ = ray.wait(list(sizes), timeout=LOOK_S)
        if stop():
            raise Stopped
        if ended:
            try:
                ray.get(ended)
            except ray.exceptions.RayTaskError as error:
                raise error.cause if isinstance(error.cause, UserError) else error from None
            return sum(sizes.pop(reference) for reference in ended)
