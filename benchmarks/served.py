"""The embedded model here and behind `transformers serve`: are the greedy answers of chats the same?

python benchmarks/served.py [PATH TO transformers]      # of an environment with transformers[serving]
"""

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

import harness
from harness.engine.smollm2 import smollm2_folder
from harness.errors import Unsupported
from harness.kinds import About, Data, Decoding, conversation, generation
from harness.metrics.measures import SQUAD_EM
from harness.store import open_store
from harness.types import Card, Constraint, Dataset, Task

CARD = Card(measures="Nothing.", limits="All.", source="this file", licence="Apache-2.0")
ABOUT = About(version=1, card=CARD)
HEARD = {"when": "time", "then": "At seven. Who am I?", "otherwise": "You forgot the time. Who am I?"}
TALKS = [{"script": [f"My name is {n}. Ask me for the time of my booking.", HEARD], "name": n} for n in ("Ada", "Chen")]
FORMS = (Constraint.json({"type": "object"}), Constraint("regex", "[0-9]+"))


@contextmanager
def served(program: str) -> Iterator[str]:
    """The address of the server, which ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "serve", "--device", "cpu", "--dtype", "float32", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 180
        while time.monotonic() < until and server.poll() is None:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def answers(model: str, tasks: list[str | Task], options: harness.Options) -> dict[tuple[str, str], list[str]]:
    """Every answer of a run, by task and example."""
    with tempfile.TemporaryDirectory() as folder:
        run = harness.evaluate(model, tasks, limit=4, options=options, store=folder).run
        store = open_store(folder)
        return {
            (task.name, outcome.example.id): [str(getattr(r, "text", r)) for r in outcome.responses]
            for task in run.tasks
            for outcome in store.outcomes(run.id, task.name)
        }


def main(program: str) -> None:
    """Compare, and ask the server for what it cannot do."""
    weights = str(smollm2_folder())
    talk = conversation(
        "talk", data=Data(Dataset("talks", rows=TALKS)), script="script", system="You take bookings.", target="name",
        decoding=Decoding(24), measures=(SQUAD_EM,), about=ABOUT,
    )  # fmt: skip
    here = answers(weights, ["demo/qa", talk], harness.Options(chat=True, dtype="float32"))
    with served(program) as url:
        there = harness.Options(chat=True, base_url=url, timeout=120, concurrency=2)
        behind = answers(f"openai:{weights}", ["demo/qa", talk], there)
        for task in ("demo/qa", "talk"):
            pairs = [(a, b) for key in here if key[0] == task for a, b in zip(here[key], behind[key], strict=True)]
            print(f"{task}: {sum(a == b for a, b in pairs)} of {len(pairs)} answers are equal")
        for form in FORMS:
            task_ = generation(
                "form", data=Data(Dataset("one", rows=[{"q": "One?", "a": "1"}])), prompt="{q}", target="a",
                decoding=Decoding(8, constraint=form), measures=(SQUAD_EM,), about=ABOUT,
            )  # fmt: skip
            try:
                print(f"{form.kind}: {answers(f'openai:{weights}', [task_], there)}")
            except Unsupported as error:
                print(f"{form.kind}: {error}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(sys.executable).with_name("transformers")))
