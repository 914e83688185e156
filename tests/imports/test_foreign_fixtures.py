"""Results that other harnesses wrote themselves: every number is the file's own, computed again from its samples.

``fixtures/sums.eval`` and ``pick.json`` were written by inspect 0.3.285 with its mock model (three sums asked twice;
two questions with choices), ``sums_chunked.eval`` is the first with its samples in chunks, as inspect converts them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.api import import_results
from harness.store import open_store
from harness.types import Estimate, Run

FIXTURES = Path(__file__).parent / "fixtures"
Numbers = dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def interchange(mirror: Path) -> Path:
    """Results of other projects, where the folder of datasets has them."""
    folder = mirror / "predictions" / "interchange"
    if not folder.is_dir():
        pytest.skip(f"no results of other harnesses at {folder}")
    return folder


def stored(path: Path, store: Path) -> tuple[Run, list[Estimate]]:
    [run] = import_results(path, store=str(store))
    return run, open_store(str(store)).results(run.id)


def of_inspect(page: dict[str, Any]) -> Numbers:
    metrics = page["results"]["scores"][0]["metrics"]
    return {(name, "all"): one["value"] for name, one in metrics.items() if name in ("accuracy", "mean")}


def of_helm(folder: Path) -> Numbers:
    stats = json.loads((folder / "stats.json").read_text(encoding="utf-8"))
    names = ("exact_match", "quasi_exact_match", "f1_score", "rouge_l", "bleu_1")
    return {
        (one["name"]["name"], f"split={one['name']['split']}"): one["mean"]
        for one in stats
        if one["name"]["name"] in names and "perturbation" not in one["name"]
    }


def compared(run: Run, estimates: list[Estimate], numbers: Numbers, *, computed: bool) -> None:
    """Every number of the file is stored with all its digits, computed from samples or marked as reported."""
    own = {(e.metric, e.slice): e.value for e in estimates}
    reported = {metric.name for task in run.tasks for metric in task.metrics if metric.reported}
    assert numbers and {key: own.get(key) for key in numbers} == numbers
    assert all((metric not in reported) == computed for metric, _ in numbers)


@pytest.mark.parametrize(("name", "n"), [("data_arc_qwen", 3), ("data_arc_sonnet", 5), ("data_pubmedqa_gpt4o_mini", 2)])
def test_logs_of_inspect_with_all_samples(interchange: Path, tmp_path: Path, name: str, n: int) -> None:
    path = interchange / "inspect" / f"{name}.json"
    run, estimates = stored(path, tmp_path)
    compared(run, estimates, of_inspect(json.loads(path.read_text(encoding="utf-8"))), computed=True)
    assert (estimates[0].n, estimates[0].failed, run.tasks[0].n) == (n, 0, n)
    assert run.imported and run.source["format"] == "inspect" and run.source["file"] == path.name


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("data_cyse2_vuln_exploit_challenges", 2340),
        ("data_intercode_ctf_local_path", 79),
        ("data_with_llm_scoring", 1000),
    ],
)
def test_logs_of_inspect_without_all_samples_keep_what_they_report(
    interchange: Path, tmp_path: Path, name: str, n: int
) -> None:
    path = interchange / "inspect" / f"{name}.json"
    run, estimates = stored(path, tmp_path)
    compared(run, estimates, of_inspect(json.loads(path.read_text(encoding="utf-8"))), computed=False)
    assert run.tasks[0].n == n and {e.n for e in estimates} == {n}
    assert list(open_store(str(tmp_path)).outcomes(run.id, run.tasks[0].name)) == []


@pytest.mark.parametrize("start", ["commonsense", "mmlu", "narrative_qa"])
def test_runs_of_helm(interchange: Path, tmp_path: Path, start: str) -> None:
    [folder] = (interchange / "helm").glob(f"{start}*")
    run, estimates = stored(folder, tmp_path)
    compared(run, estimates, of_helm(folder), computed=True)
    assert "model=" not in run.tasks[0].name and run.model.partition("/")[2]


def test_results_of_lm_eval(interchange: Path, tmp_path: Path) -> None:
    notices: list[str] = []
    [run] = import_results(interchange / "lm_eval", store=str(tmp_path), notice=notices.append)
    numbers = {(e.task, e.metric): (e.value, e.n) for e in open_store(str(tmp_path)).results(run.id)}
    assert numbers == {
        ("math_perturbed_full", "exact_match"): (0.0, 5000),
        ("math_rephrased_full", "exact_match"): (0.0004, 5000),
    }
    assert "holds 10 of 5,000 samples" in notices[0]
    assert "pretrained" not in json.dumps(dict(run.fingerprint)) and run.fingerprint["dtype"] == "torch.bfloat16"


def test_samples_of_lm_eval_where_they_are_all(interchange: Path, tmp_path: Path) -> None:
    for file in (interchange / "lm_eval").iterdir():
        text = file.read_text(encoding="utf-8").replace('"effective": 5000', '"effective": 10')
        (tmp_path / file.name).write_text(text, encoding="utf-8")
    [run] = import_results(tmp_path, store=str(tmp_path / "s"))
    first = open_store(str(tmp_path / "s")).results(run.id)[0]
    assert (first.value, first.n, first.failed) == (0.0, 10, 0)
    assert not run.tasks[0].metrics[0].reported and run.tasks[1].metrics[0].reported


def test_both_layouts_of_an_eval_file_are_the_same_run(tmp_path: Path) -> None:
    one, estimates = stored(FIXTURES / "sums.eval", tmp_path / "one")
    other, again = stored(FIXTURES / "sums_chunked.eval", tmp_path / "other")
    assert one.id == other.id and estimates == again
    [accuracy] = estimates
    assert (accuracy.metric, accuracy.value, accuracy.n, accuracy.clusters) == ("accuracy", 0.6666666666666666, 6, 3)


def test_a_log_in_json(tmp_path: Path) -> None:
    run, [accuracy] = stored(FIXTURES / "pick.json", tmp_path)
    assert (accuracy.value, accuracy.n, run.model) == (0.5, 2, "mockllm/model")
    [first, second] = open_store(str(tmp_path)).outcomes(run.id, "pick")
    assert first.judged and second.judged and (first.judged.correct, second.judged.correct) == (True, False)
    assert "a wren" in json.dumps(first.example.fields)
