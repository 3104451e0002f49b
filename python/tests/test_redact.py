"""Redaction from Python: nothing that a policy takes out is in anything that can be reached from what it gives."""

import base64
import json
import pickle
import time
from pathlib import Path

import polars
import pyarrow
import pyarrow.ipc
import pyarrow.parquet
import pytest
import spanwise

PAYLOADS = Path(__file__).parents[2] / "tests/payloads"
EXPECTED = json.loads((PAYLOADS / "expected.json").read_text())["files"]
SPAN = (
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c",'
    '"spanId":"b7ad6b7169203331","name":"chat","attributes":[%s]}]}]}]}'
)


def document(**attributes):
    pairs = [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()]
    return (SPAN % ",".join(json.dumps(pair, separators=(",", ":")) for pair in pairs)).encode()


def spellings(word):
    """The ways in which a word can stand in bytes: as it is, in escapes, and in base64 at each alignment."""
    yield word
    yield "".join(f"\\u{ord(letter):04x}" for letter in word)
    for shift in range(3):
        padded = b" " * shift + word.encode()
        digits = base64.b64encode(padded).decode().rstrip("=")
        digits = digits[-(-shift * 8 // 6) : len(padded) * 8 // 6]
        yield digits
        yield digits.replace("+", "-").replace("/", "_")


def assert_gone(name, words, blob):
    for word in words:
        for spelling in spellings(word):
            assert spelling.encode() not in blob, f"{name}: {word} as {spelling}"


def buffers(array):
    """All bytes that an Arrow array can reach, whichever rows it shows."""
    for buffer in array.buffers():
        if buffer is not None:
            yield buffer.to_pybytes()


def framing(name):
    return "auto" if name.endswith(("jsonl", "ndjson")) else None


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_json_and_batches_hold_no_canary(name):
    expected, payload = EXPECTED[name], (PAYLOADS / name).read_bytes()
    result = spanwise.Policy.preset("privacy-mode").redact(payload, framing=framing(name))
    assert_gone(name, expected.get("vanish", []), result.data)
    text = result.data.decode()
    for word in expected.get("survive", []):
        assert word in text or word in json.dumps([json.loads(line) for line in text.splitlines() if line.strip()])
    assert result.report["changes"] == sum(result.report["places"].values())
    assert spanwise.redact(payload, "privacy-mode", framing=framing(name)) == result.data
    for batch in spanwise.scan_batches(payload, policy="privacy-mode"):
        assert_gone(name, expected.get("vanish", []), batch.to_json())
        assert batch.diagnostics == []
        for span in batch:
            assert_gone(name, expected.get("vanish", []), repr((span.attributes, span.status.message)).encode())


@pytest.mark.parametrize("layout", ["map", "typed"])
@pytest.mark.parametrize("name", sorted(name for name, row in EXPECTED.items() if row.get("vanish")))
def test_tables_hold_no_canary(name, layout, tmp_path):
    words = EXPECTED[name]["vanish"]
    policy = spanwise.Policy.preset("privacy-mode", "secrets")
    for compact in (None, False):
        table = spanwise.read(PAYLOADS / name, policy=policy, layout=layout, llm=True, compact=compact)
        assert table.num_rows == EXPECTED[name]["spans"]
        arrow = table.to_pyarrow(views=True)
        for column in arrow.columns:
            for chunk in column.chunks:
                for blob in buffers(chunk):
                    assert_gone(name, words, blob)
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, arrow.schema) as writer:
            writer.write_table(arrow)
        assert_gone(name, words, sink.getvalue().to_pybytes())
        assert_gone(name, words, pickle.dumps(arrow))
        assert_gone(name, words, pickle.dumps(table.to_polars()))
        assert_gone(name, words, pickle.dumps(table.to_pandas()))
        for suffix in ("parquet", "arrow", "jsonl", "csv"):
            table.write(tmp_path / f"out.{suffix}")
            blob = (tmp_path / f"out.{suffix}").read_bytes()
            assert_gone(name, words, blob)
        # A file in pages that are not compressed shows what compressed ones hide.
        read = pyarrow.parquet.read_table(tmp_path / "out.parquet")
        pyarrow.parquet.write_table(read, tmp_path / "plain.parquet", compression="none", use_dictionary=False)
        assert_gone(name, words, (tmp_path / "plain.parquet").read_bytes())
        everything = polars.read_parquet(tmp_path / "out.parquet").write_json()
        assert_gone(name, words, everything.encode())
        survive = EXPECTED[name].get("survive", [])
        assert not survive or any(word in everything for word in survive)


def test_a_table_tells_what_was_done():
    table = spanwise.read(
        document(**{"input.value": "hush", "note": "joe@example.com"}), policy=["privacy-mode", "secrets"]
    )
    assert table.report.redaction["changes"] == 2
    assert table.report.redaction["rules"] == {"privacy-mode: input.value": 1}
    assert table.report.redaction["detectors"] == {"email": 1}
    assert table.report.redaction["places"] == {"span": 2}
    assert spanwise.read(document()).report.redaction is None


def test_a_batch_is_redacted_into_one_of_its_own():
    batch = spanwise.decode(document(**{"input.value": "hush", "note": "loud"}))
    redacted = batch.redact("privacy-mode")
    assert redacted[0].attributes == {"input.value": "[REDACTED:content]", "note": "loud"}
    assert batch[0].attributes["input.value"] == "hush"
    assert b"hush" not in redacted.to_json()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"presets": ["privacy-mode"]}, {"input.value": "[REDACTED:content]", "note": "a@example.com", "user.id": "u"}),
        (
            {"presets": ["privacy-mode", "secrets"], "identity": "drop"},
            {"input.value": "[REDACTED:content]", "note": "[REDACTED:email]"},
        ),
        (
            {
                "rules": [
                    {"key": "note", "action": "truncate", "length": 2},
                    {"regex": "^user", "action": "mask", "label": "x\x79"},
                ]
            },
            {"input.value": "hush", "note": "a@", "user.id": "[REDACTED:xy]"},
        ),
        ({"mode": "allow", "rules": [{"prefix": "user", "action": "keep"}]}, {"user.id": "u"}),
        (
            {"detectors": {"on": ["email"], "custom": {"quiet": r"\bhu\S+"}}, "fold_case": False},
            {"input.value": "[REDACTED:quiet]", "note": "[REDACTED:email]", "user.id": "u"},
        ),
    ],
)
def test_a_policy_is_made_of_its_settings(settings, expected):
    payload = document(**{"input.value": "hush", "note": "a@example.com", "user.id": "u"})
    result = spanwise.Policy(**settings).redact(payload)
    assert spanwise.decode(result.data)[0].attributes == expected


def test_a_policy_is_read_from_a_text_or_a_file(tmp_path, monkeypatch):
    text = 'presets = ["privacy-mode"]\ncontent = "hash"\n[hash]\nkey_env = "SPANWISE_TEST_KEY"\n'
    payload = document(**{"input.value": "Hi There"})
    with pytest.raises(spanwise.PolicyError, match="`key_env` names is not set"):
        spanwise.Policy.from_toml(text)
    monkeypatch.setenv("SPANWISE_TEST_KEY", "\x0b" * 20)
    # RFC 4231, test case 1.
    expected = {"input.value": "hmac:b0344c61d8db3853"}
    assert spanwise.decode(spanwise.Policy.from_toml(text).redact(payload).data)[0].attributes == expected
    path = tmp_path / "policy.toml"
    path.write_text(text)
    assert spanwise.decode(spanwise.Policy.from_file(path).redact(payload).data)[0].attributes == expected
    for policy in (path, str(path), [path, "secrets"]):
        assert spanwise.decode(spanwise.redact(payload, policy))[0].attributes == expected


def test_what_is_wrong_with_a_policy_is_told():
    with pytest.raises(spanwise.PolicyError) as caught:
        spanwise.Policy.from_toml("\nmode = 1\n")
    assert (caught.value.line, caught.value.column) == (2, 8)
    for make, message in [
        (lambda: spanwise.Policy(mode="off"), r"^mode: "),
        (lambda: spanwise.Policy(detectors={"on": ["emial"]}), r"^detectors: no such detector"),
        (
            lambda: spanwise.Policy(rules=[{"key": "a", "action": "mask"}, {"glob": "a***", "action": "mask"}]),
            r"^rules\[1\]: a glob has",
        ),
        (lambda: spanwise.Policy(rules=[{"key": b"a", "action": "mask"}]), "no bytes"),
        (lambda: spanwise.Policy(identity="hash", presets=["privacy-mode"]), "there is no key"),
        (lambda: spanwise.Policy.preset("privacy"), "no such preset"),
        (lambda: spanwise.Policy.preset(), "name a preset"),
        (lambda: spanwise.redact(b"{}", "privacy"), "no such preset"),
        (lambda: spanwise.redact(b"{}", []), "name a preset"),
        (lambda: spanwise.read(b"{}", policy="privacy"), "no such preset"),
    ]:
        with pytest.raises(spanwise.PolicyError, match=message) as caught:
            make()
        assert caught.value.line is None
    with pytest.raises(TypeError):
        spanwise.redact(b"{}", 3)
    with pytest.raises(TypeError):
        spanwise.Policy(modes="deny")


