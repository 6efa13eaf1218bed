"""The documentation says what is so: every command runs, the table of models is the registry's."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib import import_module
from pathlib import Path

import pytest

from src import registry
from tests.data.sets import fairseq_files

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["--limit", "6", "--preset", "tiny", "--max_steps", "2", "--dataset_args", "cache_mb=16"]


def commands() -> list[str]:
    """The right-hand sides of coming_from.md, in order."""
    found = []
    for line in (ROOT / "docs/coming_from.md").read_text(encoding="utf8").splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) == 4:
            found += [code for code in re.findall(r"`([^`]+)`", cells[2]) if code.startswith(("python ", "for "))]
    return found


def expanded(command: str) -> list[str]:
    """A shell loop as its commands."""
    loop = re.fullmatch(r"for (\w+) in ([^;]+); do (.+); done", command)
    if not loop:
        return [command]
    name, values, body = loop.groups()
    return [body.replace(f"${name}", value) for value in values.split()]


def run(command: str) -> int:
    _, script, *words = shlex.split(command)
    if script == "train.py":
        words += SMALL[:-2] if "--data_path" in words else SMALL  # files have no cache
    return import_module(script.removesuffix(".py")).main(words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A place with a small folder of recordings, where runs may be written."""
    import prepare

    place = tmp_path_factory.mktemp("coming_from")
    words = ["simulate", "--layout", "wfdb", "--output", str(place / "my_recordings"), "--limit", "40"]
    assert prepare.main(words) == 0
    words = ["simulate", "--layout", "tensor_pipeline", "--output", str(place / "Dataset"), "--limit", "40"]
    assert prepare.main([*words, "--dataset_args", "patients=40", "cache_mb=1"]) == 0
    shutil.copytree(place / "Dataset/logs", place / "logs")
    small = ["subjects=2", "words=3", "trials_per_word=10", "test_trials_per_word=2", "stretches=10"]
    words = ["simulate", "--dataset", "simulated_seeg", "--layout", "duin", "--output", str(place / "my_release")]
    assert prepare.main([*words, "--dataset_args", *small]) == 0
    words = ["simulate", "--layout", "mimic", "--output", str(place / "my_mimic"), "--limit", "40"]
    assert prepare.main([*words, "--dataset_args", "patients=40"]) == 0
    fairseq_files.write_pairs(place / "my_pairs")
    fairseq_files.write_manifests(place / "my_manifests", 16)
    fairseq_files.write_arrays(place / "my_arrays", 16)
    fairseq_files.write_people(place / "my_people")
    fairseq_files.write_visits(place / "my_visits")
    return place


def name_as_published() -> None:
    """The newest checkpoint of each stage in Du-IN's layout also under the number that the commands name."""
    for folder in Path("pretrains").glob("duin/*/*/model"):
        newest = max(folder.glob("checkpoint-?.pth"), default=None)
        if newest is not None:
            shutil.copy(newest, folder / "checkpoint-399.pth")


def test_every_command_of_coming_from_runs(folder, monkeypatch, capsys):
    """Those that are many runs are shown only; the slow test runs them."""
    monkeypatch.chdir(folder)
    assert run_all(lambda command: "cls-mae-seed42" not in command, capsys, "--dry_run") > 30


@pytest.mark.slow
def test_every_pipeline_of_coming_from_runs(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert run_all(lambda command: "--pipeline" in command or "cls-mae-seed42" in command, capsys) == 5


def run_all(wanted, capsys, *more: str) -> int:
    """How many commands ran; `more` is added to pipelines."""
    ran = 0
    for written in commands():
        for command in filter(wanted, expanded(written)):
            command = " ".join([command, *more]) if "--pipeline" in command else command
            assert run(command) == 0, f"{command}\n{capsys.readouterr().err[-2000:]}"
            name_as_published()
            ran += 1
    return ran


def test_the_readme_lists_every_model():
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    table = readme.split("<!-- models -->")[1].split("<!-- /models -->")[0].strip()
    rows = [f"| `{name}` | {row.about} | `{row.dataset}` |" for name, row in registry.MODELS.items()]
    assert table.splitlines() == ["| `--model` | what it is | trained by default on |", "|---|---|---|", *rows]


def test_links_in_the_documentation_lead_somewhere():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_python_file_is_found_by_git_ignore_rules():
    """Patterns are anchored: /data/ must not hide src/data."""
    import subprocess

    hidden = subprocess.run(["git", "check-ignore", "src/data/signal.py", "src/models/model.py"], cwd=ROOT,
                            capture_output=True, text=True)
    assert hidden.stdout == ""
