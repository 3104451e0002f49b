"""What is delivered to ``spanwise serve`` is what DuckDB and polars read from its folder."""

import gzip
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars
import pytest
import spanwise

PAYLOADS = Path(__file__).parents[2] / "tests/payloads"
EXPECTED = json.loads((PAYLOADS / "expected.json").read_text(encoding="utf-8"))["files"]
COMMAND = Path(sys.executable).parent / "spanwise"


@contextmanager
def serve(store, *arguments):
    """Runs the receiver, and gives what posts to it; at the end all is Parquet."""
    command = [COMMAND, "serve", "--listen", "127.0.0.1:0", "--store", store, *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if found := re.search(r"listening address=(\S+)", line):
                    break
            else:
                pytest.fail("it does not listen")

            def post(body, method="POST", **headers):
                headers = {"content-type": "application/json", **headers}
                url = f"http://{found[1]}/v1/traces"
                request = urllib.request.Request(url, body, headers, method=method)
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return answer.status, json.load(answer)

            yield post
            process.send_signal(signal.SIGTERM)
            process.stderr.read()
            assert process.wait(60) == 0
        finally:
            process.kill()


def bodies(path):
    if path.suffix == ".json":
        return [path.read_bytes()]
    return path.read_bytes().splitlines()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store that holds every payload."""
    store = tmp_path_factory.mktemp("store")
    with serve(store) as post:
        for name in EXPECTED:
            for body in bodies(PAYLOADS / name):
                assert post(body) == (200, {}), name
                # Delivered again, another way: stored once.
                assert post(gzip.compress(body), "PUT", **{"content-encoding": "gzip"}) == (200, {}), name
    return store


def test_every_span_is_found_by_duckdb_with_its_values(store):
    spans = [span for name in EXPECTED for body in bodies(PAYLOADS / name) for span in spanwise.decode(body)]
    expected = {}
    for span in spans:
        attributes = {key: value for key, value in span.attributes.items() if isinstance(value, str)}
        expected.setdefault((span.trace_id, span.span_id, span.name, span.duration_ns), []).append(attributes)
    glob = f"{store}/spans/*/*/*.parquet"
    rows = duckdb.sql(
        f"select trace_id, span_id, name, duration_ns, attributes from read_parquet('{glob}', hive_partitioning = true)"
    ).fetchall()
    found = {}
    for *key, attributes in rows:
        found.setdefault(tuple(key), []).append(attributes)
    assert found.keys() == expected.keys()
    # Some payloads hold the spans of others: those that are the same, resource and all, are stored once.
    assert all(len(found[key]) <= len(lists) for key, lists in expected.items())
    for key, lists in expected.items():
        for attributes in lists:
            assert any(all(row.get(name) == value for name, value in attributes.items()) for row in found[key]), key


def test_partitions_are_columns_in_every_engine(store):
    glob = f"{store}/spans/**/*.parquet"
    query = (
        "select count(*) from read_parquet('{}', hive_partitioning = true) "
        "where service is distinct from {} and service <> '__OTHER__'"
    )
    assert duckdb.sql(query.format(glob, "service_name")).fetchall() == [(0,)]
    dates = duckdb.sql(
        f"select count(*) from read_parquet('{glob}', hive_partitioning = true) "
        "where start_time is not null and date <> cast(start_time at time zone 'UTC' as date)"
    )
    assert dates.fetchall() == [(0,)]
    frame = polars.scan_parquet(f"{store}/spans", hive_partitioning=True).collect()
    assert {"date", "service", "service_name", "llm_model"} <= set(frame.columns)
    assert frame.height == duckdb.sql(f"select count(*) from '{glob}'").fetchall()[0][0]


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.startswith("openrouter-chat")])
def test_sums_of_a_gateways_deliveries_are_right(tmp_path, name):
    with serve(tmp_path) as post:
        for body in bodies(PAYLOADS / name):
            # Gateways deliver again.
            assert post(body)[0] == post(body)[0] == 200
    rows = duckdb.sql(
        "select llm_model, count(*), sum(llm_input_tokens), sum(llm_output_tokens), sum(llm_cost_usd) "
        f"from '{tmp_path}/spans/*/*/*.parquet' where parent_span_id = '' and not is_test group by 1"
    ).fetchall()
    models = EXPECTED[name]["models"]
    assert {row[0] for row in rows} == set(models)
    for model, requests, input_tokens, output_tokens, cost in rows:
        expected = models[model]
        assert (requests, input_tokens, output_tokens) == (
            expected["requests"],
            expected["input_tokens"],
            expected["output_tokens"],
        )
        assert cost == pytest.approx(expected["total_cost"], abs=1e-9)


def test_what_the_policy_takes_out_is_in_no_file(tmp_path):
    with serve(tmp_path, "--policy", "privacy-mode") as post:
        for name in EXPECTED:
            for body in bodies(PAYLOADS / name):
                post(body)
    words = {word for expected in EXPECTED.values() for word in expected.get("vanish", [])}
    text = json.dumps(duckdb.sql(f"select * from '{tmp_path}/spans/*/*/*.parquet'").fetchall(), default=str)
    assert len(words) > 150
    assert [word for word in words if word in text] == []
    assert "KEEPME-0001" in text
    # Nothing but Parquet is left, and no folder that tells more.
    names = [name for _, folders, files in os.walk(tmp_path) for name in [*folders, *files]]
    assert [word for word in words if any(word in name for name in names)] == []
