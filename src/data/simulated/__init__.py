"""The embedded data: word reading in sEEG and 12-lead ECG of patients, made on the fly.

A record is a pure function of (seed, subject or patient, index): no state goes from one record to the next.
`seeg.py` and `ecg.py` are the data sets; the other files hold one subject each of how their signals are made.
`export.py` writes them as files. No model, no training and nothing read from disk lives here.

Both data sets take `seed` as it is given. A run that uses both at once gives seed + 1_000_003 to the ECG, so that
a patient and a subject never draw from one stream.
"""
