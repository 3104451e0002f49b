"""A table in the hands of other packages, each imported when it is asked for."""

import html
import importlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spanwise._spanwise import Table


def _engine(name: str, method: str) -> Any:  # noqa: ANN401
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"Table.{method}() needs the package {name}: pip install {name}") from error


def to_pyarrow(table: "Table", views: bool = False) -> Any:  # noqa: ANN401
    """Give a ``pyarrow.Table``; with ``views`` its columns are shared, and otherwise their text is copied."""
    pyarrow = _engine("pyarrow", "to_pyarrow")
    schema = table.schema if views else table.schema.plain()
    return pyarrow.RecordBatchReader.from_stream(table, schema=pyarrow.schema(schema)).read_all()


def to_polars(table: "Table") -> Any:  # noqa: ANN401
    """Give a ``polars.DataFrame``. Maps are polars' own, or lists of structs in versions that have none."""
    return _engine("polars", "to_polars").DataFrame(table)


def to_pandas(table: "Table") -> Any:  # noqa: ANN401
    """Give a ``pandas.DataFrame``, by way of pyarrow, with ``Int64`` for integers of which some may not be there."""
    pandas = _engine("pandas", "to_pandas")
    found = to_pyarrow(table)
    integer = importlib.import_module("pyarrow").int64()
    # As floats, which are what pandas makes of integers with nulls, large ones are others.
    frame = found.to_pandas(types_mapper={integer: pandas.Int64Dtype()}.get)
    for field in found.schema:
        if field.type == integer and not field.nullable:
            frame[field.name] = frame[field.name].to_numpy(dtype="int64")
    return frame


_ROWS = 10
_WIDTH = 60


def to_html(table: "Table") -> str:
    """Give the first rows as an HTML table, long cells cut."""
    rows = [json.loads(line) for line in table._preview(_ROWS).split("\n") if line]

    def cell(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return html.escape(text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…")

    head = "".join(f"<th>{html.escape(name)}</th>" for name in table.column_names)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row.values()) + "</tr>" for row in rows)
    shown = f", the first {len(rows)} shown" if len(rows) < table.num_rows else ""
    caption = f"{table.num_rows} spans, {len(table.column_names)} columns{shown}"
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
