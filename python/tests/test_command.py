"""The command that the wheel installs, the examples of the pages, and the words of options in the stubs."""

import ast
import gzip
import json
import re
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import duckdb
import pytest
import spanwise

ROOT = Path(__file__).parents[2]
COMMAND = Path(sys.executable).with_name("spanwise")


def run(*words, **options):
    return subprocess.run([COMMAND, *words], capture_output=True, text=True, check=False, **options)


def test_the_whole_command_is_on_the_path(tmp_path):
    version = run("--version")
    assert (version.returncode, version.stdout) == (0, f"spanwise {spanwise.__version__}\n")
    out = tmp_path / "spans.parquet"
    converted = run("convert", ROOT / "examples", "-o", out, "--llm")
    spans = spanwise.read(ROOT / "examples").num_rows
    assert converted.returncode == 0, converted.stderr
    assert f"{spans} spans" in converted.stderr
    assert duckdb.sql(f"select count(*) from '{out}'").fetchall() == [(spans,)]
    assert run("validate", "--mode=strict", ROOT / "examples/quirks.json").returncode == 1
    assert run("validate", tmp_path / "none.json").returncode == 2
    piped = run("summary", input=(ROOT / "examples/agent.json").read_text())
    assert piped.returncode == 0 and "spans" in piped.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
def test_an_interrupt_ends_the_command_unless_it_is_ignored(handler):
    before = signal.signal(signal.SIGINT, handler)
    try:
        child = subprocess.Popen([COMMAND, "summary"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)
    child.send_signal(signal.SIGINT)
    if handler is signal.SIG_DFL:
        # It would wait for more otherwise.
        assert child.wait(timeout=60) != 0
        child.communicate()
    else:
        output, _ = child.communicate((ROOT / "examples/agent.json").read_text(), timeout=60)
        assert (child.returncode, "spans" in output) == (0, True)


def test_the_cost_of_the_examples(tmp_path):
    out = tmp_path / "spans.parquet"
    spanwise.read(ROOT / "examples", llm=True).write(out)
    query = re.search(r'"""(\s+select.*?)"""', (ROOT / "examples/cost.py").read_text(), re.DOTALL)[1]
    rows = duckdb.sql(query, params={"file": str(out)}).fetchall()
    summary = spanwise_summary(ROOT / "examples")
    assert {row[0] for row in rows} == set(summary)
    for model, requests, *tokens, cost in rows:
        expected = summary[model]
        assert requests == expected["requests"]
        assert tokens == [expected["input_tokens"], expected["output_tokens"]]
        assert (cost or 0) == pytest.approx(expected["total_cost"] or 0, abs=1e-6)


def spanwise_summary(path):
    return json.loads(run("summary", "--format=json", path).stdout)["models"]


def test_a_summary_is_that_of_the_command(tmp_path):
    shutil.copytree(ROOT / "examples", tmp_path / "traces")
    (tmp_path / "traces/cut.jsonl.gz").write_bytes(gzip.compress((ROOT / "examples/collector.jsonl").read_bytes())[:-9])
    (tmp_path / "traces/other.json").write_text('{"name":"x"}')
    (tmp_path / "traces/bad.json").write_text('{"resourceSpans":[')
    (tmp_path / "traces/gone.json").symlink_to("nowhere")
    told = json.loads(run("summary", "--format=json", tmp_path / "traces").stdout)
    with pytest.warns(spanwise.SpanwiseWarning, match="1 document that holds no traces"):
        summary = spanwise.summary(tmp_path / "traces")
    # What a folder has that cannot be read is known before the rest is.
    told["unreadable"].sort(key=lambda fault: fault["file"] != str(tmp_path / "traces/gone.json"))
    assert summary == told
    assert list(summary) == list(told) == list(spanwise.Summary.__annotations__)
    assert (summary["foreign_documents"], summary["bad_documents"], len(summary["unreadable"])) == (1, 1, 2)
    assert all(list(sums) == list(spanwise.ModelSums.__annotations__) for sums in summary["models"].values())
    for threads in (1, 2):
        payload = (ROOT / "examples/agent.json").read_bytes()
        assert spanwise.summary(payload, threads=threads) == spanwise.summary(ROOT / "examples/agent.json")
    with pytest.raises(FileNotFoundError):
        spanwise.summary(tmp_path / "none.json")


def test_the_example_of_a_summary():
    example = spanwise.summary.__doc__.split("\n\n")[2]
    exec(textwrap.dedent(example), {"spanwise": spanwise})


@pytest.mark.parametrize("page", ["README.md", "docs/query.md", "docs/redaction.md", "docs/streams.md"])
def test_the_examples_of_the_pages(page, tmp_path, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    assert blocks
    for folder in ["examples", "traces"]:
        shutil.copytree(ROOT / "examples", tmp_path / folder)
    shutil.copy(ROOT / "examples/collector.jsonl", tmp_path / "huge.jsonl.zst")  # known by its content
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks:
        exec(block, names)
    if page == "README.md":
        assert names["spans"].num_rows > 0 and names["report"].ok and len(names["batch"]) > 0


def test_the_stubs_tell_the_words_of_options():
    options = {"mode", "framing", "on_error", "order", "layout", "names", "ids", "times"}
    tree = ast.parse((ROOT / "python/spanwise/_spanwise.pyi").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name != "__new__"]
    found = {
        (function.name, option.arg, ast.unparse(option.annotation).removesuffix(" | None"))
        for function in functions
        for option in function.args.kwonlyargs
        if option.arg in options
    }
    assert {option for _, option, _ in found} == options
    assert [plain for plain in found if plain[2] == "str"] == []
