"""Fails when the wheel's top level holds anything but the four packages and their metadata."""

import sys
from zipfile import ZipFile

EXPECTED = {"harness", "tasks", "reports", "dashboard"}

if __name__ == "__main__":
    names = ZipFile(sys.argv[1]).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    if tops != EXPECTED:
        sys.exit(f"{sys.argv[1]}: top level is {sorted(tops)}, expected {sorted(EXPECTED)}")
    print(f"{sys.argv[1]}: {len(names)} files in {', '.join(sorted(tops))}")
