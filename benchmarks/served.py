"""The embedded model here and behind `transformers serve`: are the greedy answers of chats the same?

python benchmarks/served.py [PATH TO transformers]      # of an environment with transformers[serving]

It is asked with the chat template that it has, with one that takes no system message and wants the roles in turn, and
with one that opens a thought and shows how a thought ends.
"""

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
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
from harness.types import Card, Constraint, Dataset, Failed, Generated, Response, Task

CARD = Card(measures="Nothing.", limits="All.", source="this file", licence="Apache-2.0")
ABOUT = About(version=1, card=CARD)
HEARD = {"when": "time", "then": "At seven. Who am I?", "otherwise": "You forgot the time. Who am I?"}
TALKS = [{"script": [f"My name is {n}. Ask me for the time of my booking.", HEARD], "name": n} for n in ("Ada", "Chen")]
TURN = "{{ '<|im_start|>' + m['role'] + '\\n' + m['content'].split('</think>')[-1].lstrip() + '<|im_end|>\\n' }}"
THOUGHT = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n<think>\n{}\n</think>\n\n{}<|im_end|>\n"
SHOWN = THOUGHT.format("Is grass red? Answer yes or no.", "Grass is green.", "no") + THOUGHT.format(
    "I am Ann. I want a room.", "Ann wants a room.", "What kind of room, Ann?"
)
TEMPLATES = {
    "no system message": (
        "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must take turns, the user first') }}{% endif %}" + TURN + "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "an opened thought": (
        "{% for m in messages if m['role'] == 'system' %}"
        + TURN
        + "{% endfor %}"
        + SHOWN
        + "{% for m in messages if m['role'] != 'system' %}"
        + TURN
        + "{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n<think>\\n' }}{% endif %}"
    ),
}
"""Chat templates as other models have them, in the words of this one."""
Words = tuple[str, str, str]
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


def behind_it(url: str) -> harness.Options:
    """How the server is asked."""
    return harness.Options(chat=True, base_url=url, timeout=120, concurrency=2)


def dressed(folder: Path, template: str) -> str:
    """The folder of the embedded model with another chat template."""
    shutil.copytree(smollm2_folder(), folder)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return str(folder)


def answers(model: str, tasks: list[str | Task], options: harness.Options) -> dict[tuple[str, str], list[Words]]:
    """Every answer of a run, by task and example: its kind, what was thought, and the text."""
    with tempfile.TemporaryDirectory() as folder:
        run = harness.evaluate(model, tasks, limit=4, options=options, store=folder).run
        store = open_store(folder)
        return {
            (task.name, outcome.example.id): [_words(response) for response in outcome.responses]
            for task in run.tasks
            for outcome in store.outcomes(run.id, task.name)
        }


def _words(response: Response) -> Words:
    if isinstance(response, Generated):
        return "answer", response.reasoning, response.text
    return str(response.kind if isinstance(response, Failed) else type(response).__name__), "", ""


def compare(weights: str, talk: Task, url: str) -> None:
    """One line for each task: how many of the answers are equal, and of which kinds they are."""
    here = answers(weights, ["demo/qa", talk], harness.Options(chat=True, dtype="float32"))
    behind = answers(f"openai:{weights}", ["demo/qa", talk], behind_it(url))
    for task in ("demo/qa", "talk"):
        pairs = [(a, b) for key in here if key[0] == task for a, b in zip(here[key], behind[key], strict=True)]
        kinds = Counter(f"{kind}{' after a thought' * bool(thought)}" for (kind, thought, _), _ in pairs)
        print(f"{task}: {sum(a == b for a, b in pairs)} of {len(pairs)} answers are equal; here {dict(kinds)}")


def main(program: str) -> None:
    """Compare, and ask the server for what it cannot do."""
    talk = conversation(
        "talk", data=Data(Dataset("talks", rows=TALKS)), script="script", system="You take bookings.", target="name",
        decoding=Decoding(40), measures=(SQUAD_EM,), about=ABOUT,
    )  # fmt: skip
    weights = str(smollm2_folder())
    with served(program) as url, tempfile.TemporaryDirectory() as scratch:
        print("its own template")
        compare(weights, talk, url)
        for name, template in TEMPLATES.items():
            print(name)
            compare(dressed(Path(scratch) / name.replace(" ", "-"), template), talk, url)
        for form in FORMS:
            task_ = generation(
                "form", data=Data(Dataset("one", rows=[{"q": "One?", "a": "1"}])), prompt="{q}", target="a",
                decoding=Decoding(8, constraint=form), measures=(SQUAD_EM,), about=ABOUT,
            )  # fmt: skip
            try:
                print(f"{form.kind}: {answers(f'openai:{weights}', [task_], behind_it(url))}")
            except Unsupported as error:
                print(f"{form.kind}: {error}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else str(Path(sys.executable).with_name("transformers")))