def test_what_cannot_be_read_does_not_come_out():
    with pytest.raises(spanwise.DecodeError):
        spanwise.redact(b'{"hush":', "privacy-mode")
    lines = document() + b'\n{"hush":\n{"resourceLogs":[{"hush":1}]}\n'
    with pytest.warns(
        spanwise.SpanwiseWarning, match="^left out: 1 bad document, 1 document of metrics, logs or profiles$"
    ):
        data = spanwise.redact(lines, "secrets", framing="lines")
    assert data == document() + b"\n"
    result = spanwise.Policy.preset("secrets").redact(document().replace(b"b7ad", b"hush"), mode="strict")
    assert result.report["rejected_spans"] == 1
    assert b"hush" not in result.data


@pytest.mark.parametrize("framing", ["lines", "auto"])
def test_lines_are_redacted_alike_however_many_they_are(framing):
    """More than 4 MiB go through in pieces that end with lines; what is left out may stand at any end of one."""
    kept = [document(**{"input.value": "hush", "note": f"{number} {'x' * 1000}"}) for number in range(9000)]
    policy = spanwise.Policy.preset("privacy-mode")
    expected = [policy.redact(line).data for line in kept]
    lost = [b'{"hush":', b'{"resourceLogs":[{"hush":1}]}']
    for every in (1, 2, 500):
        lines = [line for number, one in enumerate(kept) for line in (lost if number % every == 0 else []) + [one]]
        for end in (b"", b"\n", b"\n" + lost[0], b"\n" + lost[0] + b"\n"):
            result = policy.redact(kept[0] + b"\n" + b"\n".join(lines) + end, framing=framing)
            assert result.data.rstrip(b"\n").split(b"\n") == [expected[0], *expected]
            # The last line that is kept has its end, whatever stands behind it.
            assert result.data.endswith(b"\n") == end.startswith(b"\n")
            assert result.report["bad_documents"] == lines.count(lost[0]) + end.count(lost[0])
            assert result.report["other_signals"] == lines.count(lost[1])
            assert result.report["rules"] == {"privacy-mode: input.value": 9001}


@pytest.mark.parametrize("blank", [b"\n", b" \n \r\n", b"\n" * (5 << 20)], ids=["a line", "lines", "MiBs"])
def test_blank_lines_at_the_end_of_a_piece_are_no_document(blank):
    one = document(**{"input.value": "hush", "note": "x" * (4 << 20)})
    policy = spanwise.Policy.preset("privacy-mode")
    expected = policy.redact(one).data
    for lines in (one + b"\n" + blank, blank + one + b"\n", one + b"\n" + blank + one):
        result = policy.redact(lines, framing="lines", mode="strict")
        assert (result.report["bad_documents"], result.data.count(expected)) == (0, lines.count(one))


