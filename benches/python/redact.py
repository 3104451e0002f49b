"""Times redaction as one writes it in Python: `re` over `orjson`, by the expressions of `peers/detectors.tsv`.

    pip install orjson
    python benches/python/redact.py corpus.jsonl      # a corpus in the form ndjson, as `spanwise generate` writes it

JSON in strings is read in turn, since what is escaped in it would not be found otherwise. Two ways of asking are timed:
each expression on its own, and all of them as one; the faster is the figure. Processor time of this process, the median
of the rounds, in bytes of JSON text by nanosecond.
"""

import re
import sys
import time
from pathlib import Path

import orjson

EXPRESSIONS = [
    line.split("\t", 1)
    for line in (Path(__file__).parents[1] / "peers/detectors.tsv").read_text().splitlines()
    if not line.startswith("#")
]
EACH = [(f"[REDACTED:{name}]", re.compile(expression)) for name, expression in EXPRESSIONS]
ALL = re.compile("|".join(f"(?P<{name}>{expression})" for name, expression in EXPRESSIONS))
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
        return {name: redacted(item, replace) for name, item in value.items()}
    return value


def main():
    lines = Path(sys.argv[1]).read_bytes().splitlines()
    size = sum(map(len, lines))
    for name, replace in (("each", by_each), ("all as one", by_all)):
        times = []
        for _ in range(ROUNDS):
            start = time.process_time_ns()
            for line in lines:
                orjson.dumps(redacted(orjson.loads(line), replace))
            times.append(time.process_time_ns() - start)
        print(f"{name}: {size / sorted(times)[len(times) // 2]:.4f} GB/s of {size} bytes")


if __name__ == "__main__":
    main()
