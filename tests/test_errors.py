"""Errors say what was found and what to do; every door turns them into an exit code."""

from __future__ import annotations

import errno
import os
import pickle
import sys
import types

import pytest

from src import door
from src.errors import BadRecord, Diverged, StoppedBySignal, UserError, did_you_mean, naming, nearest


def test_a_hint_stands_on_a_line_of_its_own():
    assert str(UserError("found 3, expected 2", "type 2")) == "found 3, expected 2\n  type 2"
    assert str(UserError("found 3")) == "found 3"


def test_a_bad_record_survives_its_way_from_a_worker():
    error = pickle.loads(pickle.dumps(BadRecord("r1", "is cut short", "copy it again")))
    assert (error.record, error.reason, error.hint) == ("r1", "is cut short", "copy it again")
    assert str(error) == "r1: is cut short\n  copy it again"


@pytest.mark.parametrize(("word", "best"), [("adamm", "adam"), ("COSINE", "cosine"), ("one-cycle", "onecycle"),
                                            ("qqq", None)])
def test_the_nearest_name_is_found_whatever_its_case_and_hyphens(word, best):
    known = ("adam", "adamw", "cosine", "onecycle")
    assert nearest(word, known)[:1] == ([best] if best else [])
    assert did_you_mean(word, known) == (f"; did you mean {best}?" if best else "")


def failing(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(("error", "code", "said"), [
    (UserError("wrong", "do this"), 2, "error: wrong\n  do this\n"), (BadRecord("r1", "is empty"), 2, "r1: is empty"),
    (Diverged("the loss is nan"), 3, "the loss is nan"), (StoppedBySignal("SIGTERM: saved"), 75, "SIGTERM: saved"),
    (KeyboardInterrupt(), 130, "interrupted"), (door.NothingToDo("finished already"), 0, "finished already"),
])
def test_what_went_wrong_becomes_one_message_and_an_exit_code(capsys, error, code, said):
    assert door.run(failing(error)) == code
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_our_own_faults_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        door.run(failing(ZeroDivisionError()))


def test_the_exit_code_of_the_work_is_the_doors():
    assert door.run(lambda: 0) == 0
    assert door.run(lambda: 7) == 7


@pytest.mark.parametrize(("number", "said"), [(errno.ENOSPC, "No space left"), (errno.EROFS, "Read-only")])
def test_a_full_or_locked_disk_is_said_wherever_it_shows(capsys, number, said):
    assert door.run(failing(OSError(number, os.strerror(number), "runs/splits.json"))) == 2
    assert f"error: runs/splits.json: {said}" in capsys.readouterr().err


def test_other_errors_of_files_are_our_faults():
    with pytest.raises(FileNotFoundError):
        door.run(failing(FileNotFoundError(errno.ENOENT, "gone", "x")))


def test_ctrl_c_in_the_middle_of_an_import_leaves_no_traceback(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "src.trainer.distributed", types.ModuleType("half"))
    assert door.run(failing(KeyboardInterrupt())) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_what_is_wrong_with_a_content_bears_the_name_of_its_file_once():
    with pytest.raises(UserError) as found, naming("w.pth"), naming("w.pth"):
        raise UserError("no tensor fits", "another file")
    assert str(found.value) == "w.pth: no tensor fits\n  another file"
