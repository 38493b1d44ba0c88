"""Spreadsheets (xlsx, ECMA-376) become the CSV that importers of tables read: small towns have spreadsheets."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any

import msgspec

from allmende.errors import FeedError
from allmende.importer import Payload, Source
from allmende.later import lazily

if TYPE_CHECKING:
    import openpyxl
    from openpyxl.utils import exceptions
else:
    openpyxl, exceptions = lazily("openpyxl"), lazily("openpyxl.utils.exceptions")

UNFOLDED = 150_000_000
"""Bytes of all parts of the file after decompression, at most."""
ROWS, COLUMNS = 100_000, 200


def unfolded(payload: Payload, source: Source) -> Payload:
    """The payload, as CSV where it is a spreadsheet. Its first sheet with anything in it counts."""
    if not _is_spreadsheet(payload.content):
        return payload
    delimiter = getattr(source, "delimiter", "") or ";"
    content = _csv(payload.content, delimiter)
    return msgspec.structs.replace(payload, content=content, media_type="text/csv", encoding="utf-8")


def _is_spreadsheet(content: bytes) -> bool:
    if not content.startswith(b"PK\x03\x04"):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile:
        return False
    if not any(part.filename == "xl/workbook.xml" for part in parts):
        return False
    if sum(part.file_size for part in parts) > UNFOLDED:
        raise FeedError(f"unfolds to more than {UNFOLDED // 1_000_000} MB", place="the spreadsheet")
    return True


def _csv(content: bytes, delimiter: str) -> bytes:
    # openpyxl raises whatever the damaged part makes it stumble over, also in the middle of a sheet.
    try:
        workbook = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        for sheet in workbook.worksheets:
            rows = [
                [_text(value) for value in row]
                for row in sheet.iter_rows(max_row=ROWS, max_col=COLUMNS, values_only=True)
            ]
            rows = [row for row in rows if any(row)]
            if rows:
                break
        else:
            raise FeedError("has no sheet with anything in it", place="the spreadsheet")
    except (exceptions.InvalidFileException, KeyError, ValueError, TypeError, zipfile.BadZipFile, OSError) as error:
        raise FeedError(f"cannot be read ({type(error).__name__})", place="the spreadsheet") from error
    width = max(max(index for index, cell in enumerate(row) if cell) for row in rows) + 1
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(row[:width] for row in rows)
    return out.getvalue().encode()


def _text(value: Any) -> str:
    """A cell as a person would write it into a table: dates as ISO 8601, whole numbers without `.0`."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ", "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
