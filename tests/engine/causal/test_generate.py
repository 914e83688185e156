"""Generation: together as alone, stop strings, sampling, shared prompts, and models that cannot share."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import causal, word_tokenizer

from harness.engine.budget import kept_bytes
from harness.engine.causal.choose import unusual_head
from harness.engine.causal.generation import page_batch, paged, slotted
from harness.engine.causal.generation.captured import Captured
from harness.engine.causal.generation.ending import Endings
from harness.engine.causal.generation.generate import Generator, generate
from harness.engine.causal.generation.grouping import ANSWER, Batching, Pending, PromptShard, grouped, plan
from harness.engine.causal.generation.paged import PagedGenerator
from harness.engine.causal.generation.slots import Slots
from harness.engine.causal.generation.slotted import SlottedGenerator
from harness.engine.causal.scoring.logits import Reader
from harness.engine.sampling import pick, stream
from harness.engine.special import cut
from harness.engine.tally import Tally
from harness.types import Generate, Generated

KINDS = ("llama", "gpt2", "qwen2", "mistral-window", "gemma2", "gpt-oss")
TOKENIZER = word_tokenizer()
ON_CPU = Batching(32, 1e-4)


def ask(tokens, count=12, **more):
    return tuple(tokens), Generate("", count, **more)


def reference(model, tokens, request):
    """The definition: the whole sequence through the model for every token, no cache."""
    ids, key = list(tokens), stream(request, tokens)
    made: list[int] = []
    while len(made) < request.max_tokens:
        with torch.inference_mode():
            token = pick(model(torch.tensor([ids + made])).logits[0, -1].float(), request, key, len(made))
        if token == TOKENIZER.eos_token_id:
            return Generated(cut(TOKENIZER.decode(made, skip_special_tokens=True), request.stop)[0], len(made), "end")
        made.append(token)
        text, found = cut(TOKENIZER.decode(made, skip_special_tokens=True), request.stop)
        if found:
            return Generated(text, len(made), "stop")
    return Generated(TOKENIZER.decode(made, skip_special_tokens=True), len(made), "length")


def generator_of(model, **more):
    return Generator(model, TOKENIZER, whole=unusual_head(model), **more)


@pytest.mark.parametrize("rows,piece,memory", [(1, 64, 10_000), (6, 1000, 10_000), (5, 64, 512), (16, 50, 400)])
def test_pages_equal_the_definition(model, monkeypatch, rows, piece, memory):
    """What runs on a GPU, with a host that is a step behind; with little memory rows step back and come again."""
    monkeypatch.setattr(paged, "memory_for_pages", lambda model: memory)
    generator = paged_of(model, rows=rows, piece=piece)
    generator.lag = 1
    asked = some_requests(rows, 9)
    made = {}
    for shard in plan([(i, *one) for i, one in enumerate(asked)], ON_CPU):
        made |= {position: answer for row, answer in generator.together(shard) for position in row.positions}
        batch = generator._batch
        assert batch is None or batch.pages.free == batch.pages.count - 1, "a page was lost"
    assert [made[i] for i in range(len(asked))] == [reference(model, *one) for one in asked]


def paged_of(model, **more):
    return PagedGenerator(Reader(model, unusual_head(model)), {}, Endings(model, TOKENIZER), Tally(), **more)


def shard_of(*asked):
    return PromptShard((), tuple(Pending((i,), *one) for i, one in enumerate(asked)))


def test_a_kept_prompt_gives_way_to_a_row_that_grows(monkeypatch):
    """The last prompt's pages are kept for the next row that asks the same, but not when a lone answer needs them."""
    model = causal("llama", len(TOKENIZER))
    monkeypatch.setattr(paged, "memory_for_pages", lambda model: 7 * paged.PAGE)
    generator = paged_of(model, rows=2)
    long, short = ask((5 + (7 * i + 7) % 50 for i in range(14)), 250), tuple(5 + i % 40 for i in range(200))
    asked = [long, ask(short, 2), ask(short, 2, temperature=1.0)]
    made = {row.positions[0]: answer for row, answer in generator.together(shard_of(*asked))}
    assert [made[i] for i in range(3)] == [reference(model, *one) for one in asked]
    assert made[0].tokens == 250


