"""Times how a folder with a file for each request becomes a table: `spanwise.read` beside a loop over the files.

    pip install . pyarrow orjson
    spanwise generate --corpus openrouter --size 64MiB -o requests.jsonl
    python benches/python/folder.py requests.jsonl

Writes each line of the file to a file of its own, in a temporary folder. Table and rules are those of `read.py`:
contestants take turns, every one must give the same table, and the figure is the median of the rounds. Besides,
`spanwise` reads the file with all of the lines.
"""

import argparse
import importlib
import json
import statistics
import tempfile
import time
from pathlib import Path

from read import ROUNDS, from_trees, with_spanwise


def texts(folder):
    return (path.read_bytes() for path in sorted(folder.rglob("*.json")))


def with_json(folder):
    return from_trees(map(json.loads, texts(folder)))


def with_orjson(folder):
    orjson = importlib.import_module("orjson")
    return from_trees(map(orjson.loads, texts(folder)))


def write(lines, folder):
    for number, line in enumerate(lines):
        # A day's deliveries, a folder for each thousand.
        path = folder / f"{number // 1000:04}" / f"{number:07}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="requests, one in each line")
    path = parser.parse_args().path
    lines = path.read_bytes().splitlines()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(lines, folder)
        contestants = {
            "spanwise": lambda: with_spanwise(folder),
            "spanwise, one file": lambda: with_spanwise(path),
            "json": lambda: with_json(folder),
            "orjson": lambda: with_orjson(folder),
        }
        tables = {name: contestant().combine_chunks() for name, contestant in contestants.items()}
        for name, table in tables.items():
            assert table.equals(tables["spanwise"].cast(table.schema)), f"{name} gives another table"
        times = {name: [] for name in contestants}
        for _ in range(ROUNDS):
            for name, contestant in contestants.items():
                begun = time.perf_counter()
                contestant()
                times[name].append(time.perf_counter() - begun)
    size = sum(map(len, lines))
    print(f"{len(lines)} files of {size // len(lines)} bytes\n")
    print("| reader | GB/s | times slower |\n|---|--:|--:|")
    fastest = statistics.median(times["spanwise"])
    for name, measured in times.items():
        median = statistics.median(measured)
        print(f"| `{name}` | {size / median / 1e9:.2f} | {median / fastest:.1f} |")


if __name__ == "__main__":
    main()
