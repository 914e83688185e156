"""Small results of other harnesses, written as those write them."""

import json
from pathlib import Path
from typing import Any

STAMP = "2026-03-04T05-06-07.890123"
CHOICES = (" a wren", " a stone")
RIGHT = (True, False, True)


def write_lm_eval(folder: Path, **changes: Any) -> Path:
    """Results of three tasks, two of them with samples: choices, a text under two filters, and a likelihood."""
    page: dict[str, Any] = {
        "results": {
            "birds": {"alias": "birds", "acc,none": 2 / 3, "acc_stderr,none": 0.33333333333333337},
            "sums": {"exact_match,strict": 0.5, "exact_match_stderr,strict": 0.5, "exact_match,flexible": 1.0,
                     "exact_match_stderr,flexible": 0.0},
            "bare": {"acc,none": 0.25, "acc_stderr,none": 0.05},
            "all": {"acc,none": 0.5},
        },
        "configs": {
            "birds": {"output_type": "multiple_choice", "dataset_path": "own/birds",
                      "metric_list": [{"metric": "acc", "aggregation": "mean"}]},
            "sums": {"output_type": "generate_until",
                     "metric_list": [{"metric": "exact_match", "aggregation": "mean"}]},
            "bare": {"output_type": "multiple_choice"},
        },
        "versions": {"birds": 2.0, "sums": 1, "bare": 1},
        "n-shot": {"birds": 3, "sums": 0, "bare": 0},
        "n-samples": {"birds": {"original": 9, "effective": 3}, "sums": {"original": 2, "effective": 2},
                      "bare": {"original": 80, "effective": 80}},
        "higher_is_better": {"birds": {"acc": True}},
        "config": {"model": "hf", "model_args": "pretrained=own/model,api_key=sk-planted-4711", "limit": 3},
        "lm_eval_version": "0.4.13",
        "date": 1772600767.0,
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"results_{STAMP}.json"
    path.write_text(json.dumps(page | changes), encoding="utf-8")
    write_lines(folder / f"samples_birds_{STAMP}.jsonl", [choice(place, right) for place, right in enumerate(RIGHT)])
    rows = [
        written(place, chosen, value)
        for chosen, values in (("strict", (1.0, 0.0)), ("flexible", (1.0, 1.0)))
        for place, value in enumerate(values)
    ]
    write_lines(folder / f"samples_sums_{STAMP}.jsonl", rows)
    return path


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def choice(place: int, right: bool) -> dict[str, Any]:
    """A sample of the task "birds"."""
    question = f"Which of the two can fly over {place + 1} hills?"
    return {
        "doc_id": place, "doc": {"question": question, "choices": list(CHOICES), "gold": 0}, "target": "0",
        "arguments": {f"gen_args_{i}": {"arg_0": question, "arg_1": c} for i, c in enumerate(CHOICES)},
        "resps": [[["-1.5", "False"]], [["-2.5" if right else "-0.5", "True"]]],
        "filtered_resps": [["-1.5", "False"], ["-2.5", "True"]],
        "filter": "none", "metrics": ["acc"], "acc": float(right),
    }  # fmt: skip


def written(place: int, chosen: str, value: float) -> dict[str, Any]:
    """A sample of the task "sums" under one filter."""
    return {
        "doc_id": place, "doc": {"question": f"What is {place} plus {place}?"}, "target": str(2 * place),
        "arguments": {"gen_args_0": {"arg_0": f"{place}+{place}=", "arg_1": {"until": ["\n"], "max_gen_toks": 8}}},
        "resps": [[f" {2 * place}"]], "filtered_resps": [str(2 * place)],
        "filter": chosen, "metrics": ["exact_match"], "exact_match": value,
    }  # fmt: skip


def write_eee(folder: Path, **changes: Any) -> Path:
    """A record with two metrics of one task and the samples of the first."""
    config = {"lower_is_better": False, "score_type": "continuous", "min_score": 0, "max_score": 1}
    page: dict[str, Any] = {
        "schema_version": "0.3.0", "evaluation_id": "birds/own/1772600767", "retrieved_timestamp": "1772600767",
        "source_metadata": {"source_type": "evaluation_run", "source_organization_name": "own",
                            "evaluator_relationship": "first_party"},
        "eval_library": {"name": "own", "version": "1"},
        "model_info": {"name": "model", "id": "own/model", "additional_details": {"deployment_type": "self_deployed",
                       "model_availability": "open_weights"}},
        "evaluation_results": [
            {"evaluation_name": "birds", "evaluation_result_id": "birds/acc",
             "metric_config": {**config, "metric_name": "acc"},
             "source_data": {"dataset_name": "birds", "source_type": "other"}, "score_details": {"score": 0.5}},
            {"evaluation_name": "birds", "evaluation_result_id": "birds/f1",
             "metric_config": {**config, "metric_name": "f1"},
             "source_data": {"dataset_name": "birds", "source_type": "other"},
             "score_details": {"score": 0.75, "uncertainty": {"standard_error": {"value": 0.1}, "num_samples": 2}}},
        ],
        "detailed_evaluation_results": {"format": "jsonl", "file_path": "/etc/passwd", "total_rows": 2},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "record.json"
    path.write_text(json.dumps(page | changes), encoding="utf-8")
    write_lines(folder / "record_samples.jsonl", [sample(place, place == 0) for place in range(2)])
    return path


def sample(place: int, right: bool) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0", "evaluation_id": "birds/own/1772600767", "model_id": "own/model",
        "evaluation_name": "birds", "evaluation_result_id": "birds/acc", "sample_id": f"birds-{place}",
        "interaction_type": "single_turn",
        "input": {"raw": f"Which of the two can fly over {place + 1} hills?", "reference": ["a wren"]},
        "output": {"raw": ["a wren" if right else "a stone"]}, "answer_attribution": [],
        "evaluation": {"score": float(right), "is_correct": right},
    }  # fmt: skip


def write_lighteval(folder: Path, **changes: Any) -> Path:
    """Results of one task, with its details where lighteval writes them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    page = {
        "config_general": {"model_name": "own/model", "lighteval_sha": "abc", "max_samples": 2},
        "results": {"birds|2": {"acc": 0.5, "acc_stderr": 0.5}, "all": {"acc": 0.5}},
        "versions": {"birds|2": 1},
    }
    results, details = folder / "results" / "own" / "model", folder / "details" / "own" / "model" / STAMP
    results.mkdir(parents=True)
    details.mkdir(parents=True)
    (results / f"results_{STAMP}.json").write_text(json.dumps(page | changes), encoding="utf-8")
    rows = [
        {
            "doc": {
                "query": f"Which of the two can fly over {i + 1} hills?",
                "choices": list(CHOICES),
                "gold_index": 0,
            },
            "metric": {"acc": float(i)},
            "model_response": {"input": f"Q{i}", "text": [], "logprobs": [-1.0, -2.0 * i - 0.5], "output_tokens": []},
        }
        for i in range(2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), details / f"details_birds|2_{STAMP}.parquet")
    return folder
