"""Few-shot examples as earlier turns of a chat: the same words, in the order that a chat has them."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness import evaluate
from harness.api import show_prompt
from harness.cli.main import main
from harness.engine.backend import Batch, Options
from harness.errors import Unsupported, UsageError
from harness.kinds import About, Data, Decoding, Template, generation, multiple_choice
from harness.metrics.measures import SQUAD_EM
from harness.store import open_store
from harness.types import Card, Choose, Dataset, Generate, Generated, Message, ModelInfo, Question, Settings
from harness.variants import varied

ABOUT = About(version=1, card=Card(measures="m", limits="l", source="s", licence="x"))
ROWS = [{"q": f"Q{i}?", "a": f"a{i}", "options": ["x", "y"], "gold": i % 2} for i in range(4)]
DATA = Data(Dataset("rows", rows=ROWS))
PROMPT = Template("{q}\nA:", description="Answer.\n\n")
WRITING = generation(
    "writing", data=DATA, prompt=PROMPT, target="a", decoding=Decoding(8, ("\n",)), measures=(SQUAD_EM,), about=ABOUT
)
CHOOSING = multiple_choice("choosing", data=DATA, prompt=PROMPT, choices="options", target="gold", about=ABOUT)
TURNS = Settings(fewshot_as_turns=True, shots=2)


class Chatty:
    """Thinks, then answers with the last of the model's own turns that it is shown."""

    info = ModelInfo("chatty", {}, frozenset({Generate}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, self._one(question.request)) for i, question in enumerate(questions)]

    def _one(self, request: object) -> Generated:
        assert isinstance(request, Generate)
        said = [turn.content for turn in request.messages if turn.role == "assistant"]
        return Generated(said[-1], 1, "end", "let me look")

    def stats(self) -> dict[str, float | str]:
        return {}


@pytest.mark.parametrize("task", [WRITING, CHOOSING])
def test_the_examples_are_turns_and_the_text_stays_beside_them(task: object) -> None:
    asked = show_prompt([task], "openai:x", TURNS, options=Options(chat=True))[0].prompt  # type: ignore[list-item]
    first, second, third = asked.split("[user]\n")[1:]
    assert first.startswith("Answer.\n\nQ") and "[assistant]\n" in first and "[assistant]\n" in second
    assert "Answer.\n\n" not in second + third and third.startswith("Q")
    plain = show_prompt([task], None, replace(TURNS, fewshot_as_turns=False))[0].prompt  # type: ignore[list-item]
    words = [word for word in asked.split() if not word.startswith("[")]
    assert words[: len(plain.split())] == plain.split()


def test_a_request_has_turns_beside_its_prompt() -> None:
    task = varied(CHOOSING, TURNS)
    example, *shots = task.read(ROWS, DATA.datasets[0])
    (request,) = task.ask(example, shots[:1])
    assert isinstance(request, Choose) and request.prompt == "Answer.\n\nQ1?\nA: y\n\nQ0?\nA:"
    assert request.messages == (
        Message("user", "Answer.\n\nQ1?\nA:"),
        Message("assistant", "y"),
        Message("user", "Q0?\nA:"),
    )
    (wrapped,) = varied(CHOOSING, replace(TURNS, wrapper="<{prompt}>")).ask(example, shots[:1])
    assert isinstance(wrapped, Choose) and wrapped.messages[-1].content == "<Q0?\nA:>"
    assert wrapped.messages[:-1] == request.messages[:-1]


def test_turns_need_a_chat_and_a_task_whose_examples_can_be_told_apart() -> None:
    with pytest.raises(UsageError, match="belong to --chat"):
        show_prompt([WRITING], None, TURNS)
    with pytest.raises(Unsupported, match="cannot be shown as turns"):
        varied(replace(WRITING, turns=None), TURNS)
    assert varied(WRITING, replace(TURNS, shots=0)) is WRITING


def test_turns_and_thoughts_are_stored_and_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(tmp_path / "s")
    result = evaluate(Chatty(), [WRITING], TURNS, options=Options(chat=True), store=store)
    outcomes = list(open_store(store).outcomes(result.run.id, "writing"))
    (request,), (response,) = outcomes[0].requests, outcomes[0].responses
    assert isinstance(request, Generate) and len(request.messages) == 5
    assert response == Generated(request.messages[3].content, 1, "end", "let me look")
    assert outcomes[0].judged is not None and outcomes[0].judged.prediction == request.messages[3].content
    with pytest.raises(SystemExit):
        main(["samples", result.run.id, "writing", "--full", "0", "--store", store])
    said = capsys.readouterr().out
    assert "[assistant]\n" in said and "--- reasoning\nlet me look\n--- answer\n" in said
    assert open_store(store).run(result.run.id).settings["fewshot_as_turns"] is True
