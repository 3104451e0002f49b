"""Times TraceQL filters by `spanwise.Index` beside DuckDB, polars and Tantivy, over the same spans.

    pip install . duckdb polars pyarrow tantivy
    spanwise generate --corpus micro --size 1GiB -o micro.jsonl  # 10590MiB are 10 million spans
    python benches/python/index.py micro.jsonl

DuckDB and polars have the spans as columns in memory, and DuckDB once more as a Parquet file, which was read before and
is in the cache of the system. Tantivy has an index on disk, likewise. All of them are given a real column, or field, of
each attribute that is asked for and nothing else, which is the best that they can be given; our index has all
attributes. Every contestant counts the spans that match and must come to the same number. Printed are the least of the
rounds in wall time, DuckDB and polars on all processors; how fast the index was built, beside reading and decoding; and
what it takes. An index in memory holds its spans; where there is no room for them, `spanwise index` makes a file of it
first, which `--index` names. Without Tantivy, or with `--no-tantivy` because to fill it takes long, its column is left
out.

How fast an index is built beside decoding alone is told by the example `index_file` of the crate `spanwise-io`.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import spanwise

try:
    import tantivy
except ImportError:
    tantivy = None

ROUNDS = 9
PROMOTE = {
    "http.request.method": "string",
    "http.response.status_code": "int64",
    "http.route": "string",
    "messaging.message.id": "string",
    "http.response.body.size": "int64",
}
# The columns by the names of Tantivy's fields.
FIELDS = {
    "status": "status_code",
    "duration": "duration_ns",
    "method": "http.request.method",
    "code": "http.response.status_code",
    "route": "http.route",
    "message": "messaging.message.id",
    "size": "http.response.body.size",
}
NUMBERS = {"duration", "code", "size"}
METHOD, STATUS = '"http.request.method"', '"http.response.status_code"'
# MESSAGE stands for the id of a message in the middle.
QUERIES = [
    ("equality, few values", '{ span.http.request.method = "POST" }', f"{METHOD} = 'POST'", "method:POST"),
    (
        "three of them",
        '{ span.http.request.method = "GET" && span.http.response.status_code = 500 && status = error }',
        f"{METHOD} = 'GET' and {STATUS} = 500 and status_code = 'error'",
        "+method:GET +code:500 +status:error",
    ),
    (
        "range of numbers",
        "{ span.http.response.body.size > 90000 }",
        '"http.response.body.size" > 90000',
        "size:{90000 TO *}",
    ),
    ("range of durations", "{ duration > 800ms }", "duration_ns > 800000000", "duration:{800000000 TO *}"),
    (
        "equality, all distinct",
        '{ span.messaging.message.id = "MESSAGE" }',
        "\"messaging.message.id\" = 'MESSAGE'",
        "message:MESSAGE",
    ),
    (
        "regular expression",
        '{ span.http.route =~ "/fruit.*" }',
        "regexp_full_match(\"http.route\", '/fruit.*')",
        ("route", "/fruit.*"),
    ),
]


def least(work: Callable[[], int]) -> tuple[int, float]:
    """Give what the work comes to, and the least time that it took."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - start)
    return found, best


class Tantivy:
    """The spans in an index of Tantivy's."""

    def __init__(self, frame: polars.DataFrame, folder: Path) -> None:
        """Fill it, with two threads."""
        builder = tantivy.SchemaBuilder()
        for name in FIELDS:
            if name in NUMBERS:
                builder.add_integer_field(name, indexed=True, fast=True)
            else:
                builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=False)
        self.index = tantivy.Index(builder.build(), path=str(folder))
        writer = self.index.writer(heap_size=1 << 30, num_threads=2)
        columns = {column: name for name, column in FIELDS.items()}
        for part in frame.select(FIELDS.values()).rename(columns).iter_slices(1 << 16):
            for row in part.iter_rows(named=True):
                writer.add_json(json.dumps({name: value for name, value in row.items() if value is not None}))
        writer.commit()
        writer.wait_merging_threads()
        self.index.reload()
        self.searcher = self.index.searcher()

    def count(self, query: str | tuple[str, str]) -> int:
        """Count the spans that a query finds."""
        if isinstance(query, str):
            parsed = self.index.parse_query(query, list(FIELDS))
        else:
            parsed = tantivy.Query.regex_query(self.index.schema, *query)
        return self.searcher.search(parsed, limit=1, count=True).count


