"""When an answer ends: every token is held against the definition, which decodes all of them each time."""

import random

import pytest
from tiny import causal

from harness.engine.causal.generation.ending import Draft, Endings
from harness.engine.special import cut
from harness.types import Generate

PIECES = ["▁a", "b", "ab", "▁", "▁b▁", "é", ".", "▁.\n", "Q:", "\n"]


def pieces_tokenizer(kind):
    """Tokens that are pieces of words or single bytes, with the decoder of SentencePiece models or of GPT-2's."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "</s>", "<unk>"]
    if kind == "sentencepiece":
        words = [*special, *PIECES, *(f"<0x{byte:02X}>" for byte in range(256))]
        strip = decoders.Strip(" ", 1, 0)
        normalizer, splitter = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None
        decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), strip])
    else:
        letters = sorted(pre_tokenizers.ByteLevel.alphabet())
        words = [*special, *letters, "ab", "Ġa", "Ċ" + "Ċ", "Q:"]
        normalizer, splitter = None, pre_tokenizers.ByteLevel(add_prefix_space=False)
        decoder = decoders.ByteLevel()
    vocabulary = {word: i for i, word in enumerate(words)}
    inner = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=kind == "sentencepiece"))
    if normalizer is not None:
        inner.normalizer = normalizer
    if splitter is not None:
        inner.pre_tokenizer = splitter
    inner.decoder = decoder
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


def ended(endings, tokens, request):
    made = Draft()
    answers = (endings.grow(made, token, request) for token in tokens)
    answer = next((one for one in answers if one is not None), None)
    return None if answer is None else (answer.text, answer.tokens, answer.finish)


def by_definition(tokenizer, tokens, request):
    for count in range(1, len(tokens) + 1):
        text, found = cut(tokenizer.decode(tokens[:count], skip_special_tokens=True), request.stop)
        if found or count == request.max_tokens:
            return text, count, "stop" if found else "length"
    return None


@pytest.mark.parametrize("kind", ["sentencepiece", "byte level"])
def test_any_tokens_end_as_by_definition(kind):
    tokenizer = pieces_tokenizer(kind)
    endings = Endings(causal("llama", len(tokenizer)), tokenizer)
    draw = random.Random(3)
    some = [*range(3, len(tokenizer))]
    texts = [list(char.encode()) for char in "ab\né€字🙂. Q:"]
    if kind == "sentencepiece":
        known = [[tokenizer.convert_tokens_to_ids(f"<0x{byte:02X}>") for byte in one] for one in texts]
        known += [[tokenizer.convert_tokens_to_ids(one)] for one in PIECES]
    else:
        known = [tokenizer.convert_tokens_to_ids([_letter(byte) for byte in one]) for one in texts]
        known += [[one] for one in some[-4:]]
    for _ in range(400):
        tokens: list[int] = []
        while len(tokens) < 40:
            tokens += draw.choice([*known, *known, [draw.choice(some)], [0] * draw.choice([1, 30])])
        tokens = tokens[:40]
        stop = tuple(draw.sample(["\n", "ab", "a b", " ", ".", "\n\n", "Q:", "字", "é.", "b ", "a\n", "🙂a"], 2))
        request = Generate("", 40, stop=stop)
        assert ended(endings, tokens, request) == by_definition(tokenizer, tokens, request), (tokens, stop)


def _letter(byte):
    """GPT-2's letter for a byte: itself where it can be printed, else the next one from 256 on."""
    printed = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [one for one in range(256) if one not in printed]
    return chr(byte if byte in printed else 256 + others.index(byte))


def test_a_stop_string_behind_many_bytes_and_special_tokens():
    tokenizer = pieces_tokenizer("sentencepiece")
    endings = Endings(causal("llama", len(tokenizer)), tokenizer)
    of = tokenizer.convert_tokens_to_ids
    behind_bytes = [*(of(f"<0x{byte:02X}>") for byte in ("字" * 5 + "\n").encode()), of("▁a")]
    assert ended(endings, behind_bytes, Generate("", 99, stop=("\n",))) == ("字" * 5, 16, "stop")
    apart = [of("▁a"), *[0] * 30, of("b"), of("▁a")]
    assert ended(endings, apart, Generate("", 99, stop=("ab",))) == ("", 32, "stop")


def test_tokens_without_a_line_break_are_not_decoded_again_for_one(monkeypatch):
    tokenizer = pieces_tokenizer("byte level")
    endings = Endings(causal("llama", len(tokenizer)), tokenizer)
    assert endings._before
    tokens = tokenizer.convert_tokens_to_ids(list("abcab") * 40)
    texts = []
    monkeypatch.setattr(endings, "_text", lambda some: texts.append(some) or tokenizer.decode(some))
    made = Draft()
    assert all(endings.grow(made, token, Generate("", 999, stop=("\n",))) is None for token in tokens)
    assert len(texts) == 2 * 3, "once for each different token and what stands before it"
