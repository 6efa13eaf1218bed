"""From other people's recordings to a ready data set: `prepare.py SET --raw_root DIR --output DIR`.

What a public set is (its tables, labels, official split) is in `src/data/sets/`, how a file is read in
`src/data/readers/`; here is what happens to every record, the stores, the journal. No model, no training.
"""
