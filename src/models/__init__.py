"""Networks: a signal goes in, logits or features come out. One file or folder per family; `layers/` holds shared parts.

`model.py` is the one to edit. Nothing here knows a trainer, a criterion, a metric or the command line.
"""
