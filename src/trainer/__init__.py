"""The life of a run: stepping, precision, schedules, checkpoints, display. Knows no command line and no model family.

`base_trainer.py` is the story of a run, `reporter.py` what is shown and logged of it, `run_state.py` what is saved;
`main_trainer.py` is classification and the file to edit. Nothing here reads recordings or draws reports.
"""
