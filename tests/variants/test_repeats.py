"""Several answers to each example: what they say together, and that none depends on how many others are drawn."""

import math
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from tiny import causal, word_tokenizer

from harness import evaluate
from harness.engine.backend import Batch, Options
from harness.engine.causal.backend import Causal
from harness.engine.memory import checkpoint_in_memory
from harness.errors import Unsupported, UsageError
from harness.kinds import About, Data, Decoding, generation, multiple_choice
from harness.metrics.attacks import hit_at
from harness.metrics.classify import UNIT, mean, proportion
from harness.metrics.measures import BLEU, SQUAD_EM, Measure
from harness.metrics.sampled import Sampling, judged_together
from harness.run import judge_one, summarise
from harness.store import open_store
from harness.types import (
    Card,
    Dataset,
    Failed,
    Generate,
    Generated,
    Judged,
    ModelInfo,
    Question,
    Response,
    Settings,
)  # fmt: skip
from harness.variants import varied
from harness_tasks.ifeval import IFEVAL

ABOUT = About(version=1, card=Card(measures="m", limits="l", source="s", licence="x"))
ROWS = [{"q": f"w{i}", "a": "yes", "options": ["x", "y"], "gold": 0} for i in range(4)]
DATA = Data(Dataset("rows", rows=ROWS))
HOT = Decoding(12, temperature=1.0)
WRITING = generation("writing", data=DATA, prompt="{q}", target="a", decoding=HOT, measures=(SQUAD_EM,), about=ABOUT)
FOUR = Settings(repeats=4)
SAID = {"0": "yes yes yes yes", "1": "no no yes yes", "2": "yes no no no", "3": "no maybe no yes"}


class Script:
    """Says the words of SAID, one for each sample; ``broken`` names an example whose last sample gets no answer."""

    info = ModelInfo("script", {}, frozenset({Generate}))

    def __init__(self, broken: str = "") -> None:
        self.broken = broken

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, self._one(question)) for i, question in enumerate(questions)]

    def _one(self, question: Question) -> Response:
        if question.example == self.broken and question.part == 3:
            return Failed("scripted", "gone")
        return Generated(SAID[question.example].split()[question.part], 1, "end")

    def stats(self) -> dict[str, float | str]:
        return {}


def test_what_four_answers_say_together(tmp_path: Path) -> None:
    result = evaluate(Script(), [WRITING], FOUR, store=str(tmp_path / "s"))
    numbers = {e.metric: e for e in result.estimates if e.slice == "all"}
    by_hand = {
        "exact_match": (1 + 2 / 4 + 1 / 4 + 1 / 4) / 4,
        "pass@1": (1 + 2 / 4 + 1 / 4 + 1 / 4) / 4,
        "pass@3": (1 + 1 + 3 / 4 + 3 / 4) / 4,
        "pass@4": 1.0,
        "maj@4": (1 + 1 / 2 + 0 + 0) / 4,
        "exact_match_sd": (0 + math.sqrt(1 / 3) + 0.5 + 0.5) / 4,
    }
    assert {name: numbers[name].value for name in by_hand} == pytest.approx(by_hand)
    assert {(e.n, e.clusters, e.failed) for e in numbers.values()} == {(4, 4, 0)}
    outcomes = list(open_store(str(tmp_path / "s")).outcomes(result.run.id, "writing"))
    assert [o.judged.prediction for o in outcomes if o.judged] == ["yes", "no", "no", "no"]
    task = varied(WRITING, FOUR)
    again = summarise(task, [judge_one(task, o.example, o.requests, o.responses) for o in outcomes])
    assert {e.metric: e.value for e in again if e.slice == "all"} == {name: e.value for name, e in numbers.items()}


