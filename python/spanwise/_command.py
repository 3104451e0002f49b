"""The command ``spanwise``, as the package installs it."""

import signal
import sys

from spanwise._spanwise import command


def main() -> int:
    """Run the command with the process's arguments, and give its exit code."""
    # Ctrl-C ends the run, as it does in the program: the interpreter's own handler would wait for its end. Where it is
    # to be taken no notice of, as in the background of a script, there is none.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    return command(["spanwise", *sys.argv[1:]])
