"""Damaged files of every kind that a person hands in: how many are used, how many refused in a sentence.

    python benchmarks/fuzz.py [--count 10000] [--only task.toml,suite.toml] [--show 5]

Prints a row for each format of tests/fuzzing/formats.py, then the first flaws (neither used nor refused in a sentence)
with the content that shows them; exits with 1 if there is one. The mutations are seeded: the same numbers are the same
files everywhere.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fuzzing.formats import FORMATS
from fuzzing.fuzz import fuzz


def main() -> int:
    """Fuzz every wanted format. 1 where something ended in neither a result nor a sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--only", default="")
    parser.add_argument("--show", type=int, default=5)
    given = parser.parse_args()
    wanted = [form for form in FORMATS if form.name in given.only.split(",") or not given.only]
    print("| file | tried | used | refused | flaws | slowest | seconds |\n|---|---|---|---|---|---|---|")
    flaws = []
    for form in wanted:
        with tempfile.TemporaryDirectory() as folder:
            found = fuzz(form, given.count, Path(folder))
        tried = max(1, round(given.count * form.share))
        print(
            f"| {form.name} | {tried:,} | {found.used:,} | {found.refused:,} | {len(found.flaws)} | "
            f"{found.slowest:.3f} s | {found.seconds:.1f} |",
            flush=True,
        )
        flaws += [(form.name, *flaw) for flaw in found.flaws]
    kinds = {flaw[-1][:60]: flaw for flaw in reversed(flaws)}
    for name, number, content, said in list(kinds.values())[: given.show]:
        print(f"\n{name} {number}: {said}\n  {content[:600]!r}")
    return int(bool(flaws))


if __name__ == "__main__":
    sys.exit(main())
