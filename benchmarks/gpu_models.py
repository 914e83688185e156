"""Models with random weights in real shapes, made on the device, and a tokenizer of as many words: nothing to fetch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from harness.engine.backend import Options
from harness.engine.checkpoint import Checkpoint

SPECIAL = ("<pad>", "</s>", "<unk>", "<s>")
PAD, END, BEGIN = 0, 1, 3
STOP = "Question"
"""The word that opens every shot, and the stop string of generation."""
SPREAD = 2.3
"""Standard deviation of the logits: the likeliest of 128k tokens then has about 1 %, and an end token 1e-5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes of a Llama model; ``factor`` stretches its rotary positions (type llama3)."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool
    factor: float


SHAPES: Mapping[str, Shape] = {
    "1B": Shape(
        layers=16,
        hidden=2048,
        feed_forward=8192,
        heads=32,
        kv_heads=8,
        head_dim=64,
        vocabulary=128256,
        tied=True,
        factor=32.0,
    ),
    "8B": Shape(
        layers=32,
        hidden=4096,
        feed_forward=14336,
        heads=32,
        kv_heads=8,
        head_dim=128,
        vocabulary=128256,
        tied=False,
        factor=8.0,
    ),
}
TINY: Mapping[str, Shape] = {
    "1B": Shape(
        layers=2, hidden=64, feed_forward=96, heads=4, kv_heads=2, head_dim=16, vocabulary=2000, tied=True, factor=32.0
    ),
    "8B": Shape(
        layers=3, hidden=96, feed_forward=128, heads=4, kv_heads=2, head_dim=32, vocabulary=2000, tied=False, factor=8.0
    ),
}


def words_of(vocabulary: int) -> list[str]:
    """The word of every token id: special tokens, the stop word, then w5, w6, ..."""
    return [*SPECIAL, STOP, *(f"w{i}" for i in range(len(SPECIAL) + 1, vocabulary))]


def tokenizer_of(words: list[str]) -> Any:
    """One token a word, parted by white space, behind one <s>."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", BEGIN)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>",
        model_max_length=131072,
        clean_up_tokenization_spaces=False,
    )


def config_of(shape: Shape) -> Any:
    """The config that a Llama model of these sizes has."""
    from transformers import LlamaConfig

    config = LlamaConfig(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.feed_forward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=131072,
        tie_word_embeddings=shape.tied,
        rms_norm_eps=1e-5,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=BEGIN,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": shape.factor,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
    )
    config.architectures = ["LlamaForCausalLM"]
    return config


@torch.no_grad()
def model_of(shape: Shape, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Any:
    """A random model, made on ``device`` in ``dtype`` from the start.

    Weights of standard deviation 1 / sqrt(hidden) (0.022 and 0.016 here) keep the size of what they read; those of
    queries and keys are twice as large, so that attention is not a plain mean. The embeddings are larger, for logits
    that are spread (``SPREAD``) and greedy answers that vary. Not larger still: where embeddings are tied, a token
    whose own embedding ruled the last hidden state would be followed by itself for ever.
    """
    from transformers import AutoModelForCausalLM

    with torch.device(device):
        model = AutoModelForCausalLM.from_config(config_of(shape), dtype=dtype)
    generator = torch.Generator(device).manual_seed(seed)
    scale = shape.hidden**-0.5
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            weight.fill_(1.0)  # norms
            continue
        large = SPREAD if "embed_tokens" in name or "lm_head" in name else 2.0 if ".q_proj" in name else 1.0
        large = 2.0 if ".k_proj" in name else large
        weight.normal_(0.0, large * scale, generator=generator)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = END, PAD
    return model.eval()


def checkpoint_of(name: str, model: Any, tokenizer: Any) -> Checkpoint:
    """The model as the engine takes it."""
    return Checkpoint(
        name=name,
        family="causal",
        model=model,
        tokenizer=tokenizer,
        device=model.device,
        dtype=model.dtype,
        fingerprint={"weights": "random"},
        context=model.config.max_position_embeddings,
        options=Options(device=str(model.device)),
        load_seconds=0.0,
    )
