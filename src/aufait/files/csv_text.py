"""Tables as CSV text: one way of separating and ending lines, and no cell that a spreadsheet would take for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from aufait.files.safe_text import encodable, plain_cell


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The text of a table with commas; None is an empty cell, texts become valid UTF-8 and safe in spreadsheets."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([plain_cell(encodable(cell)) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()
