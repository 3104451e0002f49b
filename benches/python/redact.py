"""Times redaction: `Policy.redact` beside what one writes in Python, `re` over `orjson`.

    pip install . orjson
    spanwise generate --corpus llm --size 8MiB -o llm.jsonl
    python benches/python/redact.py llm.jsonl

Looked for is what `secrets` looks for, by the expressions of `peers/detectors.tsv`, in all strings but ids and times,
which would pass for card numbers. JSON in strings is read in turn, since what is escaped in it would not be found
otherwise. Two ways of asking are timed: each expression on its own, and all of them as one. Contestants take turns,
every one must give the same texts before it is timed, and the figure is processor time of this process, the median of
the rounds, in bytes of JSON text by nanosecond.
"""

import argparse
import re
import statistics
import sys
import time
from pathlib import Path

import orjson
import spanwise

EXPRESSIONS = [
    line.split("\t", 1)
    for line in (Path(__file__).parents[1] / "peers/detectors.tsv").read_text().splitlines()
    if not line.startswith("#")
]
EACH = [(f"[REDACTED:{name}]", re.compile(expression)) for name, expression in EXPRESSIONS]
ALL = re.compile("|".join(f"(?P<{name}>{expression})" for name, expression in EXPRESSIONS))
NO_TEXT = {"traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "intValue"}
ROUNDS = 5


def by_each(text):
    for mask, expression in EACH:
        text = expression.sub(mask, text)
    return text


def by_all(text):
    return ALL.sub(lambda found: f"[REDACTED:{found.lastgroup}]", text)


def redacted(value, replace):
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                inner = orjson.loads(value)
            except ValueError:
                return replace(value)
            result = redacted(inner, replace)
            return value if result == inner else orjson.dumps(result).decode()
        return replace(value)
    if isinstance(value, list):
        return [redacted(item, replace) for item in value]
    if isinstance(value, dict):
        return {name: item if name in NO_TEXT else redacted(item, replace) for name, item in value.items()}
    return value


def with_re(text, replace):
    return b"\n".join(orjson.dumps(redacted(orjson.loads(line), replace)) for line in text.splitlines())


def values(lines):
    """All values, whichever way they are written; what is JSON in a string may be spelled otherwise, too."""

    def value(it):
        if isinstance(it, str) and it[:1] in ("{", "["):
            try:
                return value(orjson.loads(it))
            except ValueError:
                return it
        if isinstance(it, list):
            return [value(item) for item in it]
        return {name: value(item) for name, item in it.items()} if isinstance(it, dict) else it

    return [value(orjson.loads(line)) for line in lines.splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="requests, one in each line")
    text = parser.parse_args().path.read_bytes()
    policy = spanwise.Policy(["secrets"])
    runs = {
        "spanwise": lambda: policy.redact(text, framing="lines").data,
        "re, each expression": lambda: with_re(text, by_each),
        "re, all as one": lambda: with_re(text, by_all),
    }
    expected = values(runs["spanwise"]())
    for name in [name for name, run in runs.items() if values(run()) != expected]:
        print(f"{name}: refused, its texts are others", file=sys.stderr)
        del runs[name]
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            begun = time.process_time_ns()
            run()
            times[name].append(time.process_time_ns() - begun)
    print("| contestant | GB/s | times slower |\n|---|--:|--:|")
    for name, measured in times.items():
        ratio = statistics.median(mine / ours for mine, ours in zip(measured, times["spanwise"], strict=True))
        print(f"| {name} | {len(text) / statistics.median(measured):.4f} | {ratio:.0f} |")


if __name__ == "__main__":
    main()
