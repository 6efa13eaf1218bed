"""Residual networks over time: `resnet1d.py` of the ECG tensor pipeline, `vanilla.py` torchvision's shape in 1-D.

Only networks; other people's checkpoints are read in `src/interop`.
"""
