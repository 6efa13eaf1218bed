from __future__ import annotations

import shutil

import numpy as np
import pytest

from src.data.readers.mat import mat_names, read_mat
from src.data.sets.manifest import ManifestDataset
from src.errors import UserError
from src.interop.layouts.ecgfm import Tree
from src.interop.mat_files import write_mat
from src.pipelines.ecgfm_build import build_stage
from src.pipelines.ecgfm_labels import read_record_labels
from tests.pipelines.ecgfm_files import prepared, write_raw


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Base folder and raw root with all stages done."""
    place = tmp_path_factory.mktemp("build")
    raw = write_raw(place / "mimic")
    tree = prepared(place / "base", raw)
    build_stage(tree, raw_root=raw, workers=0)
    return tree.base, raw


@pytest.fixture
def built(once, tmp_path):
    """A copy to change."""
    base = tmp_path / "base"
    shutil.copytree(once[0], base, symlinks=True)
    return Tree(base), once[1]


def rebuild(built, **more):
    return build_stage(built[0], raw_root=built[1], workers=0, **more)


def manifest_of(tree, part):
    return [line.split("\t") for line in (tree.manifests / f"{part}.tsv").read_text().splitlines()]


def test_every_segment_has_the_labels_of_its_record_and_a_row_of_its_own(once):
    tree, rows = Tree(once[0]), []
    known, y = read_record_labels(once[0] / "labels/computed_labels"), np.load(tree.manifests / "y.npy")
    owners = np.load(tree.manifests / "original_idx_order.npy")
    for part in ("train", "valid", "test"):
        root, *lines = manifest_of(tree, part)
        assert root == [str(tree.segments.resolve())]
        for name, samples in lines:
            path = tree.segments / name
            idx, study = (int(read_mat(path, key)[0, 0]) for key in ("idx", "original_idx"))
            rows.append(idx)
            assert samples == "2500"
            assert owners[idx] == study
            assert np.array_equal(y[idx], known.of(study))
            whole = read_mat(tree.mats / f"mimic_iv_ecg_{study}.mat", "feats")
            number = int(name.removesuffix(".mat").rpartition("_")[2])
            assert np.array_equal(read_mat(path, "feats"), whole[:, 2500 * number:2500 * (number + 1)])
    assert rows == list(range(len(y))) == list(range(48))


def test_patients_are_written_into_segments_but_not_as_the_original(built):
    tree = built[0]
    path = next(tree.segments.glob("*.mat"))
    study = str(int(read_mat(path, "original_idx")[0, 0]))
    patient = next(line for line in (built[1] / "record_list.csv").read_text().splitlines() if study in line)
    assert str(int(read_mat(path, "patient_id")[0, 0])) == patient.split(",")[0]
    rebuild(built, replica=True)
    assert set(mat_names(path)) == {"feats", "curr_sample_rate", "idx", "original_idx"}


def test_a_second_build_writes_no_segment_again(built):
    assert any("48 segments of 24 records, 0 now" in line for line in rebuild(built))


def test_a_record_that_is_gone_takes_its_segments_along_and_the_rest_is_renumbered(built):
    tree = built[0]
    first = manifest_of(tree, "train")[1][0].rpartition("_")[0]
    (tree.mats / f"{first}.mat").unlink()
    lines = rebuild(built)
    assert any("2 segments of other builds removed" in line for line in lines)
    assert not list(tree.segments.glob(f"{first}_*.mat"))
    names = [name for part in ("train", "valid", "test") for name, _ in manifest_of(tree, part)[1:]]
    assert [int(read_mat(tree.segments / name, "idx")[0, 0]) for name in names] == list(range(46))
    assert len(np.load(tree.manifests / "y.npy")) == 46


def test_files_of_others_in_the_folder_stay(built):
    other = built[0].segments / "notes.mat"
    other.write_bytes(b"mine")
    rebuild(built)
    assert other.exists()


def test_a_build_that_was_stopped_cannot_be_trained_on(built, monkeypatch):
    (built[0].mats / f"{manifest_of(built[0], 'train')[1][0].rpartition('_')[0]}.mat").unlink()
    monkeypatch.setattr("src.pipelines.ecgfm_build.cut_record", stop)
    with pytest.raises(KeyboardInterrupt):
        rebuild(built)
    assert not list(built[0].manifests.glob("*.tsv"))


def stop(*_, **__):
    raise KeyboardInterrupt


def test_records_without_labels_and_labels_without_records_are_counted(built):
    tree = built[0]
    labels = tree.base / "labels/computed_labels/study_id_mapping.csv"
    lines = labels.read_text().splitlines()
    labels.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    tested = (tree.test / "test_file_list.csv").read_text().splitlines()[-1].split(",")[2]
    (tree.mats / tested).unlink()
    notes = [line for line in rebuild(built) if line.startswith("note")]
    assert any("1 records have a 10 s file and no labels" in line for line in notes)
    assert any("1 labelled test records have no 10 s file" in line for line in notes)
    assert not (tree.test / "mats" / tested).is_symlink()


def test_the_test_set_is_links_and_tables(once):
    tree = Tree(once[0])
    listed = [line.split(",") for line in (tree.test / "test_file_list.csv").read_text().splitlines()]
    assert listed[0] == ["idx", "study_id", "save_file"]
    for _, study, name in listed[1:]:
        link = tree.test / "mats" / name
        assert link.is_symlink()
        assert link.resolve() == (tree.mats / name).resolve()
        assert study in name
    labels = (tree.test / "test_labels.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in labels[1:]] == sorted(row[1] for row in listed[1:])
    assert set(",".join(line.partition(",")[2] for line in labels[1:]).split(",")) <= {"0.0", "1.0"}
    assert (tree.test / "label_def.csv").read_bytes().endswith(b"\n")


def test_files_at_another_rate_stop_the_build(built):
    path = next(built[0].mats.glob("*.mat"))
    write_mat(path, {"feats": np.zeros((12, 5000)), "curr_sample_rate": np.array([[250.0]])})
    with pytest.raises(UserError, match=r"is at \[250.0\] Hz; segments are cut at 500 Hz"):
        rebuild(built)


def test_labels_of_whole_records_are_refused_for_segments(once):
    tree = Tree(once[0])
    data = ManifestDataset(ManifestDataset.Config(), tree.manifests)
    assert len(data) == 48
    assert data.subsets == ("train", "valid", "test")
    assert len(data.target.names) == 17
    whole = str(once[0] / "labels/computed_labels/y.npy")
    assert len(np.load(whole)) == 24
    with pytest.raises(UserError, match="24 rows of labels for 48 segments"):
        ManifestDataset(ManifestDataset.Config(label_file=whole), tree.manifests)


def test_labels_without_a_mapping_are_addressed_by_the_study(tmp_path):
    (tmp_path / "label_def.csv").write_text("name\nA\nB\n")
    (tmp_path / "labels.csv").write_text("idx,B,A\n40,1,0\n7,0,0\n")
    found = read_record_labels(tmp_path)
    assert found.names == ("A", "B")
    assert found.of(40).tolist() == [0, 1]
    assert found.of(7).tolist() == [0, 0]
    (tmp_path / "labels.csv").write_text("idx,B,A\n40,0.5,0\n")
    with pytest.raises(UserError, match=r"line 2 holds '0.5'; labels are 0 or 1"):
        read_record_labels(tmp_path)
