"""Du-IN (NeurIPS 2024): models for intracranial recordings with one input projection, or tokenizer, per subject.

The networks of all stages on one backbone, their configuration and the reading of the original's state dicts live
here; what a stage's training does and its schedules belong to the trainer, the splits to `src/data/duin_split.py`.
"""
