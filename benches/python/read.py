"""Times how requests become a table: `spanwise.read` beside what one writes with a JSON reader and a loop.

    pip install . pyarrow orjson msgspec pysimdjson polars duckdb opentelemetry-proto protobuf
    spanwise generate --corpus llm --size 64MiB -o llm.jsonl         # or 32MiB of micro
    python benches/python/read.py llm.jsonl                          # all of them
    python benches/python/read.py llm.jsonl orjson "msgspec, typed"  # these, beside `json`

Seven columns: three of the span, four attributes, which are those of the corpus. Every contestant must give the same
table before it is timed. All take turns within a round, once with Python's garbage collector and once without. The
figure is time on the wall, the median of the rounds, in bytes of JSON text by nanosecond, and the ratio is to
`spanwise` on one thread within the same rounds. One that is not installed is left out and named. `protobuf
json_format` reads ids as base64, which OTLP's are not, so its ids are not asked for; polars brings as many threads as
it likes, DuckDB has one.
"""

import argparse
import gc
import importlib
import json
import statistics
import sys
import time
from pathlib import Path

import pyarrow as pa
import spanwise

NAMES = ["trace_id", "name", "duration_ns"]
KEYS_OF = {
    "llm": {
        "gen_ai.request.model": ("stringValue", "string"),
        "gen_ai.usage.input_tokens": ("intValue", "int64"),
        "gen_ai.usage.output_tokens": ("intValue", "int64"),
        "gen_ai.usage.cost": ("doubleValue", "double"),
    },
    "micro": {
        "db.system.name": ("stringValue", "string"),
        "db.response.returned_rows": ("intValue", "int64"),
        "server.port": ("intValue", "int64"),
        "db.wait_ms": ("doubleValue", "double"),
    },
}
KEYS = KEYS_OF["llm"]
SCHEMA = None
ROUNDS = 5


def choose(text):
    """The attributes that are asked for: those of the corpus."""
    global KEYS, SCHEMA
    KEYS = next((keys for keys in KEYS_OF.values() if all(key.encode() in text for key in keys)), KEYS)
    attributes = [(key, pa.type_for_alias(kind)) for key, (_, kind) in KEYS.items()]
    SCHEMA = pa.schema([("trace_id", pa.string()), ("name", pa.string()), ("duration_ns", pa.int64()), *attributes])


def table(columns):
    return pa.table(dict(zip(SCHEMA.names, columns, strict=True)), schema=SCHEMA)


def value(member, text):
    return None if text is None else int(text) if member == "intValue" else text


def from_trees(requests):
    """Any reader that gives dictionaries."""
    columns = [[] for _ in SCHEMA.names]
    places = {key: (columns[3 + at], member) for at, (key, (member, _)) in enumerate(KEYS.items())}
    for request in requests:
        for resource in request["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    columns[0].append(span["traceId"])
                    columns[1].append(span["name"])
                    columns[2].append(int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]))
                    for column, _ in places.values():
                        column.append(None)
                    for attribute in span["attributes"]:
                        place = places.get(attribute["key"])
                        if place is not None:
                            column, member = place
                            column[-1] = value(member, attribute["value"][member])
    return table(columns)


def with_spanwise(text, threads):
    promote = {key: kind for key, (_, kind) in KEYS.items()}
    return spanwise.read(text, columns=NAMES, promote=promote, threads=threads).to_pyarrow(views=True)


def with_json(text):
    return from_trees(json.loads(line) for line in text.splitlines())


def with_orjson(text):
    orjson = importlib.import_module("orjson")
    return from_trees(orjson.loads(line) for line in text.splitlines())


def with_simdjson(text):
    simdjson = importlib.import_module("simdjson")
    return from_trees(simdjson.loads(line) for line in text.splitlines())


def with_msgspec(text):
    """Only the members that are wanted, typed: the fastest that Python has had."""
    msgspec = importlib.import_module("msgspec")
    options = {"gc": False}
    value_type = msgspec.defstruct(
        "Value",
        [
            (name, kind | None, None)
            for name, kind in (("stringValue", str), ("intValue", int | str), ("doubleValue", float))
        ],
        **options,
    )
    attribute = msgspec.defstruct("Attribute", [("key", str), ("value", value_type)], **options)
    texts = [(name, str) for name in ("traceId", "name", "startTimeUnixNano", "endTimeUnixNano")]
    span = msgspec.defstruct("Span", [*texts, ("attributes", list[attribute])], **options)
    scope = msgspec.defstruct("Scope", [("spans", list[span])], **options)
    resource = msgspec.defstruct("Resource", [("scopeSpans", list[scope])], **options)
    request = msgspec.defstruct("Request", [("resourceSpans", list[resource])], **options)
    decoder = msgspec.json.Decoder(request)
    columns = [[] for _ in SCHEMA.names]
    ids, names, durations, *promoted = columns
    places = {key: (column, member) for column, (key, (member, _)) in zip(promoted, KEYS.items(), strict=True)}
    for line in text.splitlines():
        for of_resource in decoder.decode(line).resourceSpans:
            for of_scope in of_resource.scopeSpans:
                for it in of_scope.spans:
                    ids.append(it.traceId)
                    names.append(it.name)
                    durations.append(int(it.endTimeUnixNano) - int(it.startTimeUnixNano))
                    for column in promoted:
                        column.append(None)
                    for pair in it.attributes:
                        place = places.get(pair.key)
                        if place is not None:
                            column, member = place
                            column[-1] = value(member, getattr(pair.value, member))
    return table(columns)


