"""``python -m spanwise`` is the command ``spanwise``."""

import sys

from spanwise._command import main

sys.exit(main())
