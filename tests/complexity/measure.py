"""Runs each family of `crates/spanwise/examples/complexity.rs` at n and 2n under callgrind and compares.

Instructions are counted within the function `measured` alone, so that making the input does not count. They are nearly the
same from run to run (hashes are seeded), whatever else the machine does. Two families run at a time.

Tables grow in steps, and a step may fall between n and 2n. So a family above the bound is looked at once more from 2n to 4n:
what costs more than linear time is above it there, too, and by more.
"""

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

BOUND = 2.1


def count(program: str, family: str, n: int) -> tuple[int, int]:
    """The size of the input in bytes, and the instructions spent on it."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=*measured*"]
        run = subprocess.run([*command, program, family, str(n)], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{family} at {n}: {run.stderr[-2000:]}")
        with open(out) as lines:
            # Of several `summary`/`totals` lines the last one holds the whole run.
            totals = [int(line.split()[1]) for line in lines if line.startswith(("summary:", "totals:"))]
    return int(run.stdout.split()[0]), totals[-1]


def measure(program: str, family: str, n: int) -> tuple[str, int, int, int, float, float | None]:
    """The family, its size in bytes and instructions at n, those at 2n, their ratio, and that of 4n to 2n where it counts."""
    size, once = count(program, family, n)
    _, twice = count(program, family, 2 * n)
    again = count(program, family, 4 * n)[1] / twice if twice / once > BOUND else None
    return family, size, once, twice, twice / once, again


def main() -> None:
    program, *rest = sys.argv[1:]
    n = int(rest[0]) if rest else 4000
    families = rest[1:] or subprocess.check_output([program, "list"], text=True).splitlines()
    print(f"{'family':40} {'bytes':>9} {'at n':>13} {'at 2n':>13} {'ratio':>6} {'per byte':>8}")
    slow = []
    with ThreadPoolExecutor(2) as pool:
        for family, size, once, twice, ratio, again in pool.map(lambda family: measure(program, family, n), families):
            note = f"  {again:.3f} from 2n to 4n" if again else ""
            print(f"{family:40} {size:9} {once:13} {twice:13} {ratio:6.3f} {once / size:8.1f}{note}", flush=True)
            if again and again > BOUND:
                slow.append(family)
    print(f"{len(families)} families, n = {n}, {len(slow)} above {BOUND}")
    if slow:
        sys.exit("not linear: " + ", ".join(slow))


main()
