"""What a model thinks before it answers: told from the answer by the tags of its chat template."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.engine.special import cut
from harness.types import Failed, Generated

TAGS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|start|>assistant<|channel|>final<|message|>"),
)
"""Before and after a thought."""


@dataclass(frozen=True, slots=True)
class Thinking:
    """The tags of one model.

    ``begun``: what is written first is a thought already, since the template has opened it. ``special``: tokens of the
    tokenizer that are no text; a thought may end with one of them, so they are taken out once its end is known.
    ``opened``: what of ``end`` the template has written, so that an answer without a thought lacks it.
    """

    start: str
    end: str
    begun: bool = False
    special: Sequence[str] = ()
    opened: str = ""

    def parts(self, text: str) -> tuple[str, str] | None:
        """(thought, answer) of all that was written; None where the thought has not ended."""
        thought, ended, answer = f"{self.opened}{text}".partition(self.end)
        if ended:
            thought = thought.removeprefix(self.opened).lstrip().removeprefix(self.start)
            return self._bare(thought).strip(), self._bare(answer).lstrip()
        return None if self.begun or text.lstrip().startswith(self.start) else ("", self._bare(text))

    def read(self, whole: Generated, stop: Sequence[str]) -> Generated | Failed:
        """The answer among all that was written; there is none where the tokens have only been enough for a thought."""
        thought, answer = self.parts(whole.text) or (whole.text, None)
        thoughts_alone = not answer and whole.finish == "length" and self.end in f"{self.opened}{whole.text}"
        if answer is None or thoughts_alone:
            state = "was still thinking" if answer is None else "had not begun to answer"
            return Failed("thinking", f"the model {state} after {whole.tokens} tokens; it needs more (--max-tokens)")
        return Generated(cut(answer, stop)[0], whole.tokens, whole.finish, thought)

    def _bare(self, text: str) -> str:
        for token in self.special:
            text = text.replace(token, "")
        return text


def thinking_of(template: str, prompt: str, special: Sequence[str]) -> Thinking | None:
    """How a model with a chat ``template`` thinks; None where the template names no tags.

    ``prompt`` is what the template makes of a question: where it ends within a thought, the template has opened one.
    """
    for start, end in TAGS:
        if end in template or start in template:
            opened = next((end[:n] for n in range(len(end), 0, -1) if prompt.endswith(end[:n])), "")
            return Thinking(start, end, prompt.rfind(start) > prompt.rfind(end), tuple(special), opened)
    return None
