"""Options of the whole suite."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden", action="append", default=[], metavar="DIR",
                     help="run tests/golden on this folder too (it, or its subfolders, hold a golden.json); repeatable")
    parser.addoption("--recordings", default=os.environ.get("VAGUS_RECORDINGS"), metavar="DIR",
                     help="folder of real recordings; default: the variable VAGUS_RECORDINGS")
