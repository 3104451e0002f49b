"""Times TraceQL filters by `spanwise.Index` beside DuckDB and polars, which have the same spans as columns in memory.

    pip install . duckdb polars pyarrow
    spanwise generate --corpus micro --size 1GiB -o micro.jsonl
    python benches/python/index.py micro.jsonl

The rivals are given a real column of each attribute that is asked for, which is the best that they can be given; the
index has all attributes. Every contestant counts the spans that match and must come to the same number. Printed are the
least of the rounds in wall time, DuckDB and polars on all processors; how fast the index was built beside decoding, one
thread each; and what it takes.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars
import spanwise

ROUNDS = 9
PROMOTE = {
    "http.request.method": "string",
    "http.response.status_code": "int64",
    "http.route": "string",
    "messaging.message.id": "string",
    "http.response.body.size": "int64",
}
METHOD, STATUS = '"http.request.method"', '"http.response.status_code"'
QUERIES = [
    ("equality, few values", '{ span.http.request.method = "POST" }', f"{METHOD} = 'POST'"),
    (
        "three of them",
        '{ span.http.request.method = "GET" && span.http.response.status_code = 500 && status = error }',
        f"{METHOD} = 'GET' and {STATUS} = 500 and status_code = 'error'",
    ),
    ("range of numbers", "{ span.http.response.body.size > 90000 }", '"http.response.body.size" > 90000'),
    ("range of durations", "{ duration > 800ms }", "duration_ns > 800000000"),
    (
        "equality, all distinct",
        '{ span.messaging.message.id = "0000000000000001" }',
        "\"messaging.message.id\" = '0000000000000001'",
    ),
    ("regular expression", '{ span.http.route =~ "/fruit.*" }', "regexp_full_match(\"http.route\", '/fruit.*')"),
]


def least(work: Callable[[], int]) -> tuple[int, float]:
    """Give what the work comes to, and the least time that it took."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        found = work()
        best = min(best, time.perf_counter() - start)
    return found, best


def main() -> None:
    """Measure on the file that the command line names."""
    path = Path(sys.argv[1])
    columns = ["name", "status_code", "duration_ns"]
    loaded = spanwise.read(path, columns=columns, promote=PROMOTE, compact=True).to_pyarrow()
    connection = duckdb.connect()
    connection.execute("create table spans as select * from loaded")
    frame = polars.from_arrow(loaded)
    del loaded

    index = spanwise.Index()
    decoding = indexing = 0.0
    start = time.process_time()
    for batch in spanwise.scan_batches(path, threads=1):
        decoded = time.process_time()
        index.add(batch)
        indexed = time.process_time()
        decoding += decoded - start
        indexing += indexed - decoded
        start = indexed
    size = path.stat().st_size
    print(f"{len(index):,} spans, {size / 1e9:.2f} GB of JSON")
    print(f"decode {size / decoding / 1e9:.2f} GB/s, index {size / indexing / 1e9:.2f} GB/s")
    print(f"index {index.nbytes / 1e6:.0f} MB in memory, {100 * index.nbytes / size:.1f}% of the JSON")
    print(f"{'':24}{'matches':>12}{'spanwise':>12}{'DuckDB':>12}{'polars':>12}{'ratio':>16}")
    for name, query, sql in QUERIES:
        in_index, ours = least(lambda query=query: index.count(query))
        statement = f"select count(*) from spans where {sql}"
        in_duckdb, by_duckdb = least(lambda statement=statement: connection.execute(statement).fetchone()[0])
        condition = sql.replace("regexp_full_match(\"http.route\", '/fruit.*')", "\"http.route\" ~ '^/fruit.*$'")
        expression = polars.sql_expr(condition)
        in_polars, by_polars = least(
            lambda expression=expression: frame.lazy().filter(expression).select(polars.len()).collect().item()
        )
        if not in_index == in_duckdb == in_polars:
            raise SystemExit(f"{name}: {in_index} by the index, {in_duckdb} by DuckDB, {in_polars} by polars")
        times = "".join(f"{1e6 * seconds:>10.0f}us" for seconds in (ours, by_duckdb, by_polars))
        print(f"{name:24}{in_index:>12,}{times}{by_duckdb / ours:>8.0f}x{by_polars / ours:>7.0f}x")


if __name__ == "__main__":
    main()