def test_an_error_leaves_no_rows_for_the_next_shard(monkeypatch):
    model = causal("llama", len(TOKENIZER))
    generator = paged_of(model)
    first, second = ask((5, 6, 7), 9), ask((8, 9), 4)
    with monkeypatch.context() as patch, pytest.raises(ValueError, match="hangs"):
        patch.setattr(page_batch, "later", lambda *_: (_ for _ in ()).throw(ValueError("the host hangs")))
        generator.together(shard_of(first, first))
    assert [answer for _, answer in generator.together(shard_of(second))] == [reference(model, *second)]


def test_steps_that_cannot_be_captured_are_run_as_they_are(monkeypatch):
    model = causal("llama", len(TOKENIZER))
    generator = paged_of(model)
    generator.graphs = True
    asked = [ask((5, 6, 7), 9), ask((8, 9), 4)]
    words = "operation not permitted when stream is capturing"
    monkeypatch.setattr(Captured, "_capture", lambda *_: (_ for _ in ()).throw(RuntimeError(words)))
    made = {row.positions[0]: answer for row, answer in generator.together(shard_of(*asked))}
    assert [made[0], made[1]] == [reference(model, *one) for one in asked]
    generator.forget()
    monkeypatch.setattr(Captured, "_capture", lambda *_: (_ for _ in ()).throw(torch.OutOfMemoryError))
    with pytest.raises(torch.OutOfMemoryError):
        generator.together(shard_of(*asked))


def answers(generator, asked):
    made = {}
    for batch in generate(generator, [(i, *one) for i, one in enumerate(asked)]):
        made |= dict(batch)
    return [made[i] for i in range(len(asked))]


def some_requests(seed, count=14):
    """Prompts with a long shared beginning, equal ones, unrelated ones, samples and stop strings."""
    draw = random.Random(seed)
    words = range(5, len(TOKENIZER) - 1)
    shots = tuple(draw.choices(words, k=300))
    asked = []
    for i in range(count):
        tail = tuple(draw.choices(words, k=draw.randint(1, 30)))
        tokens = draw.choice([shots + tail, tail, asked[-1][0] if asked else tail])
        asked.append(
            ask(
                tokens,
                draw.randint(1, 14),
                temperature=draw.choice([0.0, 0.0, 0.8, 2.0]),
                top_p=draw.choice([1.0, 0.7]),
                seed=i % 3,
                stop=draw.choice([(), ("w7 w",), (" w1", "w2 w2")]),
            )
        )
    return asked


@pytest.fixture(scope="module", params=KINDS)
def model(request):
    return causal(request.param, len(TOKENIZER))


def test_together_equals_the_definition(model):
    generator = generator_of(model, rows=4, piece=64)
    assert generator.alone == ""
    asked = some_requests(1)
    assert answers(generator, asked) == [reference(model, *one) for one in asked]


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.sampled_from([16, 50, 400]))
def test_room_order_and_neighbours_change_nothing(seed, rows, piece):
    model = causal("llama", len(TOKENIZER))
    asked = some_requests(seed)
    base = answers(generator_of(model), asked)
    mixed = random.Random(seed).sample(range(len(asked)), len(asked))
    other = answers(generator_of(model, rows=rows, piece=piece), [asked[i] for i in mixed])
    assert [other[mixed.index(i)] for i in range(len(asked))] == base
    assert answers(generator_of(model), asked[:5]) == base[:5]


def test_shared_prompts_are_computed_once():
    model = causal("llama", len(TOKENIZER))
    generator = generator_of(model, rows=4)
    shots = tuple(5 + i % 30 for i in range(300))
    asked = [ask((*shots, 6, 7, 8 + i), 3) for i in range(10)]
    asked += [ask(asked[0][0], 3, temperature=1.0, seed=i) for i in range(10)] + [ask(asked[0][0], 3)] * 5
    made = answers(generator, asked)
    answered = sum(one.tokens - (one.finish != "end") for one in made[:20])
    assert generator.tally.computed == 302 + 10 + answered
    assert generator.tally.asked == sum(len(tokens) for tokens, _ in asked) + sum(one.tokens for one in made)


def test_a_killed_run_computes_the_same_shards():
    model = causal("llama", len(TOKENIZER))
    asked = [(i, *one) for i, one in enumerate(some_requests(3, 40))]
    shards = plan(asked, Batching(32, 1e-4, size=8))
    assert sorted(position for shard in shards for position in shard.positions) == list(range(40))
    whole = list(generate(generator_of(model), asked))
    first = {position for position, _ in whole[0]}
    assert list(generate(generator_of(model), asked, first)) == whole[1:]


