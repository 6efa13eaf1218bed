"""From raw predictions to numbers, pictures and the report.

Here live metrics, bootstrap intervals, calibration, figures, the HTML report, the tables on the terminal, and what
`test.py` and `compare.py` do. Nothing here trains, builds a model or reads a command line; the trainer imports
`metrics` and `predictions` from here, never the other way round.
"""
