"""Special tokens are read exactly once: in prompts, choices, rolled texts and chats, with several tokenizers."""

from typing import Any

import pytest
from asking import asked
from tiny import framed_tokenizer

from harness.engine.backend import Options
from harness.engine.causal.encode import Encoded, Encoder, Prompt, encode
from harness.engine.chat import open_chat
from harness.errors import Unsupported, UsageError
from harness.types import Choose, Failed, Generate, Likelihood, Message, Request

ASKED = [Message("user", "w1 w2")]
HEADS = {
    "bos": (("<s>",), ()),
    "bos and eos": (("<s>",), ("</s>",)),
    "eos alone": ((), ("</s>",)),
    "two tokens": (("<mask>", "<s>"), ()),
    "none": ((), ()),
}


def read(tokenizer: Any, request: Request, options: Options | None = None, context: int | None = None) -> Encoded:
    return encode(asked([request]), Encoder(tokenizer, options or Options(), context))[0]


def split(tokenizer: Any, encoded: Encoded) -> list[tuple[str, str]]:
    """Of every span the words that are read and those that are predicted."""
    assert isinstance(encoded, tuple)

    def words(tokens: Any) -> str:
        return " ".join(tokenizer.convert_ids_to_tokens(tokens.tolist()))

    return [(words(span.tokens[: span.start]), words(span.tokens[span.start :])) for span in encoded]


@pytest.mark.parametrize("kind", list(HEADS))
def test_a_prompt_has_the_head_once_and_no_end(kind: str) -> None:
    head, tail = HEADS[kind]
    tokenizer = framed_tokenizer(head, tail)
    before = "".join(f"{token} " for token in head)
    choose = read(tokenizer, Choose("w1 w2", (" w3", " w4 w5")))
    assert split(tokenizer, choose) == [(before + "w1 w2", "w3"), (before + "w1 w2", "w4 w5")]
    assert split(tokenizer, read(tokenizer, Likelihood(" w3", "w1"))) == [(before + "w1", "w3")]
    prompt = read(tokenizer, Generate("w1 w2", 4))
    assert isinstance(prompt, Prompt)
    assert tokenizer.convert_ids_to_tokens(prompt.tokens.tolist()) == [*head, "w1", "w2"]


@pytest.mark.parametrize("kind", list(HEADS))
def test_a_text_without_context_follows_the_head_and_does_not_count_it(kind: str) -> None:
    head, tail = HEADS[kind]
    tokenizer = framed_tokenizer(head, tail)
    start = " ".join(head) or "<s>"
    assert split(tokenizer, read(tokenizer, Likelihood("w1 w2 w3"))) == [(start, "w1 w2 w3")]
    assert split(tokenizer, read(tokenizer, Likelihood(f"{start} w1"))) == [(start, "w1")]
    assert split(tokenizer, read(tokenizer, Choose("", ("w1", "w2 w3")))) == [(start, "w1"), (start, "w2 w3")]
    rolled = split(tokenizer, read(tokenizer, Likelihood("w1 w2 w3 w4 w5"), context=3))
    assert " ".join(predicted for _, predicted in rolled) == "w1 w2 w3 w4 w5"
    assert all(len(f"{seen} {predicted}".split()) <= 4 for seen, predicted in rolled)  # the last one is not read


def test_a_tokenizer_without_bos_starts_a_text_with_eos_and_one_without_either_fails_it() -> None:
    tokenizer = framed_tokenizer()
    tokenizer.bos_token = None
    assert split(tokenizer, read(tokenizer, Likelihood("w1"))) == [("</s>", "w1")]
    tokenizer.eos_token = None
    for request in (Likelihood("w1"), Choose("", ("w1", "w2")), Choose(" ", ("w1", "w2")), Generate("", 3)):
        failed = read(tokenizer, request)
        assert isinstance(failed, Failed) and failed.kind == "no-start"
    assert split(tokenizer, read(tokenizer, Choose("w1", (" w2", " w3")))) == [("w1", "w2"), ("w1", "w3")]


def test_a_sentencepiece_tokenizer_reads_its_prefix_space_as_ever() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["<s>", "</s>", "<unk>", "\u2581a", "\u2581red", "\u2581sky"]
    inner = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    encoded = read(tokenizer, Likelihood("a red sky"))
    assert split(tokenizer, encoded) == [("<s>", "\u2581a \u2581red \u2581sky")]


