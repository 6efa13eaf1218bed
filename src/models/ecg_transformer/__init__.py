"""The ECG transformer (wav2vec 2.0 on 12-lead ECG, as in ECG-FM and DeepECG-SSL) and what it is pretrained with.

`backbone.py` is shared; the other files are one model or objective each. State-dict keys are fairseq-signals' but for
the prefixes and the weight norm, which `weights.py` translates. No data set and no training loop lives here.
"""
