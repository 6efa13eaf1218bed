"""Report text -> labels, and the tables that a pipeline keeps of them.

`normalise.py` (with `expansions.py`, `lead_lists.py`, `whole_terms.py`) makes the wording of statements uniform,
`matching.py` finds the patterns of a `configuration.py` and their entities, `graph.py` turns these into labels,
`labeler.py` does all of it for a table of texts. `reports.py` reads the table of machine statements, `tables.py` and
`record_splits.py` write labels and splits. `default_config/` is a configuration for 17 labels in the published format.
No signal is read here, and nothing here knows a data set or a pipeline's folders.
"""