def test_stop_strings_cut_across_tokens():
    model = causal("llama", len(TOKENIZER))
    tokens = tuple(range(5, 15))
    [free] = answers(generator_of(model), [ask(tokens, 12)])
    assert free.tokens >= 4, "the test needs a model that goes on"
    words = free.text.split()
    stop = free.text[len(words[0]) - 1 : len(words[0]) + 3]  # the end of one token, a space, the beginning of the next
    [stopped] = answers(generator_of(model), [ask(tokens, 12, stop=("never", stop))])
    assert (stopped.text, stopped.finish) == (free.text.partition(stop)[0], "stop")
    assert stopped.tokens < free.tokens


def test_nothing_to_make():
    model = causal("llama", len(TOKENIZER))
    assert answers(generator_of(model), [ask((5, 6), 0)]) == [Generated("", 0, "length")]


@pytest.mark.parametrize("kind", ["mamba"])
def test_models_that_cannot_share_run_alone_and_right(kind):
    model = causal(kind, len(TOKENIZER))
    generator = generator_of(model)
    assert generator.alone and generator.aligned is not None and generator.aligned.rows > 1
    asked = some_requests(2, 5)
    assert answers(generator, asked) == [reference(model, *one) for one in asked]


def rows_of(prompts, count, samples=1):
    """Rows sorted by prompt, ``samples`` of each, that ask for ``count`` tokens."""
    draws = [Generate("", count, temperature=1.0, seed=seed) for seed in range(samples)]
    return [Pending((0,), prompt, draw) for prompt in sorted(prompts) for draw in draws]


def sizes_of(rows, batching=ON_CPU):
    groups = grouped(rows, batching)
    assert sorted(i for _, members in groups for i in members) == list(range(len(rows)))
    for prefix, members in groups:
        assert all(rows[i].tokens[: len(prefix)] == prefix and len(rows[i].tokens) > len(prefix) for i in members)
    return [(len(prefix), len(members)) for prefix, members in groups]


def test_groups_share_what_is_worth_it():
    a, b = tuple(range(100, 800)), tuple(range(1100, 1800))
    prompts = [*((*a, i) for i in range(9)), *((*b, i) for i in range(9)), (3, 4), (101, 5), (1150,)]
    assert sizes_of(rows_of(prompts, 4)) == [(700, 9), (700, 9), (0, 3)]
    large = Batching(32, 1e-5, size=64)  # 8 x 700 tokens are not read again, but 9 of 21 rows take steps of their own
    assert sizes_of(rows_of(prompts, ANSWER), large) == sizes_of(rows_of(prompts, 10_000), large) == [(0, 21)]


def test_a_few_shots_are_read_once_where_that_saves_more_than_steps_of_a_full_batch():
    few, many = ([(*range(f, f + 900), i) for f in range(0, 8000, 1000) for i in range(n)] for n in (8, 32))
    assert sizes_of(rows_of(many, 10_000)) == [(900, 32)] * 8
    assert sizes_of(rows_of(many, 10_000), Batching(256, 1e-5)) == [(900, 32)] * 8
    assert sizes_of(rows_of(few, 10_000), Batching(256, 1e-5)) == [(0, 64)]
    assert sizes_of(rows_of(few, 8), Batching(256, 1e-5)) == [(900, 8)] * 8


def test_a_group_stays_where_its_rows_would_not_fit_beside_others() -> None:
    long = [tuple(range(first, first + 4000)) for first in range(0, 80_000, 8000)]
    apart = rows_of(long, 256, samples=8)
    assert sizes_of(apart, Batching(32, 8e-6)) == [(0, 80)]
    assert sizes_of(apart, Batching(32, 8e-6, room=16_384)) == [(3999, 8)] * 10  # three rows with all their keys


def test_a_group_as_large_as_a_shard_stays() -> None:
    tasks = [(*range(first, first + 400), i) for first in (0, 1000) for i in range(16)]
    assert sizes_of(rows_of(tasks, 256), Batching(32, 1e-5)) == [(400, 16)] * 2


@pytest.mark.parametrize("kind", ["mamba"])
def test_models_that_carry_states_keep_what_a_few_prompts_share(kind: str) -> None:
    batching = generator_of(causal(kind, len(TOKENIZER))).batching
    tasks = [(*range(first, first + 900), i) for first in range(0, 8000, 1000) for i in range(8)]
    assert sizes_of(rows_of(tasks, 256), batching) == [(900, 8)] * 8


