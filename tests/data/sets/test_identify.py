"""Manifests of people to train on and of strangers, a gallery and probes, from manifests of recordings."""

from __future__ import annotations

import prepare
from src.data.open import open_dataset
from tests.data.sets.fairseq_files import record, write_manifests


def write(tmp_path, people=20):
    """Two recordings of each person, three of the first, one of the last."""
    folder = write_manifests(tmp_path / "M", 2 * people, label_file=False)
    for number in range(2 * people):
        record(folder / "mats" / f"r{number}.mat", number, patient_id=min(number // 2, people - 2))
    record(folder / "mats" / f"r{2 * people - 1}.mat", 0, patient_id=people)
    return folder


def test_strangers_have_a_record_in_the_gallery_and_one_among_the_probes(tmp_path, capsys):
    folder = write(tmp_path)
    words = ["identify", str(folder), "--split_ratio", "0.6", "0.2", "0.2"]
    for name in ("one", "same"):
        assert prepare.main([*words, "--output", str(tmp_path / name)]) == 0
    assert "1 with one recording are left out" in capsys.readouterr().out
    files = sorted(path.name for path in (tmp_path / "one").glob("*"))
    assert files == ["test_gallery.tsv", "test_probe.tsv", "train.tsv", "valid_gallery.tsv", "valid_probe.tsv"]
    assert all((tmp_path / "one" / name).read_text() == (tmp_path / "same" / name).read_text() for name in files)
    found = open_dataset("manifest", tmp_path / "one", {})
    role, people = found.info["role"], found.records.subject
    trained = set(people[role == ""].tolist())
    assert len(trained) == len(found.target.names)
    assert people[role == "gallery"].tolist() == people[role == "probe"].tolist()
    assert not trained & set(people[role == "gallery"].tolist())


def test_identification_asks_for_people(tmp_path, capsys):
    folder = write_manifests(tmp_path / "M", 8)
    assert prepare.main(["identify", str(folder), "--output", str(tmp_path / "out")]) == 2
    assert "0 people have two recordings" in capsys.readouterr().err
    assert prepare.main(["identify", str(tmp_path / "nowhere")]) == 2
    assert "no manifest" in capsys.readouterr().err
    assert prepare.main(["identify", str(folder), "--raw_root", "."]) == 2
    assert "--raw_root: has no effect" in capsys.readouterr().err
