"""Answers the requests of a job file through the inference core; prints one JSON line. The twin of peer_worker.py."""

import json
import resource
import sys
import time
from pathlib import Path

from harness.engine.backend import Options
from harness.engine.load import load
from harness.types import Choose, Chosen, Generate, Generated, Likelihood, Question, Request, Scored


def requests_of(job: dict[str, object]) -> list[Request]:
    """The peer's argument lists back as requests; neighbouring log-likelihoods of one context are one Choose."""
    found: list[Request] = []
    asked = job["requests"]
    for context, continuation in asked.get("loglikelihood", []):
        last = found[-1] if found else None
        if "Choose" not in job["kinds"]:
            found.append(Likelihood(continuation, context))
        elif isinstance(last, Choose) and last.prompt == context:
            found[-1] = Choose(context, (*last.choices, continuation))
        else:
            found.append(Choose(context, (continuation,)))
    found += [Likelihood(text) for (text,) in asked.get("loglikelihood_rolling", [])]
    found += [Generate(p, how["max_gen_toks"], tuple(how["until"])) for p, how in asked.get("generate_until", [])]
    return found


def flat(response: object) -> list[object]:
    """A response as the peer would give it."""
    if isinstance(response, Chosen):
        return list(response.logprobs)
    if isinstance(response, Scored):
        return [response.logprob]
    if isinstance(response, Generated):
        return [response.text]
    raise TypeError(f"no answer: {response}")


if __name__ == "__main__":
    job = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    backend = load(job["model"], Options(dtype=job.get("dtype", "float32")))
    asked = [Question(job["task"], str(i), 0, request) for i, request in enumerate(requests_of(job))]
    start = time.perf_counter()
    answers = dict(pair for batch in backend.answer(asked) for pair in batch)
    seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "answers": [value for i in range(len(asked)) for value in flat(answers[i])],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "stats": dict(backend.stats()),
    }
    print(json.dumps(result))
