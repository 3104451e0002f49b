"""The columns of a table, held to their page, and as pyarrow works on them."""

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas
import pyarrow
import pyarrow.compute
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet
import pytest
import spanwise

PAGE = (Path(__file__).parents[2] / "docs/columns.md").read_text()
ROWS = [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line[:3] == "| `"]


def payload(spans):
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


SPANS = [
    {
        "name": f"a span whose name is longer than a view {number}",
        "spanId": f"{number:016x}",
        "kind": number,
        "attributes": [attribute("route", f"/{number % 2}"), attribute("text", "t" * 20)],
        "events": [{"name": f"event {number}", "attributes": [attribute("k", "v" * 20)]}],
    }
    for number in range(1, 5)
]
PAYLOAD = payload(SPANS)
NAMES = [span["name"] for span in SPANS]


def in_words(data_type):
    if pyarrow.types.is_dictionary(data_type):
        return f"dictionary of {data_type.value_type}"
    if pyarrow.types.is_map(data_type):
        return f"map of {data_type.key_type} to {data_type.item_type}"
    if pyarrow.types.is_list(data_type):
        return "list of structs"
    return str(data_type).replace("tz=", "")


def test_files_have_plain_strings_for_words(tmp_path):
    assert "In files of Parquet and Arrow these are plain strings" in PAGE
    table = spanwise.read(PAYLOAD)
    table.write(tmp_path / "spans.parquet")
    table.write(tmp_path / "spans.feather")
    with pytest.raises(ValueError, match="without columns"):
        spanwise.read(PAYLOAD, columns=[]).write(tmp_path / "none.parquet")
    (tmp_path / "in.json").write_bytes(PAYLOAD)
    for name in ("out.parquet", "out.arrow"):
        command = [sys.executable, "-m", "spanwise", "convert", "in.json", "-o", name]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for name in ("spans.parquet", "out.parquet"):
        schema = pyarrow.parquet.read_schema(tmp_path / name)
        assert [schema.field(word).type for word in ("kind", "status_code")] == ["string", "string"]
        assert not schema.field("kind").nullable
    for name in ("spans.feather", "out.arrow"):
        schema = pyarrow.ipc.open_file(tmp_path / name).schema
        assert [schema.field(word).type for word in ("kind", "status_code")] == ["string", "string"]


def test_the_page_has_the_names_and_types_of_the_schema():
    rows = [row for row in ROWS if len(row) == 5]
    assert len(rows) == 23
    schema = spanwise.read(PAYLOAD).to_pyarrow().schema
    assert [(row[0], row[2]) for row in rows] == [(field.name, in_words(field.type)) for field in schema]
    assert [row[3] != "never" for row in rows] == [field.nullable for field in schema]
    theirs = spanwise.read(PAYLOAD, names="clickhouse").column_names
    assert [row[1] for row in rows] == theirs
    for name in ("events", "links"):
        (told,) = (row[4].split(" of each")[0].replace("`", "").split(", ") for row in rows if row[0] == name)
        assert told == [field.name for field in schema.field(name).type.value_type]


def test_times_that_arrow_does_not_hold():
    last = 2**63 - 1
    rows = spanwise.read(
        payload(
            [
                {"name": "late", "startTimeUnixNano": str(last), "endTimeUnixNano": str(last + 1)},
                {"name": "long", "startTimeUnixNano": "1", "endTimeUnixNano": str(2**64 - 1)},
                {"name": "none"},
            ]
        ),
        columns=["start_time", "end_time", "duration_ns"],
    ).to_pyarrow()
    times = [rows[name].cast(pyarrow.int64()).to_pylist() for name in ("start_time", "end_time")]
    assert times == [[last, 1, None], [None, None, None]]
    assert rows["duration_ns"].to_pylist() == [1, last, 0]


def plain(schema):
    return not any("view" in str(field.type) for field in schema)


def test_pyarrow_works_on_what_it_is_given(tmp_path):
    table = spanwise.read(PAYLOAD)
    rows = table.to_pyarrow()
    assert plain(rows.schema)
    rows.validate(full=True)
    assert rows.filter(pyarrow.compute.equal(rows["name"], NAMES[1]))["span_id"].to_pylist() == [f"{2:016x}"]
    assert rows.sort_by([("name", "descending")])["name"].to_pylist() == NAMES[::-1]
    assert rows.take([2, 0])["name"].to_pylist() == [NAMES[2], NAMES[0]]
    ours = rows.select(["span_id", "name"])
    joined = ours.join(ours, "span_id", right_suffix="_too")
    assert sorted(joined["name_too"].to_pylist()) == NAMES
    assert pyarrow.compute.is_in(rows["name"], pyarrow.array(NAMES[:1])).to_pylist() == [True, False, False, False]
    routes = pyarrow.compute.map_lookup(rows["attributes"], "route", "first")
    assert routes.to_pylist() == ["/1", "/0", "/1", "/0"]
    pyarrow.feather.write_feather(rows, tmp_path / "again.feather")
    assert pyarrow.feather.read_table(tmp_path / "again.feather")["name"].to_pylist() == NAMES
    frame = rows.select(["name", "span_id"]).to_pandas(types_mapper=pandas.ArrowDtype)
    assert frame["name"].tolist() == NAMES
    frame = rows.to_pandas(maps_as_pydicts="strict")
    assert frame["attributes"][0] == {"route": "/1", "text": "t" * 20}
    assert rows.to_pylist() == table.to_pyarrow(views=True).to_pylist()