def test_decisions_are_explained():
    policy = spanwise.Policy.preset("privacy-mode")
    assert "is masked" in policy.explain("gen_ai.prompt.0.content")
    assert "stays" in policy.explain("gen_ai.prompt.name", place="resource")
    assert "is masked" in policy.explain("content", place="event", event="gen_ai.choice")
    with pytest.raises(ValueError, match="place must be"):
        policy.explain("a", place="span_name")
    assert repr(policy).startswith("<spanwise.Policy of ")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"presets": None},
        {"presets": []},
        {"rules": []},
        {"mode": "deny"},
        {"unknown": "keep"},
        {"rules": [{"key": "a", "action": "keep"}]},
        {"detectors": {"off": ["email"]}},
    ],
)
def test_a_policy_that_changes_nothing_is_refused(settings):
    with pytest.raises(spanwise.PolicyError, match=r"^the policy changes nothing: name a preset"):
        spanwise.Policy(**settings)


def test_a_text_or_file_that_changes_nothing_is_refused(tmp_path):
    path = tmp_path / "policy.toml"
    for text in ("", "# to be written\n", '[[rules]]\nkey = "a"\naction = "keep"\n', '[detectors]\noff = ["email"]\n'):
        path.write_text(text)
        for make in (
            lambda text=text: spanwise.Policy.from_toml(text),
            lambda: spanwise.Policy.from_file(path),
            lambda: spanwise.redact(document(), path),
            lambda: spanwise.read(document(), policy=str(path)),
        ):
            with pytest.raises(spanwise.PolicyError, match="the policy changes nothing"):
                make()


def test_a_key_alone_is_a_policy(monkeypatch):
    """Ids that are text are digests under it."""
    monkeypatch.setenv("SPANWISE_TEST_KEY", "a key for the tests")
    policy = spanwise.Policy(hash={"key_env": "SPANWISE_TEST_KEY"})
    payload = document(**{"input.value": "hush"})
    assert policy.redact(payload).data == payload
    assert b"joe" not in policy.redact(payload.replace(b"b7ad6b7169203331", b"joe")).data


def test_policies_go_to_other_processes(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text('presets = ["secrets"]\n')
    payload = document(**{"gen_ai.prompt": "a prompt", "mail": "jane@example.org"})
    for policy in (
        spanwise.Policy.preset("privacy-mode", "secrets"),
        spanwise.Policy(["privacy-mode"], identity="drop", rules=[{"glob": "mail", "action": "drop"}]),
        spanwise.Policy.from_toml('presets = ["privacy-mode"]\n'),
        spanwise.Policy.from_file(path),
    ):
        again = pickle.loads(pickle.dumps(policy))
        assert repr(again) == repr(policy)
        assert spanwise.redact(payload, again) == spanwise.redact(payload, policy) != payload


def test_a_policy_of_a_file_named_from_here_is_made_again_elsewhere(tmp_path, monkeypatch):
    (tmp_path / "policy.toml").write_text('presets = ["privacy-mode"]\n')
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(spanwise.Policy.from_file("policy.toml"))
    monkeypatch.chdir("elsewhere")
    payload = document(**{"gen_ai.prompt": "a prompt"})
    assert spanwise.redact(payload, pickle.loads(pickled)) != payload


def test_a_name_alone_makes_a_policy():
    payload = document(**{"gen_ai.prompt": "a prompt"})
    assert spanwise.Policy("privacy-mode").redact(payload).data == spanwise.redact(payload, "privacy-mode")


@pytest.mark.parametrize("names", [["privacy-mode"], ["privacy-mode", "secrets"]])
def test_presets_are_compiled_once(names):
    """That takes longer than a thousand small payloads."""
    payload = document(**{"gen_ai.prompt": "a prompt"})

    def seconds(call):
        begun = time.perf_counter()
        call()
        return time.perf_counter() - begun

    assert spanwise.redact(payload, names) == spanwise.Policy.preset(*names).redact(payload).data
    compiling = min(seconds(lambda: spanwise.Policy.preset(*names)) for _ in range(5))
    assert min(seconds(lambda: spanwise.redact(payload, names)) for _ in range(20)) < compiling / 2


def test_a_policy_file_is_read_each_time(tmp_path):
    path = tmp_path / "policy.toml"
    payload = document(**{"gen_ai.prompt": "a prompt", "mail": "jane@example.org"})
    path.write_text('presets = ["privacy-mode"]\n')
    first = spanwise.redact(payload, path)
    path.write_text('presets = ["secrets"]\n')
    assert spanwise.redact(payload, path) == spanwise.redact(payload, "secrets") != first
