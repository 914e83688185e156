"""Show that the gate is right: a real model with itself, the same with one damaged layer, and simulations.

python benchmarks/gate.py model [--data DIR] [--limit 100] [--noise 10]
python benchmarks/gate.py simulation

model: smollm2 with 3 shots is the baseline. The same model with other shots must not fail, a copy whose one layer got
noise must. Prints both tables of `harness gate`; the JUnit XML is validated against tests/gate/junit.xsd.
simulation: false alarms of 1,000 comparisons without a change (clustered, half proportions and half means), how often a
drop of five points is found with n = 1,500 pairs, coverage of the 95 % intervals with and without clusters, McNemar.
Exits with 1 if something is not as it should be.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np

from harness.differences import Difference
from harness.gate import rules
from harness.gate.judge import judge
from harness.metrics import stats
from harness.metrics.classify import mean, proportion

ROOT = Path(__file__).parents[1]
TASKS = ["demo/sentiment", "arc_easy"]
GATE = """
[defaults]
on_inconclusive = "warn"
[[rule]]
metric = "*:acc"
max_drop = 0.02
[[rule]]
metric = "*:failed_rate"
max = 0.0
"""
ACC, MEAN = proportion("acc"), mean("score")


def damaged(source: Path, target: Path, noise: float) -> str:
    """A copy of a model folder with Gaussian noise on one layer; ``noise`` in standard deviations of its weights."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    weights = load_file(target / "model.safetensors")
    name = next(key for key in weights if key.endswith("layers.8.mlp.down_proj.weight"))
    added = torch.randn(weights[name].shape, generator=torch.Generator().manual_seed(0)) * weights[name].std() * noise
    weights[name] = weights[name] + added
    save_file(weights, target / "model.safetensors", {"format": "pt"})
    return name


def exit_code_of(*words: str) -> int:
    """A command of the command line, in this process."""
    from harness.cli.main import main

    try:
        main(list(words))
    except SystemExit as stopped:
        return int(stopped.code or 0)
    raise AssertionError("the command line did not exit")


def with_a_real_model(data: Path | None, limit: int, noise: float) -> bool:
    """Whether the gate lets the model itself pass and stops the damaged one, with valid JUnit XML of both."""
    from lxml import etree

    import harness
    from harness.engine.smollm2 import smollm2_folder
    from harness.store import open_store

    schema = etree.XMLSchema(etree.parse(str(ROOT / "tests" / "junit.xsd")))
    with tempfile.TemporaryDirectory(prefix="bench-gate-") as place:
        folder, store = Path(place), str(Path(place) / "store")
        (folder / "gate.toml").write_text(GATE)
        print(f"noise of {noise:g} standard deviations on {damaged(smollm2_folder(), folder / 'damaged', noise)}")
        runs = {}
        for name, model, seed in (
            ("base", "smollm2", 0),
            ("other shots", "smollm2", 1),
            ("damaged", str(folder / "damaged"), 0),
        ):
            result = harness.evaluate(model, TASKS, limit=limit, shots=3, seed=seed, store=store, data=data)
            runs[name] = result.run.id
        open_store(store).set_baseline("main", runs["base"])
        codes, valid = {}, {}
        for name in ("other shots", "damaged"):
            print(f"\n{name} against the baseline", flush=True)
            junit = folder / "gate.xml"
            words = ("--baseline", "main", "--store", store, "--junit", str(junit))
            codes[name] = exit_code_of("gate", str(folder / "gate.toml"), runs[name], *words)
            valid[name] = schema.validate(etree.parse(str(junit)))
            print(f"exit code {codes[name]}, JUnit XML {'valid' if valid[name] else 'NOT VALID'}")
    return codes == {"other shots": 0, "damaged": 1} and all(valid.values())


def compared(ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray, binary: bool) -> Difference:
    metric = ACC if binary else MEAN
    found = stats.paired(metric, ours[:, None], theirs[:, None], groups, tested=False)
    return Difference("t", metric.name, "all", "higher", None, found, None, None, 0, 0, 0, 0)


