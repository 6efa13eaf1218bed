"""One file per format: bytes on disk -> arrays or a `Recording`. Nothing read is ever executed; sizes are checked
before memory is asked for. No labels, no splits, no windows here."""
