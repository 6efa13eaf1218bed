"""Several runs as one command: each stage is a set of flags for the same run as train.py's.

Nothing here trains by itself, and nothing below imports from here.
"""
