"""Every case and payload, value by value: the same answers from Python as from Rust."""

import json
import math
import re
from pathlib import Path

import pytest
import spanwise

TESTS = Path(__file__).parents[2] / "tests"
CASES = [json.loads(line) for line in (TESTS / "cases/expected.jsonl").read_text().splitlines()]
PAYLOADS = json.loads((TESTS / "payloads/expected.json").read_text())["files"]
LIMITS = {"nesting-depth", "document-size", "string-length"}


def matches(found, expected):
    if isinstance(expected, dict):
        if "$int" in expected:
            return type(found) is int and found == int(expected["$int"])
        if "$double" in expected:
            if not isinstance(found, float):
                return False
            number = float(expected["$double"].replace("Infinity", "inf"))
            same = found == number and math.copysign(1, found) == math.copysign(1, number)
            return same or (math.isnan(found) and math.isnan(number))
        if "$bytes" in expected:
            return found == bytes.fromhex(expected["$bytes"])
        if "$empty" in expected:
            return found is None
        return (
            isinstance(found, dict)
            and found.keys() == expected.keys()
            and all(matches(found[key], value) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(map(matches, found, expected))
    return type(found) is type(expected) and found == expected


def depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(depth, children), default=0)


def attribute(owner, name, expected):
    if name == "#":
        assert len(owner.attribute_items if isinstance(owner, spanwise.Span) else owner.attributes) == expected
    elif name in owner.attributes:
        assert matches(owner.attributes[name], expected), (name, owner.attributes[name])
    elif name.endswith(".len"):
        assert len(owner.attributes[name.removesuffix(".len")].encode()) == expected
    else:
        assert depth(owner.attributes[name.removesuffix(".depth")]) == expected


def check_span(span, path, expected):
    if path.startswith("attributes."):
        return attribute(span, path.removeprefix("attributes."), expected)
    if found := re.fullmatch(r"resource\.entity_refs\[(\d+)\]\.(\w+)", path):
        assert span.resource.entity_refs[int(found[1])][found[2]] == expected
        return None
    if path.startswith("resource."):
        return attribute(span.resource, path.removeprefix("resource."), expected)
    if path.startswith("scope.attributes."):
        return attribute(span.scope, path.removeprefix("scope.attributes."), expected)
    if found := re.fullmatch(r"(events|links)\[(\d+)\]\.(.*)", path):
        part, rest = getattr(span, found[1])[int(found[2])], found[3]
        if rest == "time":
            assert str(part.time_unix_nano) == expected
        elif hasattr(part, rest):
            assert getattr(part, rest) == expected
        else:
            attribute(part, rest.removeprefix("attributes."), expected)
        return None
    found = {
        "start": lambda: str(span.start_time_unix_nano),
        "end": lambda: str(span.end_time_unix_nano),
        "status.code": lambda: span.status.code,
        "status.message": lambda: span.status.message,
        "ids_valid": lambda: all(
            re.fullmatch(f"[0-9a-f]{{{size}}}", text) is not None and set(text) != {"0"}
            for text, size in ((span.trace_id, 32), (span.span_id, 16))
        ),
        "duration_clamped": lambda: span.end_time_unix_nano < span.start_time_unix_nano and span.duration_ns == 0,
    }.get(path)
    if found is not None:
        assert found() == expected, path
        return None
    value = span
    for name in path.split("."):
        value = getattr(value, name)
    assert value == expected, (path, value)
    return None


def outcome(data, framing, mode):
    """Whether it was accepted, the codes, the spans, and the counts; of a stream if it has a framing."""
    if framing:
        report = spanwise.validate(data, mode=mode, framing=framing)
        spans = [span for batch in spanwise.scan_batches(data, mode=mode, framing=framing) for span in batch]
        assert len(spans) == report.spans
        counts = {"lines.bad": report.bad_documents, "lines.other_signal": report.other_signals}
        counts["rejected_spans"] = report.rejected_spans
        return report.ok, [finding.code for finding in report.diagnostics], spans, counts
    try:
        batch = spanwise.decode(data, mode=mode)
    except spanwise.DecodeError as error:
        assert isinstance(error.offset, int) and error.line >= 1 and error.column >= 1
        return False, [error.code], [], {"rejected_spans": 0}
    findings = batch.diagnostics
    accepted = all(finding.severity != "error" for finding in findings)
    return (
        accepted,
        [finding.code for finding in findings],
        list(batch),
        {"rejected_spans": batch.rejected_spans},
    )


@pytest.mark.filterwarnings("ignore::spanwise.SpanwiseWarning")
@pytest.mark.parametrize("mode", ["lenient", "strict"])
@pytest.mark.parametrize("case", CASES, ids=[case["file"] for case in CASES])
def test_case(case, mode):
    file, expect = case["file"], case["expect"]
    framing = {".ndjson": "lines", ".bin": "auto"}.get(Path(file).suffix)
    accepted, codes, spans, counts = outcome((TESTS / "cases" / file).read_bytes(), framing, mode)
    accept = expect[mode] == "accept"
    if expect.get("alt") == "either" and not accepted:
        assert LIMITS & set(codes)
        return
    bad = expect["checks"].get("lines.bad", 0)
    accepted = accepted or (mode == "lenient" and bad > 0 and counts["lines.bad"] == bad)
    assert accepted == accept, codes
    if mode == "lenient":
        assert len(spans) == (expect["spans"] if accept else 0)
        assert set(expect.get("warn", [])) <= set(codes)
    else:
        assert len(spans) == expect.get("spans_strict", expect["spans"] if accept else 0)
    if mode == "lenient" or (accept and len(spans) == expect["spans"]):
        for key, expected in expect["checks"].items():
            if found := re.fullmatch(r"spans\[(\d+)\]\.(.*)", key):
                check_span(spans[int(found[1])], found[2], expected)
            else:
                assert counts[key] == expected


@pytest.mark.parametrize("file", PAYLOADS)
def test_payload(file):
    expected = PAYLOADS[file]
    path = TESTS / "payloads" / file
    report = spanwise.validate(path)
    assert (report.spans, report.documents) == (expected["spans"], expected["documents"])
    spans = [span for batch in spanwise.scan_batches(path) for span in batch]
    assert len({span.trace_id for span in spans}) == expected["traces"]
    if "span_attributes" in expected:
        assert [len(span.attribute_items) for span in spans] == expected["span_attributes"]
    assert spanwise.read(path).num_rows == expected["spans"]
