"""Task files of lm-evaluation-harness give the same requests, values and numbers on both sides of the bridge."""

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_hub import build

pytest.importorskip("lm_eval", reason="the package lm-eval is not installed")

import datasets
from lm_eval.api.task import ConfigurableTask
from lm_eval_bridge import Ours, compare

from harness import run as running
from harness.api import evaluate, rescore
from harness.bridges.lm_eval_tasks import index
from harness.bridges.lm_eval_tasks.family import FAMILIES, Obstacles, member
from harness.bridges.lm_eval_tasks.opened import opened, require_possible
from harness.bridges.lm_eval_tasks.requests import answer_of, requests_of
from harness.errors import DataError, UnknownName, Unsupported, UsageError
from harness.plugins import members
from harness.types import Generate, Generated, Likelihood, Scored, Settings, Task

FIRST = Settings(limit=4, limit_order="first")


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("hub"))


@pytest.mark.parametrize(
    ("name", "metrics"),
    [
        ("arc_easy", {"acc", "acc_norm"}),
        ("arc_challenge_chat", {"exact_match,remove_whitespace"}),
        ("winogrande", {"acc"}),
        ("lambada_openai", {"acc", "perplexity"}),
        ("wikitext", {"word_perplexity", "byte_perplexity", "bits_per_byte"}),
        ("gsm8k", {"exact_match,strict-match", "exact_match,flexible-extract"}),
        ("gsm8k_cot_self_consistency", {"exact_match,score-first", "exact_match,maj@8", "exact_match,maj@64"}),
        ("mmlu_anatomy", {"acc"}),
        ("cola", {"mcc"}),
        ("mrpc", {"acc", "f1"}),
        ("cb", {"acc", "f1"}),
        ("truthfulqa_mc2", {"acc"}),
    ],
)
def test_both_sides_are_equal(hub: Path, name: str, metrics: set[str]) -> None:
    one = compare(name, 8, hub)
    assert one.is_equal, one
    assert one.examples == 8 and one.numbers == len(metrics)
    [planned] = running.plan(FAMILIES(name), FIRST, hub)
    assert {metric.name for metric in planned.task.metrics} == metrics


def test_a_group_weighs_its_tasks_by_size(hub: Path) -> None:
    one = compare("xcopa", 100, hub)
    assert one.is_equal and one.numbers == 12, one
    sizes = [len(p.examples) for p in running.plan(FAMILIES("xcopa"), Settings(), hub)]
    assert len(set(sizes)) > 1


def test_few_shot_examples_that_were_asked_for(hub: Path) -> None:
    assert compare("arc_easy", 4, hub, shots=2).first == ""
    [planned] = running.plan(FAMILIES("arc_easy"), replace(FIRST, shots=2), hub)
    request = planned.requests[0][0]
    assert isinstance(request, Likelihood) and request.context.count("Question:") == 3
    assert planned.record.shots == 2 and planned.record.shots_source == "the task's own"


def test_a_difference_is_seen(hub: Path) -> None:
    one = compare("arc_easy", 8, hub, ours=Ours(failing=5))
    assert not one.is_equal and one.values < one.examples


# -------------------------------------------------------------------------------------------------- failures, draws
def made_up(judge: Callable[[dict[str, str], list[str]], dict[str, float]]) -> Task:
    """A task of three documents with a judge of the test's."""
    rows = [{"q": f"q{n}", "a": str(n)} for n in range(3)]
    config = {
        "task": "made_up",
        "custom_dataset": lambda **ignored: {"test": datasets.Dataset.from_list(rows)},
        "output_type": "generate_until",
        "test_split": "test",
        "doc_to_text": "{{q}}",
        "doc_to_target": "{{a}}",
        "process_results": judge,
        "metric_list": [{"metric": "score", "aggregation": "mean", "higher_is_better": True}],
        "generation_kwargs": {"until": ["\n"], "do_sample": False},
    }
    return opened("made_up", ConfigurableTask(config=config), 0, ())


def test_what_the_package_cannot_judge_has_failed() -> None:
    def judge(doc, results):
        if doc["q"] == "q1" and results == ["x"]:
            raise ZeroDivisionError("no such answer")
        return {"score": float("nan") if doc["q"] == "q2" and results == ["x"] else 1.0}

    [planned] = running.plan([made_up(judge)], Settings(), None)
    [number] = running.finish([planned], [Generated("x", 1, "end")] * 3).estimates
    assert (number.value, number.n, number.failed) == (1.0, 1, 2)
    outcomes = running.finish([planned], [Generated("x", 1, "end")] * 3).outcomes[planned.task.name]
    assert outcomes[1].failure and "ZeroDivisionError: no such answer" in outcomes[1].failure.message


def test_a_failed_answer_moves_no_value(hub: Path) -> None:
    planned = running.plan(FAMILIES("arc_easy"), Settings(), hub)
    asked = running.questions(planned)
    [whole], [part] = Ours().answer(asked), Ours(failing=16).answer(asked)
    full, some = (running.finish(planned, [r for _, r in batch]) for batch in (whole, part))
    [name] = full.outcomes
    left = {o.example.id for o in some.outcomes[name] if o.failure}
    assert left and some.estimates[0].failed == len(left) and some.estimates[0].n == full.estimates[0].n - len(left)
    kept = [o.judged for o in full.outcomes[name] if o.example.id not in left]
    assert kept == [o.judged for o in some.outcomes[name] if not o.failure]