def test_samples_of_many_prompts_go_together_unless_each_holds_a_long_prompt():
    """A prompt is read once for its samples wherever they stand; its keys are then each sample's own."""
    short, long = ([tuple(range(first, first + length)) for first in range(0, 80_000, 8000)] for length in (400, 4000))
    assert sizes_of(rows_of(short, 200, samples=8)) == [(0, 80)]
    assert sizes_of(rows_of(long, 200, samples=8)) == [(3999, 8)] * 10
    assert sizes_of(rows_of(short, 200, samples=32)) == [(399, 32)] * 10
    assert sizes_of(rows_of(long, 200, samples=8), Batching(256, 1e-5)) == [(0, 80)]


def test_equal_requests_are_one_row():
    asked = [(i, (1, 2, 3), Generate("", 4, temperature=1.0, seed=i % 2)) for i in range(6)]
    [shard] = plan(asked, ON_CPU)
    assert [row.positions for row in shard.rows] == [(0, 2, 4), (1, 3, 5)]


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (1, [1]),
        (16, [16]),
        (17, [8, 9]),
        (32, [16, 16]),
        (96, [48, 48]),
        (128, [32] * 4),
        (256, [64] * 4),
        (1319, [62] * 4 + [63] * 17),
    ],
)
def test_shards_of_one_group_are_equally_large_and_enough_for_a_second_worker(rows, sizes):
    shards = plan([(i, (*range(300), i), Generate("", 4)) for i in range(rows)], ON_CPU)
    assert sorted(len(shard.rows) for shard in shards) == sizes
    assert sorted(position for shard in shards for position in shard.positions) == list(range(rows))


@pytest.mark.parametrize(("each", "prompts", "sizes"), [(8, 13, [48, 56]), (7, 9, [28, 35]), (60, 1, [30, 30])])
def test_answers_to_one_prompt_stay_in_one_shard_where_they_can(each, prompts, sizes):
    draws = [Generate("", 4, temperature=1.0, seed=i) for i in range(each)]
    shards = plan([(each * i + n, (5, 6, i), draw) for i in range(prompts) for n, draw in enumerate(draws)], ON_CPU)
    assert sorted(len(shard.rows) for shard in shards) == sizes


def test_no_shard_is_empty_where_two_borders_meet_at_one_prompt():
    asked = [((5, 6, i), seed) for i, draws in enumerate((73, 73, 73, 73, 59)) for seed in range(draws)]
    shards = plan(
        [(n, tokens, Generate("", 4, temperature=1.0, seed=seed)) for n, (tokens, seed) in enumerate(asked)], ON_CPU
    )
    assert sorted(len(shard.rows) for shard in shards) == [59, 73, 73, 73, 73]


def slotted_of(model, **more):
    return SlottedGenerator(Reader(model, unusual_head(model)), Endings(model, TOKENIZER), Tally(), **more)


def spread_out(count, longest):
    """Rows whose answers may be long, some of which end soon."""
    return [ask((5 + i, 6, 7 + i % 3), longest if i % 2 else 3, temperature=1.5, seed=i) for i in range(count)]


@pytest.mark.parametrize("tokens", [10**9, 150, 60, 1])
@pytest.mark.parametrize("kind", ["llama", "mistral-window"])
def test_slots_grow_and_rows_step_back_where_they_do_not_fit(kind, tokens, monkeypatch):
    model = causal(kind, len(TOKENIZER))
    monkeypatch.setattr(slotted, "FIRST", 4)
    asked = spread_out(9, 40)
    small = slotted_of(model, rows=6, piece=16, memory=tokens * kept_bytes(model))
    made = {row.positions[0]: answer for row, answer in small.together(shard_of(*asked))}
    assert [made[i] for i in range(len(asked))] == [reference(model, *one) for one in asked]


def test_a_short_answer_does_not_reserve_a_long_ones_room(monkeypatch):
    model = causal("llama", len(TOKENIZER))
    lengths = []
    grow = Slots.grow
    monkeypatch.setattr(Slots, "grow", lambda slots, length: lengths.append(length) or grow(slots, length))
    monkeypatch.setattr(slotted, "FIRST", 8)
    generator = slotted_of(model, rows=8)
    soon = ask((5, 6, 7), 500, stop=(" ",))  # whose every token but the first holds one
    generator.together(shard_of(soon, soon))
    assert lengths == []
    long = ask((5, 6, 7), 60, temperature=3.0)
    ((_, answer),) = generator.together(shard_of(long))
    assert lengths == sorted(lengths) and (answer.tokens <= 9 or lengths[-1] <= 1.5 * (3 + answer.tokens))
