"""The numbers by which public ECG benchmarks are judged, as their own scorers compute them: one file per protocol.

A file holds the pure scores (held to stored numbers of the public scorers) and `section`, which makes a part of the
report of an evaluation. What belongs to no single protocol (metrics, intervals, thresholds) lives one folder up; labels
and splits of the sets live in `src/data/sets`.
"""
