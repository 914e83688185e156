"""Tiny random models and tokenizers, made on the spot, for the tests of the engine."""

from typing import Any

import torch

WORDS = [f"w{i}" for i in range(60)]


def word_tokenizer() -> Any:
    """One token a word (w0 .. w59), with the usual special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "</s>", "<unk>", "<mask>", "<s>"]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate([*special, *WORDS])}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    inner.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
        cls_token="<s>",
        bos_token="<s>",
        sep_token="</s>",
        model_max_length=512,
    )


def causal(kind: str, vocab: int) -> Any:
    """A random causal model whose logits are spread enough for greedy answers to vary."""
    import transformers as t

    size: dict[str, Any] = {
        "vocab_size": vocab,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": 4,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "tie_word_embeddings": False,
        "initializer_range": 0.3,
    }
    torch.manual_seed(0)
    config = {
        "llama": lambda: t.LlamaConfig(**size),
        "qwen2": lambda: t.Qwen2Config(**size),
        "gpt2": lambda: t.GPT2Config(
            vocab_size=vocab,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=512,
            bos_token_id=4,
            eos_token_id=1,
            initializer_range=0.3,
        ),
        "mistral-window": lambda: t.MistralConfig(**size, sliding_window=8),
        "gemma2": lambda: t.Gemma2Config(**size, head_dim=8, sliding_window=8, query_pre_attn_scalar=8),
        "mamba": lambda: t.MambaConfig(
            vocab_size=vocab,
            hidden_size=32,
            num_hidden_layers=2,
            state_size=4,
            bos_token_id=4,
            eos_token_id=1,
            pad_token_id=0,
        ),
    }[kind]()
    return t.AutoModelForCausalLM.from_config(config).eval()