def test_drawn_answers_have_seeds_of_their_own(hub: Path) -> None:
    [planned] = running.plan(FAMILIES("gsm8k_cot_self_consistency"), replace(FIRST, seed=7), hub)
    drawn = [r for r in planned.requests[0] if isinstance(r, Generate)]
    assert len(drawn) == 64 and [r.seed for r in drawn] == list(range(7, 71)) and drawn[0].temperature > 0


# ------------------------------------------------------------------------------------------- nothing depends on limits
def test_what_a_document_is_shown_depends_on_no_limit(hub: Path) -> None:
    def prompts(settings: Settings) -> dict[str, object]:
        [planned] = running.plan(FAMILIES("gsm8k"), settings, hub)
        return {e.id: r for e, r in zip(planned.examples, planned.requests, strict=True)}

    whole = prompts(Settings())
    for settings in (FIRST, Settings(limit=3), Settings(limit=3, seed=0)):
        some = prompts(settings)
        assert some and some.items() <= whole.items()
    assert prompts(replace(FIRST, seed=3))["0"] != whole["0"]


def test_random_numbers_of_the_process_go_on(hub: Path) -> None:
    random.seed(5)
    expected = random.Random(5).random()
    running.plan(FAMILIES("gsm8k"), FIRST, hub)
    assert random.random() == expected


def test_no_other_split_takes_the_place_of_one_that_is_missing(hub: Path, tmp_path: Path) -> None:
    place = tmp_path / "openai" / "gsm8k" / "main"
    place.mkdir(parents=True)
    (place / "test.jsonl").write_text((hub / "openai/gsm8k/main/test.jsonl").read_text())
    with pytest.raises(DataError, match="no documents available for sampling"):
        running.plan(FAMILIES("gsm8k"), FIRST, tmp_path)
    (place / "test.jsonl").rename(place / "train.jsonl")
    with pytest.raises(DataError, match="lm-eval:gsm8k cannot be read.*lacks openai/gsm8k/main/test"):
        running.plan(FAMILIES("gsm8k"), FIRST, tmp_path)


# ------------------------------------------------------------------------------------------------------ lists, refusals
def test_the_list_says_what_can_run_and_why_not(hub: Path) -> None:
    table, obstacles = index.entries(), Obstacles(hub)
    assert len(table) > 14_000

    def why(name: str) -> str:
        return member(table, table[name], obstacles).why

    assert why("arc_easy") == "" == why("xcopa")
    assert why("piqa") == "data: baber/piqa/default/validation is neither in the folder of data nor in the Hub's cache"
    assert why("humaneval").startswith("unsafe code")
    assert why("mmmu_val_art").startswith("image")
    assert why("20_newsgroups").startswith(("missing package: unitxt", "data: its own Python"))
    assert "math_verify" in table["minerva_math500"].needs  # it tries to import this, and raises where it cannot
    assert "of 57 tasks: data: cais/mmlu/abstract_algebra/test" in why("mmlu")
    listed = members("lm-eval:arc_e*", hub)
    assert listed and {m.task: m.runs for m in listed}["lm-eval:arc_easy"]
    with pytest.raises(UnknownName, match="lm-eval:arc_esy"):
        members("lm-eval:arc_esy", hub)


def test_the_index_is_read_from_its_file(tmp_path: Path) -> None:
    first = index.entries(tmp_path)
    [file] = tmp_path.iterdir()
    assert index.entries(tmp_path) == first
    file.write_text("[[1]]")
    assert index.entries(tmp_path) == first


def test_unsafe_code_and_pictures_are_refused() -> None:
    class Unsafe:
        UNSAFE_CODE = True

    class Pictures:
        MULTIMODAL = True

    for kind, words in ((Unsafe(), "code that the model wrote"), (Pictures(), "pictures")):
        with pytest.raises(Unsupported, match=words):
            require_possible("x", kind)


def test_variants_are_refused(hub: Path) -> None:
    with pytest.raises(Unsupported, match="its own prompts"):
        running.plan(FAMILIES("arc_easy"), replace(FIRST, perturb=("typos",)), hub)


def test_a_run_is_stored_and_its_answers_are_not_judged_without_data(hub: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    result = evaluate(Ours(), FAMILIES("xcopa"), limit=6, data=hub, store=store)
    average = next(e for e in result.estimates if e.task == "lm-eval:xcopa")
    assert average.metric == "average" and average.n == 66 and average.low is not None
    assert average.low < average.value < average.high  # type: ignore[operator]
    with pytest.raises(UsageError, match="judged by another package"):
        rescore(result.run.id, store=store)


def test_a_likelihood_without_a_context_is_one() -> None:
    assert requests_of("loglikelihood", ("", " x")) == (Likelihood(" x"),)
    assert answer_of(Scored(-1.0, 1, 2, True), "loglikelihood") == (-1.0, True)
    with pytest.raises(Unsupported, match="num_beams = 4"):
        requests_of("generate_until", ("p", {"until": ["x"], "num_beams": 4}))
    with pytest.raises(Unsupported, match="top_k = 3"):
        requests_of("generate_until", ("p", {"until": "x", "do_sample": True, "top_k": 3}))
    [greedy] = requests_of("generate_until", ("p", {"until": "x", "do_sample": False, "top_p": 0.5}), repeats=3)
    assert greedy == Generate("p", 256, ("x",))
