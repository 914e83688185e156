"""What texts share is tokenised once, and no token differs from that of the text as a whole."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import framed_tokenizer, word_tokenizer
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from harness.engine.backend import Options
from harness.engine.causal.encode import Encoder
from harness.engine.causal.pieces import Pieces, alike
from harness.engine.seams import keeps_to_seams, seam, stays_within
from harness.engine.special import bare

SPACES = r"|\s+(?!\S)|\s+"
PATTERNS = {
    "contractions": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+" + SPACES,
    "any case": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    + SPACES,
    "upper and lower": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{M}]*[\p{Ll}\p{Lo}\p{M}]+(?i:'s|'t)?|\p{Lu}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+" + SPACES,
    "marks": r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+| ?[\p{P}\p{S}]+[\r\n]*"
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|\s*[\r\n]+" + SPACES,
}
ACROSS = {
    "several words": r"\p{L}+ \p{L}+|\s+",
    "all but a letter": r"[^a]+|\s+",
    "a space behind": r"\p{L}+ ?|\s+",
    "anything": r".+|\s+",
    "looking back": r"(?<=x) y|\s+",
    "looking ahead": r"\p{L}+(?= )|\s+",
    "an edge of a word": r"\bx|\s+",
    "the end": r"\p{L}+$|\s+",
    "nothing": r"\p{L}*|\s+",
    "one class and another": r"[\p{L}&&[^ ]]+|\s+",
}
TEXTS = 4 * [
    "the cat sat on the mat. it's 12 o'clock",
    "a  b\n\n c: (d) \u00e9t\u00e9 e\u0301  ",
    "x = [1, 23, 456]; y;\r\n\tz",
    "\u4e2d\u6587 \u5b57 the THE The",
    "tests, and tests ...\n\nA. it is so\nAnswer: A",
]
WORDS = st.sampled_from(
    [
        "the",
        "cat's",
        "12345",
        "so.",
        "...",
        "\u00e9t\u00e9",
        "e\u0301",
        "\u4e2d\u6587",
        "x=[1]",
        "A.",
        "(",
        "<s>",
        "\u2581",
    ]
)
GAPS = st.sampled_from([" ", " ", " ", "  ", "\n", "\n\n", " \n ", "\t", "", "\u00a0", "\u3000 "])
TEXT = st.lists(st.tuples(WORDS, GAPS), max_size=60).map(lambda parts: "".join(a + b for a, b in parts))


def trained(before: Any, model: str = "BPE", normalizer: Any = None) -> Any:
    """A tokenizer whose merges come from ``TEXTS``, with these pre-tokenizers."""
    inner = Tokenizer(models.BPE(unk_token="<unk>") if model == "BPE" else models.Unigram())
    inner.pre_tokenizer = before
    if normalizer is not None:
        inner.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made = {"special_tokens": ["<unk>", "<s>"], "show_progress": False, "initial_alphabet": alphabet, "vocab_size": 600}
    trainer = trainers.BpeTrainer(**made) if model == "BPE" else trainers.UnigramTrainer(**made, unk_token="<unk>")
    inner.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", unk_token="<unk>")


def parted(pattern: str, *others: Any) -> Any:
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([*others, split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


KINDS = {
    **{name: lambda pattern=pattern: trained(parted(pattern)) for name, pattern in PATTERNS.items()},
    "digits first": lambda: trained(
        pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=True)])
    ),
    "composed": lambda: trained(
        parted(PATTERNS["any case"]), normalizer=normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    ),
    "bars": lambda: trained(pre_tokenizers.Metaspace(prepend_scheme="first"), model="Unigram"),
    "words": word_tokenizer,
    "framed": lambda: framed_tokenizer(("<s>",), ("</s>",)),
}


@pytest.fixture(scope="module", params=list(KINDS))
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return KINDS[request.param]()


@given(shared=TEXT, tails=st.lists(TEXT, min_size=1, max_size=6))
def test_shared_beginnings_change_no_token(tokenizer: Any, shared: str, tails: list[str]) -> None:
    texts = list(dict.fromkeys([shared, *(shared + tail for tail in tails), *tails]))
    encoder = Encoder(tokenizer, Options(), None)
    assert keeps_to_seams(tokenizer)
    found = encoder.texts(texts, prompts=False)
    assert [found[text].tolist() for text in texts] == bare(tokenizer, texts)


@pytest.mark.parametrize("across", list(ACROSS))
def test_a_pattern_that_may_go_on_across_a_space_is_read_whole(across: str) -> None:
    assert not stays_within(ACROSS[across])
    assert not keeps_to_seams(trained(parted(ACROSS[across])))


def test_a_tokenizer_that_is_not_proven_reads_every_text_whole() -> None:
    one = trained(pre_tokenizers.Digits(True))  # merges go across spaces
    texts = [TEXTS[4], TEXTS[4] + " B", "the mat. it's on the mat. " * 9]
    found = Encoder(one, Options(), None).texts(texts, prompts=False)
    assert not keeps_to_seams(one)
    assert [found[text].tolist() for text in texts] == bare(one, texts)


@pytest.mark.parametrize(
    "added",
    [AddedToken("end of", normalized=False), AddedToken("so", rstrip=True), AddedToken("the", single_word=True)],
    ids=["a space within", "takes the space behind", "depends on neighbours"],
)
def test_added_tokens_that_reach_beyond_themselves_leave_texts_whole(added: AddedToken) -> None:
    one = trained(parted(PATTERNS["any case"]))
    assert keeps_to_seams(one)
    one.add_tokens([added])
    assert not keeps_to_seams(one)


def test_a_tokenizer_without_a_token_for_the_unknown_still_opens() -> None:
    inner = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="none"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    one = PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="a")
    assert {k: v.tolist() for k, v in Encoder(one, Options(), None).texts(["a b"]).items()} == {"a b": [0, 1]}


def test_chance_and_normalizers_that_join_leave_texts_whole() -> None:
    one = trained(parted(PATTERNS["any case"]))
    one.backend_tokenizer.model.dropout = 0.5
    assert not keeps_to_seams(one)
    assert not keeps_to_seams(trained(parted(PATTERNS["any case"]), normalizer=normalizers.Replace(" ", "_")))
    assert not keeps_to_seams(trained(parted(r"\p{N}{1,3}")))  # which cuts at no space


def test_a_block_before_many_questions_is_tokenised_once() -> None:
    draw = random.Random(0)
    block = " ".join(f"word{draw.randrange(999)}" for _ in range(500))
    asked = [f"{block} question {' '.join(str(draw.random()) for _ in range(9))} is:" for _ in range(50)]
    texts = [text for one in asked for text in (one, *(one + choice for choice in (" A", " B", " C")))]
    pieces = Pieces(texts)
    assert sum(map(len, pieces.distinct)) < len(block) + 50 * 400 < sum(map(len, texts)) / 20
    draw.shuffle(texts)
    assert sorted(Pieces(texts).distinct) == sorted(pieces.distinct)


@given(TEXT, TEXT, TEXT)
def test_texts_are_alike_up_to_the_first_difference(shared: str, one: str, other: str) -> None:
    one, other = shared + one, shared + other
    count = alike(one, other)
    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]


def test_a_seam_is_a_space_behind_something_visible() -> None:
    text = "a  b\n c. d\u00e9 e"
    assert [seam(text, end) for end in range(len(text) + 1)] == [0, 0, *[1] * 7, 8, 8, 8, 8, 8][: len(text) + 1]
    assert seam(" a", 2) == 0