def with_protobuf(text):
    json_format = importlib.import_module("google.protobuf.json_format")
    service = importlib.import_module("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    columns = [[] for _ in SCHEMA.names]
    members = {"stringValue": "string_value", "intValue": "int_value", "doubleValue": "double_value"}
    places = {key: (columns[3 + at], members[member]) for at, (key, (member, _)) in enumerate(KEYS.items())}
    for line in text.splitlines():
        request = json_format.Parse(line, service.ExportTraceServiceRequest(), ignore_unknown_fields=True)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    columns[0].append(None)
                    columns[1].append(span.name)
                    columns[2].append(span.end_time_unix_nano - span.start_time_unix_nano)
                    for column, _ in places.values():
                        column.append(None)
                    for attribute in span.attributes:
                        place = places.get(attribute.key)
                        if place is not None:
                            column, member = place
                            column[-1] = getattr(attribute.value, member)
    return table(columns)


def with_polars(text):
    pl = importlib.import_module("polars")
    span = pl.col("span").struct
    spans = (
        pl.read_ndjson(text, infer_schema_length=1000)
        .explode("resourceSpans")
        .select(pl.col("resourceSpans").struct.field("scopeSpans"))
        .explode("scopeSpans")
        .select(pl.col("scopeSpans").struct.field("spans").alias("span"))
        .explode("span")
        .with_row_index("row")
    )
    pairs = spans.select("row", pair=span.field("attributes")).explode("pair").unnest("pair")
    frame = spans.select(
        "row",
        trace_id=span.field("traceId"),
        name=span.field("name"),
        duration_ns=span.field("endTimeUnixNano").cast(pl.Int64) - span.field("startTimeUnixNano").cast(pl.Int64),
    )
    kinds = {"string": pl.String, "int64": pl.Int64, "double": pl.Float64}
    for key, (member, kind) in KEYS.items():
        found = pairs.filter(pl.col("key") == key)
        found = found.select("row", pl.col("value").struct.field(member).cast(kinds[kind]).alias(key))
        frame = frame.join(found, on="row", how="left", maintain_order="left")
    return frame.drop("row").to_arrow().cast(SCHEMA)


def with_duckdb(path):
    duckdb = importlib.import_module("duckdb")
    kinds = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE"}
    picks = ", ".join(
        f"CAST(list_filter(span.attributes, lambda pair: pair.key = '{key}')[1].value.{member} AS {kinds[kind]})"
        f' AS "{key}"'
        for key, (member, kind) in KEYS.items()
    )
    query = f"""
        WITH resources AS (SELECT unnest(resourceSpans) AS resource FROM read_json(?, format = 'newline_delimited')),
             scopes AS (SELECT unnest(resource.scopeSpans) AS scope FROM resources),
             spans AS (SELECT unnest(scope.spans) AS span FROM scopes)
        SELECT span.traceId AS trace_id, span.name AS name,
               CAST(span.endTimeUnixNano AS BIGINT) - CAST(span.startTimeUnixNano AS BIGINT) AS duration_ns, {picks}
        FROM spans"""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        return connection.sql(query, params=[str(path)]).to_arrow_table().cast(SCHEMA)


def contestants(path):
    text = path.read_bytes()
    choose(text)
    return {
        "spanwise": lambda: with_spanwise(text, 1),
        "spanwise, two threads": lambda: with_spanwise(text, 2),
        "json": lambda: with_json(text),
        "orjson": lambda: with_orjson(text),
        "pysimdjson": lambda: with_simdjson(text),
        "msgspec, typed": lambda: with_msgspec(text),
        "protobuf json_format": lambda: with_protobuf(text),
        "polars": lambda: with_polars(text),
        "duckdb": lambda: with_duckdb(path),
    }


def admitted(runs):
    """Those that are installed and give the table that `json` gives."""
    expected = runs["json"]()
    fine = {}
    for name, run in runs.items():
        try:
            result = run()
        except ImportError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
            continue
        compared = [column for column in SCHEMA.names if name != "protobuf json_format" or column != "trace_id"]
        if result.select(compared).cast(pa.schema([SCHEMA.field(column) for column in compared])) != expected.select(
            compared
        ):
            print(f"{name}: refused, its table is another one", file=sys.stderr)
            continue
        fine[name] = run
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="requests, one in each line")
    parser.add_argument("contestants", nargs="*", help="only these, beside `json`")
    arguments = parser.parse_args()
    path = arguments.path
    size = path.stat().st_size
    runs = contestants(path)
    named = arguments.contestants or list(runs)
    if unknown := [name for name in named if name not in runs]:
        parser.error(f"no contestant is called {unknown[0]!r}; there are: {', '.join(runs)}")
    runs = admitted({name: run for name, run in runs.items() if name in {"spanwise", "json", *named}})
    print("| contestant | GB/s | times slower | GB/s without collector | times slower |\n|---|---|---|---|---|")
    times = {name: {True: [], False: []} for name in runs}
    for _ in range(ROUNDS):
        for collects in (True, False):
            (gc.enable if collects else gc.disable)()
            for name, run in runs.items():
                begun = time.perf_counter()
                run()
                times[name][collects].append(time.perf_counter() - begun)
            gc.enable()
            gc.collect()
    for name, by_collector in times.items():
        cells = []
        for collects in (True, False):
            taken = by_collector[collects]
            ratio = statistics.median(
                mine / ours for mine, ours in zip(taken, times["spanwise"][collects], strict=True)
            )
            cells += [f"{size / statistics.median(taken) / 1e9:.3f}", f"{ratio:.1f}"]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
