"""A local model without its weights: its config and tokenizer, which suffice to see and to count what it will read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.engine.backend import Options
from harness.engine.causal.encode import Encoded, Encoder, encode
from harness.engine.checkpoint import ANSWERS, Family, chat_template_of, context_of, family_of, open_tokenizer
from harness.engine.files import told
from harness.engine.source import folder_of, source_of
from harness.errors import ModelError
from harness.types import Question


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What is known of a local model before its weights are read.

    ``folder``: of its weights, or of an adapter's base; ``context``: tokens that it reads at once.
    """

    name: str
    folder: Path
    family: Family
    config: Any  # transformers.PretrainedConfig
    tokenizer: Any  # transformers.PreTrainedTokenizerBase
    context: int | None
    options: Options

    @property
    def answers(self) -> frozenset[type]:
        """The kinds of request that it answers."""
        return ANSWERS[self.family]

    def encode(self, questions: Sequence[Question]) -> list[Encoded]:
        """The tokens of what a causal model is asked. Raises TooLong, UsageError for a chat that it does not have."""
        return encode(questions, Encoder(self.tokenizer, self.options, self.context))

    def text(self, tokens: Sequence[int]) -> str:
        """Tokens as text, special ones by their names."""
        return str(self.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def open_unloaded(spec: str, options: Options) -> Unloaded:
    """Read config and tokenizer of a local model. Raises ModelError, UnknownName, UsageError as ``load`` does."""
    from transformers import AutoConfig

    source = source_of(folder_of(spec, options), options)
    source.require_settings()
    folder = source.folder
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no config.json")
    with told(f"model {spec!r} does not load: {folder / 'config.json'}"):
        config = AutoConfig.from_pretrained(folder, trust_remote_code=options.trust_remote_code)
        family = family_of(config)
    tokenizer = open_tokenizer(spec, source.tokenizer, options.trust_remote_code)
    chat_template_of(spec, family, tokenizer, options)
    return Unloaded(spec, folder, family, config, tokenizer, context_of(config, tokenizer), options)
