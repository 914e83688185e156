"""Answers requests with lm-evaluation-harness, in an environment of its own; prints one JSON line.

    python peer_worker.py requests FILE    {"model", "dtype", "batch_size", "requests"}: these through its `hf` model
    python peer_worker.py tasks FILE       {"model", "tasks", "limit", "data": [...]}: its own task files on local data;
                                           model null: only what it would ask

Not imported by anything: it must run where only lm_eval is installed.
"""

import json
import resource
import sys
import time
from pathlib import Path

START = time.perf_counter()


def silent():
    """A model that says nothing, for the requests alone."""
    from lm_eval.api.model import LM

    class Silent(LM):
        def loglikelihood(self, requests):
            return [(0.0, False)] * len(requests)

        def loglikelihood_rolling(self, requests):
            return [0.0] * len(requests)

        def generate_until(self, requests):
            return [""] * len(requests)

    return Silent()


def model_of(job):
    if job["model"] is None:
        return silent()
    from lm_eval.models.huggingface import HFLM

    dtype = job.get("dtype", "float32")
    return HFLM(pretrained=job["model"], dtype=dtype, batch_size=job.get("batch_size", 8), device="cpu")


def requests(job):
    """Time spent in loglikelihood, loglikelihood_rolling and generate_until, and every answer in order."""
    from lm_eval.api.instance import Instance

    model, answers, seconds = model_of(job), [], 0.0
    for _ in range(job.get("repeats", 1)):
        answers, seconds_here = [], 0.0
        for kind, rows in job["requests"].items():
            asked = [Instance(kind, {}, tuple(row), i) for i, row in enumerate(rows)]
            start = time.perf_counter()
            answers += list(getattr(model, kind)(asked, disable_tqdm=True))
            seconds_here += time.perf_counter() - start
        seconds = min(seconds or seconds_here, seconds_here)
    return {"seconds": seconds, "answers": answers}


def tasks(job):
    """Every sample of the peer's own tasks: arguments, responses, and what its metrics say."""
    import datasets

    folders = [Path(folder) for folder in job["data"]]

    def load_dataset(path, name=None, **ignored):
        for folder in folders:
            files = sorted((folder / path / (name or "default")).glob("*.jsonl"))
            if files:
                break
        else:
            raise FileNotFoundError(f"{path}/{name} in none of {folders}")
        lines = {file.stem: [json.loads(line) for line in file.open(encoding="utf-8")] for file in files}
        # Splits that this copy lacks are never read without few-shot examples, but the peer insists on them.
        wanted = () if job.get("shots") else ("train", "validation", "test", "dev", "validation_matched")
        splits = dict.fromkeys(wanted, next(iter(lines.values()))) | lines
        return datasets.DatasetDict({split: datasets.Dataset.from_list(rows) for split, rows in splits.items()})

    datasets.load_dataset = load_dataset
    import lm_eval

    model = model_of(job)
    found = lm_eval.simple_evaluate(
        model,
        tasks=job["tasks"],
        num_fewshot=job.get("shots"),
        limit=job["limit"],
        log_samples=True,
        bootstrap_iters=0,
        predict_only=job["model"] is None,
        gen_kwargs={"max_gen_toks": job["max_tokens"]} if job.get("max_tokens") else None,
    )
    samples = {
        task: [
            {
                "arguments": [[part for part in a[:2] if isinstance(part, str)] for a in s["arguments"]],
                "responses": s["filtered_resps"],
                "texts": [said for said, *_ in s["resps"] if isinstance(said, str)],
                "metrics": {k: v for k, v in s.items() if isinstance(v, (int, float))},
            }
            for _, s in sorted({s["doc_id"]: s for s in rows}.items())  # one row for every filter of an answer
        ]
        for task, rows in found["samples"].items()
    }
    return {"samples": samples, "results": found["results"]}


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    result = {"requests": requests, "tasks": tasks}[sys.argv[1]](job)
    result["process_seconds"] = time.perf_counter() - START
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result, default=str))
