"""Data sets that models are trained on."""

from __future__ import annotations

from src.registry.rows import DatasetRow

DATASETS: dict[str, DatasetRow] = {
    "simulated_seeg": DatasetRow(
        dataset="src.data.simulated.seeg:SimulatedSEEG",
        about="word reading, 10 channels at 1000 Hz, made on the fly: no download",
        recipe={"normalize": "channel"},
    ),
    "simulated_ecg": DatasetRow(
        dataset="src.data.simulated.ecg:SimulatedECG",
        about="12-lead ECG of patients with eight findings, made on the fly: no download",
        recipe={"normalize": "scale"},
    ),
    "simulated_identity": DatasetRow(
        dataset="src.data.simulated.identity:SimulatedIdentity",
        about="whose ECG it is: people met before, in a later recording; made on the fly",
        recipe={"normalize": "scale"},
    ),
    "prepared": DatasetRow(
        dataset="src.data.prepared:PreparedDataset",
        about="a folder that prepare.py made of a public set or of your own recordings",
        needs_path=True,
    ),
    "arrays": DatasetRow(
        dataset="src.data.arrays:ArraysDataset",
        about="npz, npy or MAT files with signal, label and (optional) subject",
        needs_path=True,
    ),
    "wfdb": DatasetRow(
        dataset="src.data.wfdb_folder:WfdbDataset",
        about="a folder of WFDB records and a CSV of record,label[,subject]",
        needs_path=True,
    ),
    "tensor_pipeline": DatasetRow(
        dataset="src.data.sets.tensor_pipeline:TensorPipelineDataset",
        about="a folder that the ECG tensor pipeline processed: records/*.npz and splits.json",
        needs_path=True,
    ),
    "manifest": DatasetRow(
        dataset="src.data.sets.manifest:ManifestDataset",
        about="fairseq-signals' and ECG-FM's manifests: .tsv lists of .mat files, labels in y.npy",
        needs_path=True,
    ),
    "npy": DatasetRow(
        dataset="src.data.sets.npy:NpyDataset",
        about="DeepECG-SSL's arrays (records, 2500, 12) with labels, described by .tsv files",
        needs_path=True,
    ),
    "dataframe": DatasetRow(
        dataset="src.data.sets.dataframe:DataframeDataset",
        about="DeepECG-SSL's tables (CSV, Parquet) of .npy files and labels, described by .tsv files",
        needs_path=True,
    ),
    "recordings": DatasetRow(
        dataset="src.data.recordings:RecordingsDataset",
        about="any readable files without labels: what test.py predicts on",
        needs_path=True,
    ),
    "duin": DatasetRow(
        dataset="src.data.sets.duin:DuinDataset",
        about="Du-IN's release: words read aloud, twelve subjects, sEEG at 1000 Hz",
        needs_path=True,
        lies_in="data/seeg.he2023xuanwu",
        recipe={"normalize": "channel"},
    ),
    "edf": DatasetRow(
        dataset="src.data.sets.edf:EdfDataset",
        about="EDF, BDF, BrainVision, FIF, GDF or EEGLAB files with events (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
    "bids": DatasetRow(
        dataset="src.data.sets.bids:BidsDataset",
        about="an iEEG-BIDS or EEG-BIDS tree (extra: mne)",
        needs_path=True,
        recipe={"normalize": "record"},
    ),
}
