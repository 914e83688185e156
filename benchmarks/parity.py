"""The peer's own task files beside ours: the same prompts, predictions and log-likelihoods, example by example.

    PEER_PYTHON=/path/to/peer/bin/python python benchmarks/parity.py --data DIR [--tasks arc_easy,piqa] [--limit 50]
        [--characters 1500] [--max-tokens 32]

lm-evaluation-harness reads the same local rows through its own YAML files; ours go through `harness.run`. Every line of
the table says how many prompts, predictions and choices agree and how far the log-likelihoods are apart. A page of
WikiText is up to 8,000 tokens long: with ``--characters`` only the beginning of each is read. Written answers take
long: with ``--max-tokens`` both sides end them there.
"""

import argparse
import json
import tempfile
from pathlib import Path

from mirror import add_data
from prompts import renamed, theirs

from harness import run as running
from harness.engine.backend import Backend, Options
from harness.engine.load import load
from harness.metrics import calibrate
from harness.plugins import catalogue
from harness.types import Choose, Chosen, Generate, Generated, Likelihood, Response, Scored, Settings, Task
from harness.variants import varied
from harness_tasks.languages import CONNECTORS, QUESTION

PEER_TASK = {
    "arc_easy": "arc_easy",
    "arc_challenge": "arc_challenge",
    "piqa": "piqa",
    "openbookqa": "openbookqa",
    "superglue/boolq": "boolq",
    "superglue/copa": "copa",
    "glue/rte": "rte",
    "glue/sst2": "sst2",
    "mmlu/abstract_algebra": "mmlu_abstract_algebra",
    "lambada_openai": "lambada_openai",
    "wikitext": "wikitext",
    **{f"mgsm/{language}": f"mgsm_direct_{language}" for language in QUESTION},
    **{f"xcopa/{language}": f"xcopa_{language}" for language in CONNECTORS},
}
SHOTS: dict[str, int] = {"mmlu/abstract_algebra": 5}
Sample = tuple[tuple[str, ...], float | str]
"""((context, continuation), log-likelihood), or ((prompt,), what was written)."""


def ours(task: Task, settings: Settings, data: Path, backend: Backend) -> tuple[list[list[Sample]], running.Finished]:
    """Every example's (context, continuation) pairs with our log-likelihoods, and the judged run."""
    planned = running.plan([varied(task, settings)], settings, data)
    asked = running.questions(planned)
    answers = dict(pair for batch in backend.answer(asked) for pair in batch)
    responses = [answers[i] for i in range(len(asked))]
    samples: dict[str, list[Sample]] = {}
    for question, response in zip(asked, responses, strict=True):
        samples.setdefault(question.example, []).extend(_pairs(question.request, response))
    return list(samples.values()), running.finish(planned, responses)


def _pairs(request: object, response: Response) -> list[Sample]:
    if isinstance(request, Choose) and isinstance(response, Chosen):
        return [((request.prompt, c), lp) for c, lp in zip(request.choices, response.logprobs, strict=True)]
    if isinstance(request, Likelihood) and isinstance(response, Scored):
        return [((request.context, request.text), response.logprob)]
    if isinstance(request, Generate) and isinstance(response, Generated):
        return [((request.prompt,), response.text)]
    raise TypeError(f"not comparable: {response}")


def beginnings(folder: Path, data: Path, limit: int, characters: int) -> Path:
    """WikiText whose pages end after ``characters``: the line of the title, and one line of text."""
    place = folder / "Salesforce" / "wikitext" / "wikitext-2-v1"
    place.mkdir(parents=True)
    pages = running.plan([catalogue().tasks["wikitext"]], Settings(limit_order="first", limit=limit), data)[0].examples
    with (place / "test.jsonl").open("w", encoding="utf-8") as file:
        for page in pages:
            title, end, text = page.fields["page"].partition(" = \n")
            file.writelines(json.dumps({"text": line}) + "\n" for line in (title + end, text[:characters]))
    return folder


