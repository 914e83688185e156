"""When an evaluation is due."""

import pytest

from harness.errors import UsageError
from harness.train.due import Clock, Every, Progress


def at(steps=0, epochs=0.0, tokens=0, seconds=0.0):
    return Progress(steps, epochs, tokens, seconds)


@pytest.mark.parametrize(
    ("every", "name", "amounts"),
    [
        (Every(steps=10), "steps", (9, 10, 12, 19, 20)),
        (Every(epochs=0.5), "epochs", (0.4, 0.5, 0.9, 0.99, 1.0)),
        (Every(tokens=100), "tokens", (99, 101, 110, 199, 250)),
        (Every(seconds=5), "seconds", (4.9, 5.0, 6.0, 9.9, 10.0)),
    ],
)
def test_it_is_due_once_a_period(every, name, amounts):
    clock, told = Clock(every, at()), []
    for amount in amounts:
        now = at(**{name: amount})
        told.append(clock.due(now))
        if told[-1]:
            clock.took(0.0, now)
    assert told == [False, True, False, False, True]


def test_a_training_that_goes_on_keeps_its_beat():
    clock = Clock(Every(steps=10), at(steps=25))
    assert next(step for step in range(26, 40) if clock.due(at(steps=step))) == 30


def test_evaluations_wait_until_their_share_of_the_time_allows_one():
    clock = Clock(Every(steps=1, share=0.25), at())
    assert clock.due(at(steps=1, seconds=1))  # nobody knows yet what one takes
    clock.took(10, at(steps=1, seconds=11))
    due = [second for second in range(12, 120) if clock.due(at(steps=second, seconds=second))]
    assert due[0] == 70  # 20 seconds of evaluations in 80


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of steps, epochs, tokens, seconds, not none"),
        ({"steps": 1, "seconds": 2.0}, "not steps, seconds"),
        ({"steps": 0}, "steps=0"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"steps": 1, "share": 0.0}, "share=0.0"),
    ],
)
def test_what_is_no_schedule(given, words):
    with pytest.raises(UsageError, match=words):
        Every(**given)
