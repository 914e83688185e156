"""Every prompt of our tasks beside those that lm-evaluation-harness writes from its own task files; no model is asked.

    PEER_PYTHON=/path/to/peer/bin/python python benchmarks/prompts.py --data DIR [--tasks mmlu/anatomy] [--limit 100]

The peer reads the same folder of datasets through its own YAML files and chooses its own few-shot examples; nothing of
ours is handed to it. Where shots are asked for, a split that the folder lacks is an error; no other takes its place.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror import add_data

from harness import run as running
from harness.data import at_hand
from harness.plugins import catalogue
from harness.types import Choose, Generate, Likelihood, Request, Settings, Task
from harness_tasks.languages import CONNECTORS, QUESTION

SUBJECTS = ("abstract_algebra", "anatomy", "astronomy", "business_ethics", "clinical_knowledge", "college_biology")
PEER_TASK = {
    **{f"mmlu/{subject}": f"mmlu_{subject}" for subject in SUBJECTS},
    **{name: name for name in ("arc_easy", "arc_challenge", "piqa", "openbookqa", "commonsense_qa", "hellaswag")},
    **{name: name for name in ("winogrande", "lambada_openai", "gsm8k")},
    **{f"glue/{name}": name for name in ("cola", "sst2", "mrpc", "mnli", "qnli", "rte", "wnli")},
    "glue/mnli_mismatched": "mnli_mismatch",
    **{f"superglue/{name}": name for name in ("boolq", "cb", "copa", "wic")},
    "truthfulqa/mc1": "truthfulqa_mc1",
    "truthfulqa/mc2": "truthfulqa_mc2",
    "truthfulqa/generation": "truthfulqa_gen",
    **{f"mgsm/{language}": f"mgsm_direct_{language}" for language in QUESTION},
    **{f"xcopa/{language}": f"xcopa_{language}" for language in CONNECTORS},
    **{name: name for name in ("social_iqa", "nq_open", "triviaqa")},
}
SHOTS = {f"mmlu/{subject}": 5 for subject in SUBJECTS}
"""Zero for the others: the peer draws theirs from a sequence of random numbers that depends on what it asked before."""


@dataclass(frozen=True, slots=True)
class Compared:
    """How many examples of a task have the same requests on both sides; ``first`` shows where they part."""

    task: str
    shots: int
    examples: int
    equal: int
    first: str


def asked(task: Task, limit: int, data: Path) -> list[list[tuple[str, ...]]]:
    """What our task asks, example by example, as the arguments of the peer's model methods, sorted."""
    [planned] = running.plan([task], Settings(limit_order="first", limit=limit, shots=SHOTS.get(task.name, 0)), data)
    return [sorted(pair for request in requests for pair in arguments(request)) for requests in planned.requests]


def arguments(request: Request) -> list[tuple[str, ...]]:
    """(context, continuation) of every choice, (text,) of a rolled text, (prompt,) of a text to write."""
    if isinstance(request, Choose):
        return [(request.prompt, choice) for choice in request.choices]
    if isinstance(request, Likelihood):
        return [(request.context, request.text)] if request.context else [(request.text,)]
    if isinstance(request, Generate):
        return [(request.prompt,)]
    raise TypeError(f"the peer asks no such thing: {request}")


def theirs(job: Mapping[str, Any]) -> dict[str, Any]:
    """Samples and results of the peer's own tasks, in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(job, file)
        file.flush()
        command = [os.environ["PEER_PYTHON"], str(Path(__file__).with_name("peer_worker.py")), "tasks", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


COPIES = {
    "baber/piqa/default": "ybisk/piqa/plain_text",
    "lighteval/siqa/default": "allenai/social_i_qa/default",
    "google-research-datasets/nq_open/default": "google-research-datasets/nq_open/nq_open",
}
"""What the peer's files call other copies of the same data sets."""


def renamed(data: Path, folder: Path) -> Path:
    """The data sets of COPIES as the peer's files call them."""
    for name, own in COPIES.items():
        (folder / name).mkdir(parents=True)
        for file in (data / own).glob("*.jsonl"):
            (folder / name / file.name).symlink_to(file.resolve())
    return folder


def compare(names: Sequence[str], limit: int, data: Path) -> Iterator[Compared]:
    """One comparison for every task whose data is at hand; the peer is started once for every number of shots."""
    tasks = catalogue().tasks
    here = [name for name in names if at_hand(tasks[name].dataset[0], data)]
    with tempfile.TemporaryDirectory() as folder:
        folders = [str(renamed(data, Path(folder))), str(data.resolve())]
        for shots in sorted({SHOTS.get(name, 0) for name in here}, reverse=True):
            some = [name for name in here if SHOTS.get(name, 0) == shots]
            wanted = [PEER_TASK[name] for name in some]
            job = {"model": None, "tasks": wanted, "limit": limit, "data": folders, "shots": shots}
            samples = theirs(job)["samples"]
            for name in some:
                peer = [sorted(tuple(a) for a in sample["arguments"]) for sample in samples[PEER_TASK[name]]]
                yield told(name, shots, asked(tasks[name], limit, data), peer)


def told(name: str, shots: int, ours: Sequence[object], peer: Sequence[object]) -> Compared:
    """How many examples are asked in the same words."""
    apart = [(one, other) for one, other in zip(ours, peer, strict=True) if one != other]
    return Compared(name, shots, len(ours), len(ours) - len(apart), f"{apart[0]}" if apart else "")


def main() -> None:
    """Print one line a task; exit with 1 if a prompt differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data(parser)
    parser.add_argument("--tasks", default=",".join(PEER_TASK))
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--show", action="store_true", help="the first requests that differ")
    given = parser.parse_args()
    if "PEER_PYTHON" not in os.environ:
        parser.error("needs PEER_PYTHON, the peer's own Python")
    print("| task | shots | examples | equal prompts |\n|---|---|---|---|")
    differ = 0
    for found in compare(given.tasks.split(","), given.limit, Path(given.data)):
        differ += found.examples - found.equal
        print(f"| {found.task} | {found.shots} | {found.examples} | {found.equal} |", flush=True)
        if given.show and found.first:
            print(found.first[:4000], file=sys.stderr)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
