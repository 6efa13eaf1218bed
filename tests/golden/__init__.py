"""Numbers stored by other implementations against ours: `pytest tests/golden [--golden DIR]...`.

`data/` holds the copies that the suite needs; `adapters/` says per `kind` of a golden.json how to make our numbers.
"""
