"""``python -m harness``: the command line where the console script is not on the path."""

import sys

from harness.cli.main import main

sys.exit(main())