def test_the_best_of_four_answers_by_a_metric_of_the_task(tmp_path: Path) -> None:
    lengths = Measure(mean("length", bounds=(0, 9)), lambda example, answer: len(answer))
    long = Measure(mean("brevity", bounds=(0, 9), better="lower"), lambda example, answer: float(len(answer)))
    task = generation(
        "writing", data=DATA, prompt="{q}", target="a", decoding=HOT, measures=(SQUAD_EM, lengths, long), about=ABOUT
    )
    told = {}
    for name in ("length", "brevity", "exact_match"):
        result = evaluate(Script(), [task], Settings(repeats=4, best_of=name), store=str(tmp_path / name))
        told[name] = {e.metric: (e.value, e.n, e.clusters) for e in result.estimates if e.slice == "all"}
        assert told[name]["pass@4"] == (1.0, 4, 4)
    assert told["length"]["exact_match_best@4"] == (3 / 4, 4, 4), "maybe is longer than yes, and wrong"
    assert told["length"]["length_best@4"] == ((3 + 3 + 3 + 5) / 4, 4, 4)
    assert told["brevity"]["exact_match_best@4"] == (1 / 4, 4, 4) and told["brevity"]["brevity_best@4"][0] == 9 / 4
    assert told["exact_match"]["exact_match_best@4"] == (1.0, 4, 4), "as often as any of the four is right"
    outcomes = list(open_store(str(tmp_path / "length")).outcomes("latest", "writing"))
    assert len(outcomes) == 4


def test_an_answer_that_cannot_be_ranked_is_not_the_best() -> None:
    metrics = [SQUAD_EM.metric, mean("judge", bounds=UNIT)]
    tied = Judged("a", {"exact_match": 1.0}, True, {"judge": "tied"})
    won = Judged("b", {"exact_match": 0.0, "judge": 0.5}, False)
    sampling = Sampling(2, votes=False, best_of="judge")
    judged = judged_together(metrics, [tied, won], sampling)
    assert judged.prediction == "b" and judged.values["exact_match_best@2"] == 0.0
    assert judged.failed == {"judge": "tied"}, "the mean of the judge's rulings lacks one, the best does not"
    nobody = judged_together(metrics, [tied, tied], sampling)
    assert nobody.prediction == "a" and {"judge_best@2", "exact_match_best@2"} <= nobody.failed.keys()


def test_a_metric_that_ranks_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="best_of = 'bleu' ranks no answers of writing; valid: exact_match"):
        varied(WRITING, Settings(repeats=4, best_of="bleu"))
    with pytest.raises(UsageError, match=r"best_of = 'exact_match' chooses among several answers"):
        Settings(best_of="exact_match")


def test_verdicts_do_not_vote() -> None:
    instructions = varied(IFEVAL, Settings(repeats=4, temperature=1.0))
    names = {metric.name for metric in instructions.metrics}
    assert "pass@4" in names and "maj@4" not in names
    verdicts = [Judged("passed", {"pass@1": 1.0}, True), *[Judged("failed: x", {"pass@1": 0.0}, False)] * 3]
    judged = judged_together([proportion("pass@1")], verdicts, Sampling(4, votes=False))
    assert judged.values["pass@4"] == 1.0 and "maj@4" not in judged.values and judged.correct is True


def test_the_majority_is_right_whatever_the_order_of_equal_predictions() -> None:
    right, wrong = (Judged("18", {"exact_match": float(one)}, one) for one in (True, False))
    for answers in ([wrong, right, right], [right, wrong, right], [right, right, wrong]):
        judged = judged_together([proportion("exact_match")], answers, Sampling(3))
        assert judged.values["maj@3"] == pytest.approx(2 / 3)


def test_a_sample_that_failed_fails_its_example(tmp_path: Path) -> None:
    result = evaluate(Script("2"), [WRITING], FOUR, store=str(tmp_path / "s"))
    numbers = {e.metric: e for e in result.estimates if e.slice == "all"}
    assert {(e.n, e.failed) for e in numbers.values()} == {(3, 1)}
    assert numbers["pass@3"].value == pytest.approx((1 + 1 + 3 / 4) / 3)


@pytest.mark.parametrize("rights", [(True, False, False, True, False), (False,) * 5, (True,) * 5])
def test_pass_at_k_is_the_share_of_all_draws_of_k_answers_that_hold_a_right_one(rights: tuple[bool, ...]) -> None:
    answers = [Judged(str(right), {"exact_match": float(right)}, right) for right in rights]
    values = judged_together([SQUAD_EM.metric], answers).values
    for k in (1, 3, 5):
        draws = list(combinations(rights, k))
        assert values[f"pass@{k}"] == pytest.approx(sum(map(any, draws)) / len(draws))