def fails(row: Difference, margin: float = 0.02) -> bool:
    gate = rules.Gate((rules.Rule("t:*", "max_drop", margin),))
    return judge(gate, [row], [], date.min)[0].state == "FAIL"


def clustered(rng: np.random.Generator, n: int, size: int, binary: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values [n] whose clusters of ``size`` share an effect, with mean 0.7 (0/1) or 0; and the cluster codes."""
    from scipy.stats import norm

    groups = np.arange(n) // size
    latent = (rng.normal(size=groups[-1] + 1)[groups] + rng.normal(size=n)) / np.sqrt(2)
    return (latent < norm.ppf(0.7)).astype(float) if binary else latent, groups


def false_alarms(trials: int = 1000) -> float:
    """Two models of equal quality on 300 examples in clusters of three, which also share how they differ."""
    rng, found = np.random.default_rng(0), 0
    for trial in range(trials):
        (ours, groups), (theirs, _) = (clustered(rng, 300, 3, trial % 2 == 0) for _ in range(2))
        found += fails(compared(ours, theirs, groups, trial % 2 == 0))
    return found / trials


def drops_found(trials: int = 1000) -> float:
    """A model that is right 70 % of the time loses 5 points: 10 % of those break, 6.7 % of the others mend."""
    rng, found = np.random.default_rng(1), 0
    for _ in range(trials):
        ours, draw = rng.random(1500) < 0.7, rng.random(1500)
        theirs = np.where(ours, draw >= 0.10, draw < 0.0667)
        found += fails(compared(ours.astype(float), theirs.astype(float), np.arange(1500), True))
    return found / trials


def coverage(n: int, size: int, binary: bool, repeats: int = 2000) -> tuple[float, float]:
    """Share of 95 % intervals that hold the truth: with the clusters, and as if there were none."""
    rng, held = np.random.default_rng([n, size, binary]), np.zeros(2)
    metric, truth = (ACC, 0.7) if binary else (MEAN, 0.0)
    for _ in range(repeats):
        rows, groups = clustered(rng, n, size, binary)
        for k, codes in enumerate((groups, np.arange(n))):
            low, high = stats.confidence(metric, rows[:, None], codes) or (0.0, 0.0)
            held[k] += low <= truth <= high
    return float(held[0]) / repeats, float(held[1]) / repeats


def simulated() -> bool:
    """Whether every simulated rate is where it should be."""
    good = []

    def line(what: str, value: float, bound: str, kept: Callable[[float], bool]) -> None:
        good.append(kept(value))
        print(f"{what:66} {value:8.4f}  ({bound}: {'kept' if good[-1] else 'BROKEN'})", flush=True)

    line("FAIL without a change, 1,000 comparisons", false_alarms(), "at most 0.02", lambda x: x <= 0.02)
    line("FAIL at a drop of 5 points, n = 1,500, 1,000 comparisons", drops_found(), "over 0.90", lambda x: x > 0.9)
    for binary in (True, False):
        for size in (1, 5):
            for n in (50, 500, 5000):
                right, ignored = coverage(n, size, binary)
                what = f"coverage, {'proportion' if binary else 'mean'}, n = {n}, clusters of {size}"
                line(what, right, "0.93 to 0.97", lambda x: 0.93 <= x <= 0.97)
                if size > 1:
                    line(f"{what}, ignored", ignored, "below 0.87", lambda x: x < 0.87)
    for broken, fixed, p in ((1, 6, 0.1250), (5, 15, 0.0414), (0, 5, 0.0625), (3, 3, 1.0)):
        line(
            f"exact McNemar ({broken}, {fixed})",
            stats.mcnemar(broken, fixed),
            f"{p:.4f}",
            lambda x, p=p: round(x, 4) == p,
        )
    return all(good)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["model", "simulation"])
    parser.add_argument("--data", type=Path, default=os.environ.get("HARNESS_DATA"))
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--noise", type=float, default=10.0)
    asked = parser.parse_args()
    if asked.what == "simulation":
        return 0 if simulated() else 1
    return 0 if with_a_real_model(Path(asked.data) if asked.data else None, asked.limit, asked.noise) else 1


if __name__ == "__main__":
    sys.exit(main())
