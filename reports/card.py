"""A model card for the Hub: a README with model-index metadata, and the Hub's ``.eval_results`` file."""

from collections.abc import Sequence

from harness.errors import UsageError
from harness.metrics.words import ends
from harness.store import Store
from harness.subset import shortfall
from harness.types import Run
from harness_reports import evaluation
from harness_reports.document import markdown
from harness_reports.facts import Number, dataset_of, gather


def card(store: Store, runs: Sequence[str], baseline: str | None = None) -> dict[str, str]:
    """The model card of one run. Raises UsageError for several.

    A dataset is named by its id on the Hub where the task is installed in the version that was asked, else by the task.
    Calibration and changed examples are in the text, not in the metadata.
    """
    import yaml
    from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

    if len(runs) != 1:
        raise UsageError("a model card is of one run; --format html, md and json are of several")
    facts = gather(store, runs[0], baseline)
    whole = [n for n in facts.numbers if n.estimate.slice == "all" and n.estimate.value is not None and n.is_headline]
    datasets = {task.name: dataset_of(task) for task in facts.run.tasks}
    results, entries = [], []
    for n in whole:
        task, metric, value, note = n.estimate.task, n.estimate.metric, n.estimate.value, _note(n, facts.run)
        hub_id, config, split, revision = datasets.get(task, (task, None, None, None))  # the average of a group
        results.append(
            EvalResult(
                task_type="text-generation",
                dataset_type=hub_id,
                dataset_name=task,
                dataset_config=config,
                dataset_split=split,
                dataset_revision=revision,
                metric_type=metric,
                metric_value=value,
                metric_args={"notes": note},
            )
        )
        entries.append(
            EvalResultEntry(
                dataset_id=hub_id,
                task_id=f"{task}:{metric}",
                value=value,
                dataset_revision=revision,
                date=facts.run.started[:10],
                notes=note,
            )
        )
    data = ModelCardData(model_name=facts.run.model, eval_results=results or None)
    listed = eval_result_entries_to_yaml(entries)
    return {
        "README.md": f"---\n{data.to_yaml()}\n---\n\n{markdown(evaluation.document(store, runs, baseline))}",
        ".eval_results/harness.yaml": yaml.safe_dump(listed, sort_keys=False, allow_unicode=True),
    }


def _note(number: Number, run: Run) -> str:
    e, part = number.estimate, shortfall(run)
    asked = f"of a run that asked {part}, " if part else ""
    return (
        f"95 % interval {ends(e, None)}, n {e.n}, failed {e.failed}, {asked}task version {number.version}, "
        f"data {number.data_sha256[:12]}, run {run.id}"
    )
