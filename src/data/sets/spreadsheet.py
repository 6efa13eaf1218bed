"""A table that is published as a spreadsheet: CSV, or the first sheet of an .xlsx by openpyxl (extra: xlsx)."""

from __future__ import annotations

import zipfile
from pathlib import Path

from src.data.tables import LARGEST, read_columns
from src.errors import UserError


def read_spreadsheet(path: Path) -> dict[str, list[str]]:
    """Every column by its lower-case name, as text; the first line names them."""
    if path.suffix.lower() != ".xlsx":
        return {name: column.tolist() for name, column in read_columns(path).items()}
    try:
        import openpyxl
    except ImportError:
        raise UserError(f"{path} is a spreadsheet, which needs a package that is not installed (openpyxl)",
                        f"uv sync --extra xlsx, or save it as {path.with_suffix('.csv').name} beside it") from None
    _check_unpacked(path)
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        rows = [["" if cell is None else str(cell).strip() for cell in row]
                for row in book.worksheets[0].iter_rows(values_only=True)]
        book.close()
    except Exception as error:  # openpyxl raises whatever a damaged file leads it to
        raise UserError(f"{path}: not a readable spreadsheet ({type(error).__name__}: {error})",
                        f"save it as {path.with_suffix('.csv').name} beside it") from error
    if not rows:
        raise UserError(f"{path} is empty", "its first line names the columns")
    header = [name.lower() for name in rows[0]]
    body = [row for row in rows[1:] if any(row)]
    return {name: [row[place] for row in body] for place, name in enumerate(header) if name}


def _check_unpacked(path: Path) -> None:
    """An .xlsx is a zip archive: its sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(f"{path}: not a readable spreadsheet ({error})") from error
    if size > LARGEST:
        raise UserError(f"{path}: it would unpack to {size >> 20} MiB, too large for a table")
