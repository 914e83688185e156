"""What a metric of another harness is called here, which way is better, and which of its values are none."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from foreign import STAMP, write_lighteval, write_lines, write_lm_eval

from harness.api import import_results
from harness.errors import DataError
from harness.store import open_store
from harness.types import Estimate, MetricRecord

FIXTURES = Path(__file__).parent / "fixtures"


def stored(path: Path, tmp_path: Path) -> tuple[dict[str, MetricRecord], list[Estimate]]:
    """The metrics of the only task of a file, and its numbers."""
    [run] = import_results(path, store=str(tmp_path / "s"))
    return {metric.name: metric for metric in run.tasks[0].metrics}, open_store(str(tmp_path / "s")).results(run.id)


def write_epochs(path: Path, *scores: dict[str, Any]) -> Path:
    """A log of two questions, each answered once right and once wrong."""
    page = json.loads((FIXTURES / "pick.json").read_text(encoding="utf-8"))
    page["samples"] = [
        {**sample, "epoch": epoch, "scores": {"choice": {"value": value}}}
        for epoch, value in ((1, "C"), (2, "I"))
        for sample in page["samples"]
    ]
    page["results"] |= {"total_samples": 4, "completed_samples": 4, "scores": list(scores)}
    path.write_text(json.dumps(page), encoding="utf-8")
    return path


def score(value: float, reducer: str | None, name: str = "choice", metric: str = "accuracy") -> dict[str, Any]:
    told = {"accuracy": {"name": metric, "value": value}, "stderr": {"name": "stderr", "value": 0.1}}
    return {"name": name, "scorer": name, "reducer": reducer, "scored_samples": 2, "params": {}, "metrics": told}


def test_each_way_to_put_epochs_together_is_a_metric(tmp_path: Path) -> None:
    path = write_epochs(tmp_path / "log.json", score(0.5, "mean"), score(1.0, "pass_at_2"))
    metrics, estimates = stored(path, tmp_path)
    assert {name: metric.reported for name, metric in metrics.items()} == {
        "accuracy": False,
        "accuracy,pass_at_2": True,
    }
    assert [(e.metric, e.value, e.n) for e in estimates] == [("accuracy", 0.5, 4), ("accuracy,pass_at_2", 1.0, 2)]
    # alone, and with the value that the answers' mean happens to have
    metrics, [only] = stored(write_epochs(tmp_path / "alone.json", score(0.5, "pass_at_2")), tmp_path)
    assert (only.metric, only.value, metrics[only.metric].reported) == ("accuracy,pass_at_2", 0.5, True)


def test_scores_of_one_name_are_told_apart(tmp_path: Path) -> None:
    scores = (score(0.5, None), score(0.25, None), score(0.75, None), score(0.5, "max", "other"))
    _, estimates = stored(write_epochs(tmp_path / "log.json", *scores), tmp_path)
    assert [(e.metric, e.value) for e in estimates] == [
        ("choice:accuracy", 0.5), ("choice:accuracy 2", 0.25), ("choice:accuracy 3", 0.75), ("other:accuracy,max", 0.5),
    ]  # fmt: skip


@pytest.mark.parametrize("key", ["metrics", "metric"])
def test_lighteval_says_of_which_metrics_less_is_better(tmp_path: Path, key: str) -> None:
    together = ["edit_distance:n=2", "edit_similarity:n=2"]
    told = [
        {"metric_name": "acc", "higher_is_better": True},
        {"metric_name": "word_perplexity", "higher_is_better": False},
        {"metric_name": together, "higher_is_better": {"edit_distance": False, "edit_similarity": True}},
        "ter",  # older files only name some
    ]
    values = {"acc": 0.5, "word_perplexity": 12.3, **dict.fromkeys(together, 4.0), "ter": 61.0}
    path = write_lighteval(tmp_path / "r", results={"birds|2": values}, config_tasks={"birds|2": {key: told}})
    metrics, _ = stored(path, tmp_path)
    assert {name: metric.better for name, metric in metrics.items()} == {
        "acc": "higher", "word_perplexity": "lower", "edit_distance:n=2": "lower", "edit_similarity:n=2": "higher",
        "ter": "higher",
    }  # fmt: skip


def write_corpus(folder: Path, *values: object, chosen: str = "none", reported: float = 2.0) -> Path:
    """Results of a corpus whose documents have these values of word_perplexity."""
    path = write_lm_eval(
        folder, results={"corpus": {f"word_perplexity,{chosen}": reported}},
        configs={"corpus": {"output_type": "loglikelihood_rolling"}}, **{"n-samples": {}},
    )  # fmt: skip
    rows = [
        {
            "doc_id": place, "doc": {"page": f"page {place}"}, "arguments": {"gen_args_0": {"arg_0": f"page {place}"}},
            "resps": [["-3.0"]], "filter": chosen, "metrics": ["word_perplexity"], "word_perplexity": value,
        }
        for place, value in enumerate(values)
    ]  # fmt: skip
    write_lines(path.parent / f"samples_corpus_{STAMP}.jsonl", rows)
    return path


@pytest.mark.parametrize("value", [12.3, "12.3", [-3.0], [-3.0, 2, 1], True, {"a": 1}])
def test_a_perplexity_of_lm_eval_is_of_pairs(tmp_path: Path, value: object) -> None:
    for number, values in enumerate(([value], [[-3.0, 2], value], [value, [-3.0, 2]])):
        path = write_corpus(tmp_path / str(number), *values)
        with pytest.raises(DataError, match=r"json: word_perplexity of a sample is .*, not a log-") as error:
            import_results(path, store=str(tmp_path / "s"))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("chosen", ["none", "strict"])
def test_a_perplexity_under_a_filter_is_one_too(tmp_path: Path, chosen: str) -> None:
    path = write_corpus(tmp_path / "r", [-3.0, 2], [-1.0, 2], chosen=chosen, reported=math.e)
    metrics, [estimate] = stored(path, tmp_path)
    [metric] = metrics.values()
    assert (metric.reported, metric.better, estimate.value) == (False, "lower", pytest.approx(math.e))
