"""Instructions of a program, counted by callgrind."""

import os
import subprocess
import tempfile


def count(program: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], int]:
    """Run a program, and count the instructions within its functions named `measured`: none if the program failed.

    They are nearly the same from run to run (hashes are seeded), whatever else the machine does.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--toggle-collect=*measured*"]
        run = subprocess.run([*command, program, *arguments], capture_output=True, text=True)
        if run.returncode != 0:
            return run, 0
        with open(out) as lines:
            # Of several `summary`/`totals` lines the last one holds the whole run.
            totals = [int(line.split()[1]) for line in lines if line.startswith(("summary:", "totals:"))]
    return run, totals[-1]