def test_rows_of_statistics_are_averaged_so_that_a_corpus_metric_stays_what_it_is() -> None:
    answers = [Judged("a", {"bleu": (1.0, 2.0)}), Judged("b", {"bleu": (3.0, 6.0)})]
    judged = judged_together([BLEU.metric], answers)
    assert judged.values == {"bleu": (2.0, 4.0)} and judged.correct is None and judged.prediction == "a"


def test_samples_do_not_depend_on_each_other_and_share_their_prompt() -> None:
    tokenizer: Any = word_tokenizer()
    checkpoint = checkpoint_in_memory(causal("llama", len(tokenizer)), tokenizer, Options())
    drawn: dict[int, dict[str, list[Response]]] = {}
    computed = {}
    for repeats in (1, 3, 6):
        backend = Causal(checkpoint)
        questions = questions_of(repeats)
        answers = dict(pair for batch in backend.answer(questions) for pair in batch)
        drawn[repeats] = {
            id_: [answers[i] for i, q in enumerate(questions) if q.example == id_] for id_ in map(str, range(4))
        }
        computed[repeats] = backend.stats()["tokens_computed"]
    for id_, six in drawn[6].items():
        assert drawn[3][id_] == six[:3] and drawn[1][id_] == six[:1]
        assert len({one.text for one in six if isinstance(one, Generated)}) > 3
    read = {k: float(computed[k]) - sum(map(tokens_of, drawn[k].values())) for k in drawn}
    assert read[6] <= read[1] + 4, "prompts are read once"


def tokens_of(answers: Sequence[Response]) -> int:
    return sum(one.tokens for one in answers if isinstance(one, Generated))


def questions_of(repeats: int) -> list[Question]:
    task = varied(WRITING, Settings(repeats=repeats))
    examples = task.read([row | {"q": " ".join([row["q"]] * 30)} for row in ROWS], DATA.datasets[0])
    return [Question("t", e.id, part, r) for e in examples for part, r in enumerate(task.ask(e, ()))]


def test_what_cannot_be_drawn_several_times_is_refused_or_left_as_it_is() -> None:
    choosing = multiple_choice("choosing", data=DATA, prompt="{q}", choices="options", target="gold", about=ABOUT)
    assert varied(choosing, FOUR) is choosing and varied(WRITING, Settings()) is WRITING
    example = WRITING.read(ROWS, DATA.datasets[0])[0]
    with pytest.raises(UsageError, match="answered greedily"):
        varied(WRITING, replace(FOUR, temperature=0.0)).ask(example, ())
    both = replace(WRITING, requests=WRITING.requests | choosing.requests)
    with pytest.raises(Unsupported, match="does not only write"):
        varied(both, FOUR)
    attacked = replace(WRITING, metrics=(*WRITING.metrics, hit_at(1)))
    with pytest.raises(Unsupported, match=r"writing: hit@1 is no mean over answers"):
        varied(attacked, FOUR)
    assert varied(attacked, Settings(temperature=0.5)).metrics == attacked.metrics
    (request,) = varied(WRITING, Settings(max_tokens=7, temperature=0.5, top_p=0.9)).ask(example, ())
    assert isinstance(request, Generate)
    assert (request.max_tokens, request.temperature, request.top_p) == (7, 0.5, 0.9)


@pytest.mark.parametrize(
    "wrong", [{"repeats": 0}, {"max_tokens": 0}, {"temperature": -1.0}, {"temperature": math.inf}, {"top_p": 0.0}]
)
def test_draws_that_no_run_can_have_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(wrong))} = "):
        Settings(**wrong)


def test_every_metric_of_samples_has_a_best_and_a_worst() -> None:
    task = varied(WRITING, FOUR)
    example = task.read(ROWS, DATA.datasets[0])[0]
    best, worst = (task.judge(example, answers(example)) for answers in (task.best, task.worst))
    assert isinstance(best, Judged) and isinstance(worst, Judged)
    assert set(best.values) == {metric.name for metric in task.metrics}
    assert [best.values[name] for name in ("pass@1", "maj@4", "exact_match_sd")] == [1.0, 1.0, 0.0]
    assert [worst.values[name] for name in ("pass@4", "maj@4", "exact_match")] == [0.0, 0.0, 0.0]
