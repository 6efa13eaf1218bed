from __future__ import annotations

import numpy as np
import pytest

from src.data.readers.rates import rate_of_times
from src.data.readers.text_table import read
from src.errors import BadRecord, UserError


def write(path, text):
    path.write_text(text)
    return path


def test_lead_names_units_and_the_column_of_times_are_recognised(tmp_path):
    rows = "\n".join(f"{k / 360:.3f},{0.1 * k:.1f},{-k}" for k in range(50))
    found = read(write(tmp_path / "a.csv", f"time,II (mV),V1 [uV]\n{rows}\n"))
    assert found.channel_names == ("II", "V1")
    assert found.sampling_rate_hz == 360  # though the times are rounded to ms
    assert found.metadata["units"] == ("mV", "uV")
    assert found.signal.shape == (2, 50)
    assert found.signal.dtype == np.float32
    np.testing.assert_allclose(found.signal[:, 7], [0.7, -7], rtol=1e-6)


def test_what_rdsamp_writes_has_a_line_of_units(tmp_path):
    text = "'Elapsed time','MLII','V5'\n'seconds','mV','mV'\n" + "".join(f"{k / 250},{k},1\n" for k in range(20))
    found = read(write(tmp_path / "a.csv", text))
    assert (found.sampling_rate_hz, found.channel_names, found.unit) == (250, ("MLII", "V5"), "mV")


@pytest.mark.parametrize("mark", [",", ";", "\t", "  "])
def test_numbers_alone_need_the_rate_to_be_stated(tmp_path, mark):
    path = write(tmp_path / "a.txt", "\n".join(mark.join(("1", "2.5", "-3e-1")) for _ in range(9)))
    with pytest.raises(UserError, match="sampling rate is unknown") as raised:
        read(path)
    assert "rate_hz=500" in raised.value.hint
    found = read(path, rate_hz=200, unit="mV")
    assert (found.sampling_rate_hz, found.unit, found.channel_names) == (200, "mV", ("ch1", "ch2", "ch3"))
    assert read(path, rate_hz=200).unit == ""


def test_empty_cells_are_gaps_and_a_column_of_line_numbers_is_no_channel(tmp_path):
    found = read(write(tmp_path / "a.csv", ",I,II\n0,1,2\n1,,3\n2,4,\n"), rate_hz=100)
    assert found.channel_names == ("I", "II")
    np.testing.assert_array_equal(found.signal, [[1, np.nan, 4], [2, 3, np.nan]])


def test_chapmans_files_have_the_documented_rate_and_unit(tmp_path):
    leads = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"
    line = ",".join(["10"] * 12)
    path = write(tmp_path / "MUSE_20180113_171327_27000.csv", f"{leads}\n" + f"{line}\n" * 5000)
    found = read(path)
    assert (found.sampling_rate_hz, found.unit) == (500, "uV")
    assert "documented" in found.metadata
    path.rename(tmp_path / "other.csv")
    with pytest.raises(UserError, match="sampling rate is unknown"):
        read(tmp_path / "other.csv")


@pytest.mark.parametrize("text", ["record,label\na,N\nb,A\n", "", "I,II\n1,2\n3\n", "I,II\n1,2,3\n", "I\n1\nx\n",
                                  "I,II\nmV\n1,2\n"])
def test_other_tables_are_refused(tmp_path, text):
    with pytest.raises(BadRecord):
        read(write(tmp_path / "a.csv", text), rate_hz=100)


def test_bytes_are_no_table(tmp_path):
    (tmp_path / "a.csv").write_bytes(bytes(range(256)))
    with pytest.raises(BadRecord, match="is no text"):
        read(tmp_path / "a.csv", rate_hz=100)


@pytest.mark.parametrize(("times", "rate"), [
    (np.arange(100) / 250, 250), (np.round(np.arange(5000) / 360, 3), 360), (np.arange(9) * 4, 0.25),
    (np.arange(100) / 487.5, 487.5), ([0, 1], 0), ([0, 1, 0], 0), ([0, 1, 2, 9], 0), ([0, np.nan, 2], 0)])
def test_only_even_times_give_a_rate(times, rate):
    assert rate_of_times(np.array(times, float)) == pytest.approx(rate, rel=1e-9)