# --------------------------------------------------------------------------------------------------------------- chat
TURNS = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}w9{{ '\n' }}"
TEMPLATES = {
    "bos": "{{ bos_token }} " + TURNS,
    "newline, bos": "\n{{ bos_token }} " + TURNS,
    "w8, bos": "w8 {{ bos_token }} " + TURNS,
    "no bos": TURNS,
}


@pytest.mark.parametrize("system", [None, "w5"])
@pytest.mark.parametrize("kind", list(TEMPLATES))
def test_a_chat_has_bos_once_whoever_writes_it(kind: str, system: str | None) -> None:
    tokenizer = framed_tokenizer(("<s>",), ("</s>",))
    tokenizer.chat_template = TEMPLATES[kind]
    prompt = read(tokenizer, Generate("w1 w2", 4), Options(chat=True, system=system))
    assert isinstance(prompt, Prompt)
    tokens = tokenizer.convert_ids_to_tokens(prompt.tokens.tolist())
    assert tokens.count("<s>") == 1 and "</s>" not in tokens and tokens[-1] == "w9"
    choose = read(tokenizer, Choose("w1", (" w2", " w3")), Options(chat=True, system=system))
    assert [predicted for _, predicted in split(tokenizer, choose)] == ["w2", "w3"]
    assert all(seen.split().count("<s>") == 1 for seen, _ in split(tokenizer, choose))


def test_a_template_that_writes_bos_adds_it_to_a_tokenizer_that_does_not() -> None:
    tokenizer = framed_tokenizer()
    tokenizer.chat_template = TEMPLATES["bos"]
    prompt = read(tokenizer, Generate("w1", 4), Options(chat=True))
    assert isinstance(prompt, Prompt) and (prompt.tokens == tokenizer.bos_token_id).sum() == 1


LIST = (
    "{% for m in messages %}{% for p in m['content'] %}{% if p['type'] == 'text' %}{{ p['text'] }} {% endif %}"
    "{% endfor %}{% endfor %}w9"
)
MIXED = (
    "{% for m in messages %}{% if m['role'] == 'system' %}{{ m['content'] + ' ' }}"
    "{% else %}{{ m['content'][0]['text'] }} {% endif %}{% endfor %}w9"
)
STRICT = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must take turns') }}{% endif %}{{ m['content'] }} {% endfor %}w9"
)


@pytest.mark.parametrize("system", [None, "w5"])
@pytest.mark.parametrize("template", [LIST, MIXED])
def test_a_template_that_wants_parts_shows_the_question(template: str, system: str | None) -> None:
    tokenizer = framed_tokenizer()
    tokenizer.chat_template = template
    assert (
        open_chat(tokenizer, Options(chat=True, system=system)).render(ASKED)
        == (f"{system} " if system else "") + "w1 w2 w9"
    )


@pytest.mark.parametrize(
    ("template", "system", "words"),
    [
        ("{{ raise_exception('nobody talks') }}", "w5", "refuses the messages: nobody talks$"),
        ("{{ raise_exception('nobody talks') }}", None, "refuses the messages: nobody talks$"),
        ("w1 w2", None, "leaves out the question"),
        ("{{ messages[0]['content'][:3] }}", None, "leaves out the question"),
        ("{% for", None, "refuses the messages: unexpected"),
        ("{{ messages.__class__.__mro__ }}", None, "is unsafe"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_in_its_words(template: str, system: str | None, words: str) -> None:
    tokenizer = framed_tokenizer()
    tokenizer.chat_template = template
    with pytest.raises(UsageError, match=words):
        open_chat(tokenizer, Options(chat=True, system=system))


# -------------------------------------------------------------------------------------------------------------- tokens
def test_a_text_with_a_token_that_has_no_embedding_fails_alone() -> None:
    tokenizer = framed_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": ["<picture>"]})
    encoder = Encoder(tokenizer, Options(), None, rows=65)
    found = encode(asked([Choose("w1 <picture>", (" w2", " w3")), Choose("w1", (" w2", " w3"))]), encoder)
    assert isinstance(found[0], Failed) and "<picture>" in found[0].message
    assert split(tokenizer, found[1]) == [("w1", "w2"), ("w1", "w3")]


def test_a_text_that_the_tokenizer_cannot_encode_is_told() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="[UNK]"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    with pytest.raises(Unsupported, match="cannot encode a text"):
        read(tokenizer, Choose("c", ("a", "b")))
