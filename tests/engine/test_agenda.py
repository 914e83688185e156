"""What a backend plans: its batches are the questions, and any of them, in any order, has the same bits."""

import random

import pytest
from asking import asked
from tiny import WORDS, causal, encoder, saved, seq2seq

from harness.engine.backend import Options, agenda_of
from harness.engine.load import load
from harness.types import Choose, Generate, Likelihood


def text(draw, most=12):
    return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))


def scored(draw):
    prompt = " ".join(WORDS[:40]) + " " + text(draw)
    return Choose(prompt, (" " + text(draw, 3), " " + text(draw, 3)))


def generated(draw):
    return Generate(text(draw), draw.randint(1, 6))


def read(draw):
    return Likelihood(text(draw), text(draw))


KINDS = {
    "tree": ("llama", (scored, generated, read)),
    "carried": ("bloom", (scored, generated, read)),
    "masked": ("masked", (scored, read)),
    "seq2seq": ("t5", (scored, generated, read)),
    "classifier": ("classifier", (lambda draw: Choose("", ("LABEL_0", "LABEL_1", "LABEL_2"), (text(draw),)),)),
}


@pytest.fixture(scope="module", params=KINDS)
def planned(request, tmp_path_factory):
    kind, makers = KINDS[request.param]
    make = seq2seq if kind == "t5" else encoder if kind in ("masked", "classifier") else causal
    model = make(kind, 65)
    backend = load(str(saved(model, tmp_path_factory.mktemp(kind))), Options(token_budget=64))
    draw = random.Random(1)
    questions = asked([draw.choice(makers)(draw) for _ in range(60)] * 2)
    return backend, questions, agenda_of(backend, questions)


def by_positions(batches):
    return {tuple(sorted(i for i, _ in batch)): sorted(batch, key=lambda one: one[0]) for batch in batches}


def test_the_batches_are_those_that_are_computed(planned):
    backend, questions, agenda = planned
    whole = by_positions(backend.answer(questions))
    batches = agenda.batches()
    assert len(batches) > 3 and all(batch.cost > 0 for batch in batches if batch.group >= 0)
    assert {tuple(sorted(batch.positions)) for batch in batches} == set(whole)
    assert sorted(i for batch in batches for i in batch.positions) == list(range(len(questions)))


def test_each_batch_alone_and_in_any_order_has_the_same_bits(planned):
    backend, questions, agenda = planned
    whole = by_positions(backend.answer(questions))
    batches = list(agenda.batches())
    random.Random(2).shuffle(batches)
    for batch in batches:
        [alone] = agenda.answer(set(range(len(questions))) - set(batch.positions))
        own = tuple(sorted(batch.positions))
        assert by_positions([alone]) == {own: whole[own]}
