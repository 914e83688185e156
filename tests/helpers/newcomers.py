"""Somebody who types what the documentation says."""

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from forked import caller

BARE = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who types what the documentation says, in a folder of their own."""

    folder: Path

    def types(self, line: str, expected: Sequence[int] = (0,), **env: str) -> str:
        """What a line prints to either side; it must end with one of the expected exit codes."""
        # A shell reads the quotes and comments as they are written; the folder is looked into first, as -m does.
        harness = f'harness() {{ PYTHONPATH=$PWD:$PYTHONPATH {shlex.join(caller())} "$@"; }}'
        done = subprocess.run(
            ["bash", "-c", f"{harness}\n{line}"], cwd=self.folder, env=BARE | env, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode in expected, f"{line}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr
