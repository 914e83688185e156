"""`harness samples`: the question is seen whatever stands before it, gold is text, and one sample is shown in full."""

import json
from pathlib import Path

import pytest
from tiny import byte_tokenizer, causal

import harness
from harness.cli.main import main
from harness.store.queries.questions import common, gold_of, question


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> str:
    store = str(tmp_path_factory.mktemp("samples") / "s")
    harness.evaluate("scripted:opposite", "demo/sentiment", shots=3, store=store, tags=("shots",))
    harness.evaluate("scripted:fail-every-3", "demo/qa", limit=6, store=store, tags=("qa",))
    return store


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["samples", *words])
    told = capsys.readouterr()
    return int(stop.value.code or 0), told.out, told.err


def test_the_question_is_seen_behind_few_shot_examples(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "shots", "demo/sentiment", "--store", place, "--limit", "40")
    frame = harness.open_store(place).samples("shots", "demo/sentiment")
    assert code == 0 and out.count("  question  … Review:") >= 36  # but for the three that are examples themselves
    for text in (row["text"] for row in frame["fields"]):
        assert f"{text} Sentiment:" in out
    assert "  gold      negative\n" in out and "  answer    positive\n" in out
    assert "\x1b" not in out and "40 samples; one in full: --full ID" in out


def test_one_sample_in_full(place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("shots", "demo/sentiment", "--store", place, "--full", "001")
    code, out, _ = run(capsys, *words, "--json", str(tmp_path / "one.json"))
    (row,) = json.loads((tmp_path / "one.json").read_text())
    assert code == 0 and out.startswith("001  wrong\n--- prompt\n") and row["prompt"] in out
    assert "negative: " in out and "<- answer" in out and "positive: " in out and "<- gold" in out
    code, _, err = run(capsys, *words[:-1], "no\x1bbody")
    assert code == 2 and "has no example" in err and "\x1b" not in err
    code, _, err = run(capsys, *words, "--where", "correct = true")
    assert code == 2 and "--full shows one sample" in err


def test_failed_answers_say_why_and_columns_make_a_table(place: str, capsys: pytest.CaptureFixture[str]) -> None:
    where = ("--where", "failure_kind is not null")
    _, out, _ = run(capsys, "qa", "demo/qa", "--store", place, *where)
    assert out.count("  failed: scripted") == 2 and out.count("\n  failed    ") == 2 and "  gold      " in out
    _, out, _ = run(capsys, "qa", "demo/qa", "--store", place, "--columns", "example_id,target")
    assert "example_id" in out and "6 samples" in out and "question  " not in out
    code, out, _ = run(capsys, "qa", "demo/qa", "--store", place, "--where", "correct is null and correct = true")
    assert code == 0 and out == "no samples match\n"


def test_columns_are_known_before_anything_is_written(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.json"
    words = ("qa", "demo/qa", "--store", place, "--json", str(page), "--columns")
    code, out, err = run(capsys, *words, "target,nonsense")
    assert code == 2 and not out and not page.exists()
    assert len(err.splitlines()) == 1 and "no column nonsense; columns: row, task, example_id" in err
    code, out, _ = run(capsys, *words, "target,example_id,target")
    assert code == 0 and out.splitlines()[1].strip("┃ ").split() == ["target", "┃", "example_id"]
    assert "prediction" in json.loads(page.read_text())[0]


@pytest.mark.parametrize(
    ("target", "asked", "fields", "gold"),
    [
        (1, [["a", " b"]], {}, "b"),
        (1, [], {"choices": ["x", "y"]}, "y"),
        (0, [["a", "b"], ["a", "b"]], {}, "a"),
        (1, [["a", "b"], ["c", "d"]], {}, "1"),
        ([0, 2], [["a", "b", "c"]], {}, "a, c"),
        (["six", "6"], [None], {}, "six"),
        (7, [["a", "b"]], {}, "7"),
        (True, [["a", "b"]], {}, "True"),
        (None, [["a", "b"]], {}, ""),
        ([], [["a", "b"]], {}, ""),
    ],
)
def test_gold_is_text(target: object, asked: list[object], fields: dict[str, object], gold: str) -> None:
    requests = [{"choices": choices} for choices in asked]
    assert gold_of({"target": target, "requests": requests, "fields": fields}) == gold


def test_what_most_prompts_begin_with_is_left_out_and_the_rest_cut_in_the_middle() -> None:
    prompts = {f"Q: a\nA: b\n\nQ: {name}\nA:" for name in ("one", "two", "three", "four")}
    assert common(prompts) == "Q: a\nA: b\n\n" == common(prompts | {"Q: other\nA:"})
    assert common({"alone\nA:"}) == "" == common(set()) == common({"x\ny", "z\ny"})
    assert question("Q: a\nA: b\n\nQ: one\nA:", "Q: a\nA: b\n\n", 50) == "… Q: one\nA:"
    long = question("begin " + "x" * 1_000 + " end?", "", 60)
    assert long.startswith("begin ") and long.endswith(" end?") and " … " in long and len(long) == 63


def test_a_chat_says_how_it_was_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, tokenizer = str(tmp_path / "s"), byte_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    model = causal("llama", len(tokenizer))
    asked = harness.evaluate((model, tokenizer), "demo/qa", limit=1, store=store, chat=True, system="Be brief.").run
    example = harness.open_store(store).samples(asked.id, "demo/qa")["example_id"][0]
    code, out, _ = run(capsys, "latest", "demo/qa", "--store", store, "--full", str(example))
    assert code == 0 and f"chat template {asked.fingerprint['chat_template'][:16]}; system message: Be brief.\n" in out
