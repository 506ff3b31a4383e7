"""A table as a file to keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from starlette.responses import Response

from cmdb.query.table import Cell, csv_lines, workbook
from cmdb.web.problem import Problem, Refused

_XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def table_response(
    kind: str, name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> Response:
    """The table as CSV or XLSX.

    Raises:
        Refused: The kind is neither.
    """
    headers = {"content-disposition": f'attachment; filename="{name}.{kind}"'}
    if kind == "csv":
        body = "".join(csv_lines(header, rows)).encode()
        return Response(body, media_type="text/csv; charset=utf-8", headers=headers)
    if kind == "xlsx":
        body = workbook(name.capitalize(), header, rows)
        return Response(body, media_type=_XLSX_TYPE, headers=headers)
    raise Refused(Problem(404, f"There is no table of kind {kind!r}; there are csv and xlsx."))