def overlay(folder: Path, data: Path, limit: int, wikitext: Path | None = None) -> Path:
    """What the peer's files expect under other names: PIQA's copy, and whole pages of WikiText.

    The pages are joined from lines by our own rule, since the data set of pages is not at hand: on WikiText equal
    prompts say that both undo the tokenisation alike, and nothing of where pages begin.
    """
    pages = running.plan([catalogue().tasks["wikitext"]], Settings(limit_order="first", limit=limit), wikitext or data)[
        0
    ].examples
    place = folder / "EleutherAI" / "wikitext_document_level" / "wikitext-2-raw-v1"
    place.mkdir(parents=True)
    rows = "".join(json.dumps({"page": page.fields["page"]}) + "\n" for page in pages)
    for split in ("train", "validation", "test"):
        (place / f"{split}.jsonl").write_text(rows, encoding="utf-8")
    return renamed(data, folder)


def report(task: str, mine: list[list[Sample]], judged: running.Finished, peer: dict[str, object]) -> str:
    """One line of the table."""
    rows = peer["samples"][PEER_TASK[task]]
    prompts = equal = 0
    worst, relative = 0.0, 0.0
    for our_sample, row in zip(mine, rows, strict=True):
        pairs = [tuple(a) for a in row["arguments"]]
        if row["texts"]:
            [(prompt, text)] = our_sample
            prompts += pairs == [prompt]
            equal += text == row["texts"][0]
            continue
        values = [float(r[0] if isinstance(r, list) else r) for r in row["responses"]]
        rolled = len(pairs[0]) == 1
        texts = [(c,) for (_, c), _ in our_sample] if rolled else [pair for pair, _ in our_sample]
        prompts += pairs == texts
        if pairs == texts:
            ours_ = [value for _, value in our_sample]
            worst = max(worst, *(abs(a - b) for a, b in zip(ours_, values, strict=True)))
            relative = max(relative, *(abs(a / b - 1) for a, b in zip(ours_, values, strict=True)))
            equal += ours_.index(max(ours_)) == values.index(max(values))
    beside = {metric.name for metric in calibrate.METRICS}
    numbers = ", ".join(
        f"{e.metric} {e.value:.5g}"
        for e in judged.estimates
        if e.slice == "all" and e.value is not None and e.metric not in beside
    )
    results = {k.split(",")[0]: v for k, v in peer["results"][PEER_TASK[task]].items() if isinstance(v, float)}
    their_numbers = ", ".join(f"{k} {v:.5g}" for k, v in results.items() if "stderr" not in k)
    return (
        f"| {task} | {len(mine)} | {prompts} | {equal} | {worst:.1e} | {relative:.1e} | {numbers} | {their_numbers} |"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser)
    parser.add_argument("--tasks", default=",".join(PEER_TASK))
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--characters", type=int)
    parser.add_argument("--max-tokens", type=int)
    given = parser.parse_args()
    from harness.engine.smollm2 import smollm2_folder

    backend = load("smollm2", Options())
    print("| task | examples | equal prompts | equal predictions | max abs diff | max rel diff | ours | peer |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        cut = given.characters
        wikitext = beginnings(Path(scratch) / "cut", given.data, given.limit, cut) if cut else given.data
        data = [overlay(Path(scratch), given.data, given.limit, wikitext), given.data]
        for name in given.tasks.split(","):
            limit = min(given.limit, 10) if name == "wikitext" and not cut else given.limit
            shots, most = SHOTS.get(name), given.max_tokens
            settings = Settings(limit_order="first", limit=limit, shots=shots, max_tokens=most)
            mine, judged = ours(
                catalogue().tasks[name], settings, wikitext if name == "wikitext" else given.data, backend
            )
            job = {"tasks": [PEER_TASK[name]], "limit": limit, "shots": shots, "max_tokens": most}
            peer = theirs({**job, "model": str(smollm2_folder()), "data": [str(folder) for folder in data]})
            print(report(name, mine, judged, peer), flush=True)
