"""Fails when the wheel takes names that are others', or does not work where the user has files of such names.

The wheel is installed into an environment of its own, which borrows the dependencies of this one.
"""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from zipfile import ZipFile

EXPECTED = {"harness", "harness_tasks", "harness_reports", "harness_dashboard"}
BARE = {k: v for k, v in os.environ.items() if k != "PYTHONPATH" and not k.startswith("HARNESS_")}
TRAP = "raise SystemExit('a file of the working folder was imported')\n"


def require_own_names(wheel: Path) -> None:
    """Exit unless the wheel's top level holds our packages and their metadata alone."""
    names = ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    if tops != EXPECTED:
        sys.exit(f"{wheel}: top level is {sorted(tops)}, expected {sorted(EXPECTED)}")
    print(f"{wheel}: {len(names)} files in {', '.join(sorted(tops))}")


def environment(wheel: Path, folder: Path) -> Path:
    """The Python of a new environment with the wheel."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", str(wheel)], env=BARE, check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("-packages")))
    return python


def require_work(python: Path, cwd: Path) -> None:
    """Exit unless the commands work in a folder where the user has files named like our folders."""
    (cwd / "tasks.py").write_text(TRAP)
    for name in ("reports", "dashboard"):
        (cwd / name).mkdir()
        (cwd / name / "__init__.py").write_text(TRAP)

    def harness(*words: str) -> str:
        # Unlike the console script, -m puts the working folder before everything that is installed.
        said = [str(python), "-m", "harness.cli.main", *words]
        done = subprocess.run(said, cwd=cwd, env=BARE, capture_output=True, text=True, timeout=300, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(said)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    if "demo/qa" not in harness("list", "tasks"):
        sys.exit("the wheel's own tasks are not found")
    harness("run", "scripted:oracle", "--tasks", "demo/qa", "--limit", "2", "--json", "run.json")
    harness("report", json.loads((cwd / "run.json").read_text())["run"], "--format", "html", "--out", "report.html")
    print("lists, runs and reports beside tasks.py, reports/ and dashboard/ of the user's")


if __name__ == "__main__":
    wheel = Path(sys.argv[1])
    require_own_names(wheel)
    with tempfile.TemporaryDirectory() as folder:
        python = environment(wheel, Path(folder) / "venv")
        mine = Path(folder) / "mine"
        mine.mkdir()
        require_work(python, mine)
