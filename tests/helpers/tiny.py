"""Tiny random models and tokenizers, made on the spot, for the tests of the engine."""

from collections.abc import Sequence
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


def byte_tokenizer() -> Any:
    """One token a byte, so that every text can be read."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = ["<pad>", "</s>", "<unk>", "<mask>", "<s>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(letters)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", bos_token="<s>", model_max_length=512
    )


def framed_tokenizer(head: Sequence[str] = (), tail: Sequence[str] = ()) -> Any:
    """The tokenizer of words with other special tokens before and behind every text."""
    from tokenizers import processors

    tokenizer = word_tokenizer()
    frame = {token: tokenizer.convert_tokens_to_ids(token) for token in (*head, *tail)}
    single = " ".join((*head, "$A", *tail))
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single=single, pair=f"{single} $B", special_tokens=list(frame.items())
    )
    return tokenizer


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
        "gpt-oss": lambda: t.GptOssConfig(
            **size, head_dim=8, sliding_window=8, num_local_experts=4, num_experts_per_tok=2
        ),
        "llama4": lambda: t.Llama4TextConfig(
            **size, head_dim=8, attention_chunk_size=8, num_local_experts=2, intermediate_size_mlp=48, moe_layers=[]
        ),
        "stablelm": lambda: t.StableLmConfig(**size),
        "gemma2": lambda: t.Gemma2Config(**size, head_dim=8, sliding_window=8, query_pre_attn_scalar=8),
        "mamba": lambda: t.MambaConfig(
            vocab_size=vocab,
            hidden_size=32,
            num_hidden_layers=2,
            state_size=4,
            bos_token_id=4,
            eos_token_id=1,
            pad_token_id=0,
            initializer_range=0.3,
        ),
        **own_ways(vocab, size),
    }[kind]()
    made = t.AutoModelForCausalLM.from_config(config).eval()
    if kind == "rwkv":  # whose random weights all but ignore what came before
        with torch.no_grad():
            for weight in made.parameters():
                weight.add_(0.2 * torch.randn_like(weight) * (weight.dim() > 1))
    return made


def own_ways(vocab: int, size: dict[str, Any]) -> dict[str, Any]:
    """Configs of models with recurrences, convolutions or attention of their own, none of which takes a tree."""
    import transformers as t

    names = ("vocab_size", "bos_token_id", "eos_token_id", "pad_token_id", "initializer_range")
    small = {name: size[name] for name in names}
    words = {name: size[name] for name in names[:-1]}
    states: dict[str, Any] = {"mamba_n_heads": 4, "mamba_d_state": 8, "mamba_n_groups": 1}
    delta: dict[str, Any] = {
        "linear_num_key_heads": 2,
        "linear_num_value_heads": 4,
        "linear_key_head_dim": 8,
        "linear_value_head_dim": 8,
    }
    experts: dict[str, Any] = {"num_experts": 4, "moe_intermediate_size": 16, "shared_expert_intermediate_size": 16}
    half = ["linear_attention", "full_attention"]
    return {
        "falcon-mamba": lambda: t.FalconMambaConfig(**small, hidden_size=32, num_hidden_layers=2, state_size=4),
        "mamba2": lambda: t.Mamba2Config(
            **small, hidden_size=32, num_hidden_layers=2, state_size=8, head_dim=16, num_heads=4, n_groups=2,
            chunk_size=16,
        ),
        "rwkv": lambda: t.RwkvConfig(
            vocab_size=vocab, hidden_size=32, num_hidden_layers=2, intermediate_size=48, context_length=512,
            bos_token_id=4, eos_token_id=1,
        ),
        "jamba": lambda: t.JambaConfig(
            **size, num_experts=2, attn_layer_offset=1, attn_layer_period=2, mamba_d_state=4, mamba_dt_rank=4
        ),
        "lfm2": lambda: t.Lfm2Config(**size, layer_types=["conv", "full_attention"]),
        "qwen3-next": lambda: t.Qwen3NextConfig(
            **size, **delta, **experts, head_dim=8, layer_types=half, num_experts_per_tok=2
        ),
        "olmo-hybrid": lambda: t.OlmoHybridConfig(**size, **delta | {"linear_num_key_heads": 4}, layer_types=half),
        "minimax": lambda: t.MiniMaxConfig(**size, head_dim=8, layer_types=half, num_local_experts=2, block_size=8),
        "bamba": lambda: t.BambaConfig(**size, **states, mamba_d_head=16, attn_layer_indices=[1], mamba_chunk_size=16),
        "falcon-h1": lambda: t.FalconH1Config(
            **size, **states, head_dim=8, mamba_d_ssm=32, mamba_d_head=8, mamba_chunk_size=16
        ),
        "recurrent-gemma": lambda: t.RecurrentGemmaConfig(
            **size | {"num_hidden_layers": 3}, lru_width=32, attention_window_size=16, w_init_variance_scale=1.0
        ),
        "falcon": lambda: t.FalconConfig(**small, hidden_size=32, num_hidden_layers=2, num_attention_heads=4),
        "bloom": lambda: t.BloomConfig(**small, hidden_size=32, n_layer=2, n_head=4),
        "mpt": lambda: t.MptConfig(**small, d_model=32, n_layers=2, n_heads=4, max_seq_len=512),
        "gpt-neo": lambda: t.GPTNeoConfig(
            **small, hidden_size=32, num_layers=2, num_heads=4, intermediate_size=48, window_size=8,
            attention_types=[[["global", "local"], 1]], max_position_embeddings=512,
        ),
        "xglm": lambda: t.XGLMConfig(
            **words, d_model=32, ffn_dim=48, num_layers=2, attention_heads=4, max_position_embeddings=512, init_std=0.3
        ),
        "llama-dynamic": lambda: t.LlamaConfig(
            **size | {"max_position_embeddings": 64},
            rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
        ),
    }  # fmt: skip


def encoder(kind: str, vocab: int, labels: int = 3) -> Any:
    """A random BERT: with a head for ``labels`` classes ("classifier") or one that predicts masked tokens."""
    import transformers as t

    torch.manual_seed(0)
    size: dict[str, Any] = {
        "vocab_size": vocab,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "initializer_range": 0.3,
        "num_labels": labels,
    }
    if kind == "roberta":
        return t.RobertaForMaskedLM(t.RobertaConfig(**{**size, "max_position_embeddings": 65})).eval()
    config = t.BertConfig(**size)
    return (t.BertForSequenceClassification if kind == "classifier" else t.BertForMaskedLM)(config).eval()


def seq2seq(kind: str, vocab: int) -> Any:
    """A random T5, BART or Marian model."""
    import transformers as t

    torch.manual_seed(0)
    if kind == "t5":
        return t.T5ForConditionalGeneration(
            t.T5Config(
                vocab_size=vocab,
                d_model=32,
                d_kv=8,
                d_ff=48,
                num_layers=2,
                num_heads=4,
                pad_token_id=0,
                eos_token_id=1,
                decoder_start_token_id=0,
                initializer_factor=2.0,
            )
        ).eval()
    size: dict[str, Any] = {
        "vocab_size": vocab,
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_ffn_dim": 48,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "bos_token_id": 4,
        "init_std": 0.3,
        "forced_eos_token_id": None,
    }
    if kind == "bart":
        bart = t.BartForConditionalGeneration(t.BartConfig(**size, decoder_start_token_id=1)).eval()
        bart.generation_config.forced_bos_token_id = 4
        return bart
    marian = t.MarianMTModel(t.MarianConfig(**size, decoder_start_token_id=0)).eval()
    marian.generation_config.bad_words_ids = [[0]]
    return marian


def saved(model: Any, folder: Any, tokenizer: Any = None) -> Any:
    """The model and its tokenizer (that of words) in a folder, as anybody would save them."""
    model.save_pretrained(folder)
    (tokenizer or word_tokenizer()).save_pretrained(folder)
    return folder
