"""Our models inside inspect, which finds them by its entry-point group: `inspect eval TASK --model harness/MODEL`."""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from inspect_ai.log._samples import ActiveSample, sample_active  # no public name tells which sample asks
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from harness.bridges.options import options_of
from harness.bridges.together import Asking
from harness.engine.special import bare
from harness.errors import RunError, Unsupported
from harness.plugins import load_model
from harness.types import Generate, Generated, Likelihood, Request, Response, Scored

TOGETHER = 256
"""Samples that inspect asks about at once: one plan for all of them."""
MOST_TOKENS = 2048
"""Of an answer where nothing is said, as for inspect's own local models."""
REFUSED = (
    "best_of", "frequency_penalty", "presence_penalty", "logit_bias", "logprobs", "top_logprobs", "top_k",
    "response_schema",
)  # fmt: skip
"""What a model here cannot be told: an answer that ignored it would be another one than was asked for."""
STOPS = {"end": "stop", "stop": "stop", "length": "max_tokens"}


@modelapi(name="harness")
class HarnessAPI(ModelAPI):  # type: ignore[misc]  # untyped here
    """A model of ours behind inspect's seam. What inspect asks about at the same time is planned together.

    ``model_name``: as for ``harness run``. ``options``: fields of ``Options`` (`-M dtype=bfloat16`).
    Answers are greedy unless a temperature is set. Drawn ones depend on the prompt, the seed [0], the sample's id and
    epoch, and how often that sample asked the same before, never on what else is asked or on who comes first.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, config=config or GenerateConfig())
        given = options if base_url is None else {"base_url": base_url, **options}
        self.options = options_of(given, "model args of harness")
        self.asking = Asking(load_model(model_name, self.options))

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """The answer to a conversation. Raises Unsupported for tools and settings that the model would not see,
        RunError for an answer that is none: a failure must not be scored."""
        if tools:
            raise Unsupported(f"harness/{self.model_name} calls no tools, and this task has {tools[0].name}")
        refused = next((name for name in REFUSED if getattr(config, name, None)), None)
        if refused:
            raise Unsupported(f"harness/{self.model_name} cannot be told {refused} = {getattr(config, refused)!r}")
        sample, text = sample_active(), self._text(input)
        request = Generate(
            text,
            config.max_tokens or MOST_TOKENS,
            tuple(config.stop_seqs or ()),
            config.temperature or 0.0,
            1.0 if config.top_p is None else config.top_p,
            seed_of(config.seed or 0, sample),
        )
        asked: list[Request] = [*self.asking.drawn(request, config.num_choices or 1, sample)]
        if config.prompt_logprobs:
            self._require_logprobs(config.prompt_logprobs)
            asked.append(Likelihood(text))
        answers = await self.asking.answers(asked)
        texts = [one for one in answers if isinstance(one, Generated)]
        scored = self._logprobs(text, answers[-1]) if config.prompt_logprobs else None
        choices = [
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=one.text, model=self.model_name, source="generate"),
                stop_reason=STOPS[one.finish],
                prompt_logprobs=scored,
            )
            for one in texts
        ]
        tokens = sum(one.tokens for one in texts)
        return ModelOutput(
            model=self.model_name, choices=choices, usage=ModelUsage(output_tokens=tokens, total_tokens=tokens)
        )

    def max_connections(self) -> int:
        """How many requests are open at once."""
        return TOGETHER

    def max_tokens(self) -> int:
        """Of an answer, where nothing is said."""
        return MOST_TOKENS

    def _text(self, messages: Sequence[ChatMessage]) -> str:
        """What the model reads: its chat template's text; without a template the messages, a blank line between."""
        checkpoint = getattr(self.asking.backend, "checkpoint", None)
        if checkpoint is None or not checkpoint.tokenizer.chat_template:
            return "\n\n".join(message.text for message in messages)
        turns = [{"role": message.role, "content": message.text} for message in messages]
        opened = turns[-1]["role"] == "assistant"
        rendered = checkpoint.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=not opened, continue_final_message=opened
        )
        return str(rendered)

    # ---------------------------------------------------------------------------------- log-probabilities of prompts
    def _require_logprobs(self, count: int) -> None:
        """Raises Unsupported where the log-probability of every token that the model reads cannot be had."""
        name = f"harness/{self.model_name}"
        if count > 1:
            raise Unsupported(
                f"{name} tells no other tokens beside those of the prompt: prompt_logprobs = {count}; valid: 1"
            )
        if Likelihood not in self.asking.backend.info.answers or not hasattr(self.asking.backend, "checkpoint"):
            raise Unsupported(
                f"{name} gives no likelihoods, which prompt_logprobs needs; valid: a local language model"
            )
        if self.options.truncate:
            raise Unsupported(
                f"{name} may cut prompts (truncate), so it cannot tell prompt_logprobs of all their tokens"
            )

    def _logprobs(self, text: str, scored: Response) -> Logprobs:
        """log P of every token of a prompt, the first after the model's first token (BOS, else EOS): that one is not
        among them where the prompt itself begins with it."""
        tokenizer = self.asking.backend.checkpoint.tokenizer  # type: ignore[attr-defined]  # of a local model
        if not isinstance(scored, Scored):
            raise RunError(f"{self.model_name} gave no likelihood of the prompt")
        [tokens] = bare(tokenizer, [text])
        each = zip(tokens[-scored.tokens :], scored.token_logprobs, strict=True)
        return Logprobs(content=[Logprob(token=tokenizer.decode([token]), logprob=value) for token, value in each])


def seed_of(seed: int, sample: ActiveSample | None) -> int:
    """The seed of a sample's first answer: another for every sample and epoch of an evaluation, whoever comes first."""
    if sample is None:
        return seed
    return int.from_bytes(sha256(f"{seed}\0{sample.epoch}\0{sample.sample.id}".encode()).digest()[:6])
