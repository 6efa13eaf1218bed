"""Du-IN (NeurIPS 2024): models for intracranial recordings with one input projection per subject.

The networks, their configuration and the reading of the original's state dicts live here; losses of a training stage
and schedules belong to the trainer, the splits to `src/data/duin_split.py`.
"""
