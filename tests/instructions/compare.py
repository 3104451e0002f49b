"""Runs `crates/spanwise/examples/instructions.rs` on every corpus under callgrind and compares the counts with a baseline.

Instructions are counted within the function `measured` alone: the decoding of warm requests. For one compiler and one
instruction set they are the same from run to run, whatever else the machine does, so that 3% is a change of the code. Another
compiler makes other code: its counts are shown beside the baseline, and do not fail. Nor does a set that the machine lacks.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BASELINE = Path(__file__).parent / "baseline.json"
SETS = ("none", "avx2")
BOUND = 1.03


def count(program: str, corpus: str, simd: str) -> float | None:
    """Instructions per byte of JSON text, or none where the machine lacks the set."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=*measured*"]
        run = subprocess.run([*command, program, corpus, simd], capture_output=True, text=True)
        if run.returncode == 2:
            return None
        if run.returncode != 0:
            sys.exit(f"{corpus} with {simd}: {run.stderr[-2000:]}")
        with open(out) as lines:
            # Of several `summary`/`totals` lines the last one holds the whole run.
            totals = [int(line.split()[1]) for line in lines if line.startswith(("summary:", "totals:"))]
    return totals[-1] / int(run.stdout.split()[0])


def main() -> None:
    program, *rest = sys.argv[1:]
    compiler = subprocess.check_output(["rustc", "--version"], text=True).strip()
    corpora = subprocess.check_output([program, "list"], text=True).splitlines()
    cases = [(corpus, simd) for corpus in corpora for simd in SETS]
    with ThreadPoolExecutor(2) as pool:
        counted = list(pool.map(lambda case: count(program, *case), cases))
    counts = {f"{corpus} {simd}": per_byte for (corpus, simd), per_byte in zip(cases, counted) if per_byte is not None}
    if not counts:
        sys.exit("nothing was counted")
    if rest == ["--write"]:
        rounded = {name: round(per_byte, 3) for name, per_byte in counts.items()}
        BASELINE.write_text(json.dumps({"rustc": compiler, "instructions per byte": rounded}, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    known = baseline["instructions per byte"]
    print(f"{'corpus, set':20} {'baseline':>9} {'now':>9} {'ratio':>7}   instructions per byte")
    worse = []
    for name, per_byte in counts.items():
        before = known.get(name)
        if before is None:
            sys.exit(f"{name} has no baseline: tests/instructions/run.sh --write")
        print(f"{name:20} {before:9.3f} {per_byte:9.3f} {per_byte / before:7.3f}")
        if per_byte / before > BOUND:
            worse.append(name)
    if baseline["rustc"] != compiler:
        print(f"The baseline was made by {baseline['rustc']}, this is {compiler}: not compared.")
    elif worse:
        sys.exit("more than 3% above the baseline: " + ", ".join(worse))


main()