def test_views_are_there_for_those_who_want_them():
    table = spanwise.read(PAYLOAD)
    shared = table.to_pyarrow(views=True).schema
    assert shared == pyarrow.schema(table.schema)
    assert shared.field("name").type == pyarrow.string_view()
    assert pyarrow.table(table).schema == shared
    assert table.schema.plain().names == table.column_names


@pytest.mark.parametrize("source", ["table", "scan"])
def test_a_requested_schema_is_heeded_as_far_as_it_asks_for_plain_strings(source):
    rows = spanwise.read(PAYLOAD) if source == "table" else spanwise.scan(PAYLOAD)

    def given(schema):
        return pyarrow.RecordBatchReader.from_stream(rows, schema=schema).read_all()

    asked = pyarrow.schema(rows.schema.plain())
    assert given(asked).schema == asked
    assert given(asked)["events"].to_pylist()[0][0]["attributes"] == [("k", "v" * 20)]
    # One column, and one of a type that is not made.
    some = pyarrow.schema(
        [
            pyarrow.field("flags", pyarrow.string()) if field.name == "flags" else wanted
            for field, wanted in zip(pyarrow.schema(rows.schema), asked, strict=True)
        ]
    )
    capsule = rows.__arrow_c_stream__(some.__arrow_c_schema__())
    reader = pyarrow.RecordBatchReader._import_from_c_capsule(capsule)
    assert reader.schema.field("flags").type == pyarrow.uint32()
    assert reader.schema.field("name").type == pyarrow.string()
    assert reader.read_all()["name"].to_pylist() == NAMES
    with pytest.raises(TypeError, match="capsule"):
        rows.__arrow_c_stream__(5)
    # One that somebody took out of its capsule asks for nothing.
    taken = some.__arrow_c_schema__()
    pyarrow.Schema._import_from_c_capsule(taken)
    reader = pyarrow.RecordBatchReader._import_from_c_capsule(rows.__arrow_c_stream__(taken))
    assert reader.schema == pyarrow.schema(rows.schema)


@pytest.mark.parametrize("suffix", ["arrow", "feather", "arrows"])
def test_arrow_files_have_plain_strings(tmp_path, suffix):
    path = tmp_path / f"spans.{suffix}"
    spanwise.read(PAYLOAD).write(path)
    opened = pyarrow.ipc.open_stream(path) if suffix == "arrows" else pyarrow.ipc.open_file(path)
    rows = opened.read_all()
    assert plain(rows.schema)
    assert rows.sort_by([("name", "descending")])["name"].to_pylist() == NAMES[::-1]
    assert rows["kind"].to_pylist() == ["internal", "server", "client", "producer"]


def test_duckdb_looks_a_key_up():
    connection = duckdb.connect()
    connection.register("spans", spanwise.read(PAYLOAD))
    found = connection.sql("select attributes['route'] from spans").fetchall()
    assert found == [("/1",), ("/0",), ("/1",), ("/0",)]


@pytest.mark.parametrize(
    ("name", "near"), [("duration_n", "duration_ns"), ("traceid", "trace_id"), ("SpanNam", "name"), ("zzz", None)]
)
def test_a_name_that_is_no_column(name, near):
    with pytest.raises(ValueError, match=f'no column is named "{name}"') as caught:
        spanwise.read(PAYLOAD, columns=[name])
    told = str(caught.value)
    assert f'the nearest is "{near}"' in told if near else "nearest" not in told
    assert "attributes become columns by `promote`" in told
    with pytest.raises(ValueError) as caught:
        spanwise.read(PAYLOAD, columns=["private " * 1000])
    assert len(str(caught.value)) < 300


def test_pandas_changes_no_integer():
    large = 2**53 + 1
    keys = ("n", "gen_ai.usage.input_tokens")
    spans = [{"attributes": [{"key": key, "value": {"intValue": str(large)}} for key in keys]}, {}]
    table = spanwise.read(payload(spans), llm=True, promote={"n": "int64"})
    frame = table.to_pandas()
    for name in ("n", "llm_input_tokens"):
        assert str(frame[name].dtype) == "Int64"
        assert frame[name][0] == large and frame[name][1] is pandas.NA
    # Whether one is null is no matter of the type, and what never is has the plain one.
    whole = spanwise.read(payload(spans[:1]), llm=True, promote={"n": "int64"}).to_pandas()
    assert list(whole.dtypes) == list(frame.dtypes)
    assert (str(frame["duration_ns"].dtype), str(frame["flags"].dtype)) == ("int64", "uint32")
    assert list(frame.columns) == table.column_names
    nothing = spanwise.read(b"{}", columns=["duration_ns"], llm=True).to_pandas()
    assert (len(nothing), str(nothing["duration_ns"].dtype)) == (0, "int64")
    only = spanwise.read(payload(spans), columns=[], promote={"n": "int64"}).to_pandas()
    assert only["n"].to_list() == [large, pandas.NA]