def indexed(path: Path) -> spanwise.Index:
    """Index the file, and print how fast that was, by the time of the processor."""
    index = spanwise.Index()
    decoding = indexing = 0.0
    start = time.process_time()
    for batch in spanwise.scan_batches(path, threads=1):
        decoded = time.process_time()
        index.add(batch)
        added = time.process_time()
        decoding += decoded - start
        indexing += added - decoded
        start = added
    # What was added last is put in order when it is asked for.
    index.keys()
    indexing += time.process_time() - start
    size = path.stat().st_size
    print(f"{len(index):,} spans, {size / 1e9:.2f} GB of JSON")
    print(f"read and decode {size / decoding / 1e9:.2f} GB/s, index {size / indexing / 1e9:.2f} GB/s")
    print(f"index {index.nbytes / 1e6:.0f} MB in memory, {100 * index.nbytes / size:.1f}% of the JSON")
    return index


def main() -> None:
    """Measure on the file that the command line names."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--no-tantivy", action="store_true")
    parser.add_argument("--index", type=Path, help="an index file of it, instead of one in memory with its spans")
    arguments = parser.parse_args()
    path = arguments.path

    columns = ["name", "status_code", "duration_ns"]
    loaded = spanwise.read(path, columns=columns, promote=PROMOTE, compact=True).to_pyarrow(views=True)
    connection = duckdb.connect()
    connection.execute("create table spans as select * from loaded")
    frame = polars.from_arrow(loaded)
    del loaded
    index = indexed(path) if arguments.index is None else spanwise.Index.open(arguments.index)
    messages = frame["messaging.message.id"].drop_nulls()
    message = messages[len(messages) // 2]

    with tempfile.TemporaryDirectory() as folder:
        parquet = Path(folder) / "spans.parquet"
        connection.execute(f"copy spans to '{parquet}' (format parquet, compression zstd)")

        def sql(table: str, condition: str) -> Callable[[], int]:
            statement = f"select count(*) from {table} where {condition}"
            return lambda: connection.execute(statement).fetchone()[0]

        def lazy(condition: str) -> Callable[[], int]:
            condition = condition.replace(
                "regexp_full_match(\"http.route\", '/fruit.*')", "\"http.route\" ~ '^/fruit.*$'"
            )
            expression = polars.sql_expr(condition)
            return lambda: frame.lazy().filter(expression).select(polars.len()).collect().item()

        peers = {
            "DuckDB": lambda condition, _: sql("spans", condition),
            "polars": lambda condition, _: lazy(condition),
            "Parquet": lambda condition, _: sql(f"'{parquet}'", condition),
        }
        if tantivy is not None and not arguments.no_tantivy:
            inside = Path(folder) / "tantivy"
            inside.mkdir()
            searched = Tantivy(frame, inside)
            peers["Tantivy"] = lambda _, query: lambda: searched.count(query)

        print(f"{'':24}{'matches':>12}{'spanwise':>12}" + "".join(f"{name:>20}" for name in peers))
        for name, *forms, terms in QUERIES:
            query, condition = (form.replace("MESSAGE", message) for form in forms)
            terms = terms.replace("MESSAGE", message) if isinstance(terms, str) else terms
            found, ours = least(lambda query=query: index.count(query))
            line = f"{name:24}{found:>12,}{1e6 * ours:>10.0f}us"
            for peer, make in peers.items():
                theirs, seconds = least(make(condition, terms))
                if theirs != found:
                    sys.exit(f"{name}: {found} by the index, {theirs} by {peer}")
                line += f"{1e6 * seconds:>11.0f}us{seconds / ours:>6.0f}x"
            print(line, flush=True)


if __name__ == "__main__":
    main()
