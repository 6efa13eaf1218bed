"""Other systems' folder trees as views of a run: copies under the names that their commands look for.

A view is written beside the run and never read by it; what a single file holds is known one level up.
"""
