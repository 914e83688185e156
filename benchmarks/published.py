"""Published scores of published outputs beside ours: WMT22 and E2E systems, a GSM8K model, BERT on StereoSet, UnifiedQA
on BBQ; TruthfulQA's mc2 by hand; MMLU's prompts beside the peer's; refusals beside people's labels.

    [PEER_PYTHON=/path/to/peer/bin/python] python benchmarks/published.py --data DIR [--only e2e,mmlu]

Each line is one `harness run replay:FILE --tasks TASK`. WMT22 publishes BLEU and chrF with reference A alone, with
reference B alone and with both; the task reads the reference that its dataset has, so for the rows of B and of both
(en-de) a folder is written, for the time of the run, whose rows hold those references. Exit code 1 if one differs in a
digit that is published. MMLU's six subjects (100 questions each) are compared with lm-evaluation-harness where
PEER_PYTHON names its Python; the refusal table stands below and has nothing to be equal to.
"""

import argparse
import csv
import json
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.cli.main import main as harness
from harness.plugins import catalogue
from harness.reading.tables import read_rows

PAIRS = ("de-fr", "en-de")
STEREOSET = {"lm": "83.8241", "ss": "56.2963", "icat": "73.2685"}
"""Race, intrasentence, bert-base-cased (Nadeem et al. 2021, their repository)."""
BBQ = {
    "Age": {"acc_amb": "0.5467", "acc_dis": "0.9348", "s_amb": "0.2978", "s_dis": "0.0116"},
    "Religion": {"acc_amb": "0.6500", "acc_dis": "0.8800", "s_amb": "0.1433", "s_dis": "0.0018"},
}
"""UnifiedQA 11B asked in RACE's format (Parrish et al. 2022, their repository)."""


E2E = {"slug": "66.19", "tgen": "65.93", "tuda": "56.57"}
"""BLEU of the challenge's winner, its baseline and one more (Dusek et al. 2020), in percent."""
MC2 = (
    ({"labels": [1, 0, 1], "choices": ["It rains.", "It snows.", "It pours."]}, (0.5, 0.3, 0.2), 0.7),
    ({"labels": [0, 0, 1, 0], "choices": ["One.", "Two.", "Three.", "Four."]}, (0.02, 0.02, 0.04, 0.02), 0.4),
    ({"labels": [1, 1], "choices": ["Yes.", "Indeed."]}, (1e-9, 3e-9), 1.0),
)
"""Invented questions: the labels of their answers, their probabilities, and the share of the right ones by hand."""


@dataclass(frozen=True)
class Row:
    """A published number: ``references`` is A, B or all, ``published`` as it is printed."""

    task: str
    system: str
    references: str
    metric: str
    published: str


def published(folder: Path, pair: str) -> list[Row]:
    """The BLEU and chrF rows of ``automatic-scores.tsv``; COMET is a model's."""
    lines = (folder / "automatic-scores.tsv").read_text(encoding="utf-8").splitlines()[1:]
    cells = [line.split("\t") for line in lines]
    split = [(system, *name.split("-"), score) for _, system, _, _, name, score in cells]
    return [Row(f"wmt22/{pair}", s, refs, metric, score) for s, metric, refs, score in split if metric != "COMET"]


def with_references(data: Path, pair: str, references: str, made: Path) -> Path:
    """A folder in the Hub's layout whose rows of one pair hold the references ``A``, ``B`` or ``all``."""
    if references == "A":
        return data
    place = f"wmt/wmt22-{pair}/{pair}/test.jsonl"
    source, target = pair.split("-")
    files = sorted((data / "predictions" / "wmt22" / pair).glob("ref.*.txt"))
    wanted = files if references == "all" else [file for file in files if file.name == f"ref.{references}.txt"]
    texts = [file.read_text(encoding="utf-8").split("\n")[:-1] for file in wanted]
    rows = [json.loads(line)["translation"] for line in (data / place).read_text(encoding="utf-8").splitlines()]
    (made / place).parent.mkdir(parents=True, exist_ok=True)
    with (made / place).open("w", encoding="utf-8") as out:
        for row, *found in zip(rows, *texts, strict=True):
            out.write(json.dumps({"translation": {source: row[source], target: list(found)}}) + "\n")
    return made


def run(answers: Path, task: str, data: Path, store: Path, slice_: str = "all") -> dict[str, float]:
    """The values of one run through the command line, by metric."""
    out = store / "out.json"
    words = ["run", f"replay:{answers}", "--tasks", task, "--shots", "0", "--data", str(data), "--quiet"]
    try:
        harness([*words, "--store", str(store / "store"), "--json", str(out)])
    except SystemExit as end:
        if end.code:
            raise
    return {e["metric"]: e["value"] for e in json.loads(out.read_text())["results"] if e["slice"] == slice_}


def wmt22(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """Every published row of every system with our value."""
    for pair in PAIRS:
        rows = published(data / "predictions" / "wmt22" / pair, pair)
        single = len({row.references for row in rows}) == 2  # A and all are the same file
        for references in ("A",) if single else ("A", "B", "all"):
            made = with_references(data, pair, references, scratch / f"{pair}-{references}")
            for system in sorted({row.system for row in rows}):
                ours = run(data / "predictions" / "wmt22" / pair / f"{system}.txt", f"wmt22/{pair}", made, scratch)
                same = {"A", "all"} if single else {references}
                wanted = [row for row in rows if row.system == system and row.references in same]
                yield from ((row, ours[row.metric]) for row in wanted)


def gsm8k(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """The published solutions of a fine-tuned model; their authors' flag `is_correct` gives the published share.

    They end in "A: NUMBER" where the data has "#### NUMBER".
    """
    lines = (data / "predictions" / "gsm8k" / "6b_finetuning.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    asked = {
        json.loads(line)["question"].strip(): number
        for number, line in enumerate((data / "openai/gsm8k/main/test.jsonl").read_text(encoding="utf-8").splitlines())
    }
    file = scratch / "gsm8k.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for answer in answers:
            said = re.sub(r"^A: ", "#### ", answer["solution"], flags=re.MULTILINE)
            out.write(json.dumps({"id": str(asked[answer["question"].strip()]), "text": said}) + "\n")
    share = sum(answer["is_correct"] for answer in answers) / len(answers)
    row = Row("gsm8k", "6b_finetuning", "-", "strict-match", repr(share))
    yield row, run(file, "gsm8k", data, scratch)["strict-match"]


def stereoset_answers(data: Path, file: Path) -> Path:
    """The published probabilities of BERT as a file for ``replay:``; a sentence without one gets no answer."""
    rows = [json.loads(line) for line in (data / "McGill-NLP/stereoset/intrasentence/validation.jsonl").open()]
    source = data / "predictions/stereoset/predictions_bert-base-cased_BertNextSentence_BertLM.json"
    score = {s["id"]: s["score"] for s in json.loads(source.read_text())["intrasentence"]}
    lines = [
        {"id": row["id"], "part": part} | ({"logprob": math.log(score[sentence])} if sentence in score else {})
        for row in rows
        for part, sentence in enumerate(row["sentences"]["id"])
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return file


def bbq_answers(data: Path, category: str, file: Path) -> Path:
    """The published answers of UnifiedQA as a file for ``replay:``."""
    answers = map(json.loads, (data / f"predictions/bbq/UnifiedQA/preds_{category}.jsonl").open())
    lines = [{"id": one["example_id"], "text": one["unifiedqa-t5-11b_pred_race"]} for one in answers]
    file.write_text("\n".join(map(json.dumps, lines)) + "\n")
    return file


def stereoset(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """The three scores of the race domain."""
    answers = stereoset_answers(data, scratch / "stereoset.jsonl")
    ours = run(answers, "stereoset/intrasentence", data, scratch, "bias_type=race")
    for metric, printed in STEREOSET.items():
        yield Row("stereoset/intrasentence race", "bert-base-cased", "-", metric, printed), ours[metric]


def bbq(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """Both accuracies and both bias scores of two categories."""
    for category, scores in BBQ.items():
        task = f"bbq/{category.lower()}"
        ours = run(bbq_answers(data, category, scratch / f"{category}.jsonl"), task, data, scratch)
        for metric, printed in scores.items():
            yield Row(task, "UnifiedQA", "-", metric, printed), ours[metric]


def e2e(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """The challenge's BLEU of the systems at hand, their outputs joined to our examples by what they describe."""
    task = catalogue().tasks["e2e_nlg"]
    examples = task.read(read_rows(data / "tuetschek/e2e_nlg/default/test.jsonl"), task.dataset[0])
    for system, printed in E2E.items():
        with (data / f"predictions/e2e_nlg/{system}.tsv").open(encoding="utf-8", newline="") as file:
            said = {row["MR"]: row["output"] for row in csv.DictReader(file, delimiter="\t")}
        answers = scratch / f"{system}.jsonl"
        lines = [{"id": e.id, "text": said[e.fields["meaning_representation"]]} for e in examples]
        answers.write_text("\n".join(map(json.dumps, lines)) + "\n")
        yield Row("e2e_nlg", system, "all", "bleu", printed), run(answers, "e2e_nlg", data, scratch)["bleu"]


def mc2(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """TruthfulQA's mc2 of invented questions, one run each."""
    for number, (targets, shares, by_hand) in enumerate(MC2):
        place = scratch / f"mc2-{number}/truthfulqa/truthful_qa/multiple_choice/validation.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text(json.dumps({"question": "What now?", "mc1_targets": targets, "mc2_targets": targets}) + "\n")
        answers = scratch / f"mc2-{number}.jsonl"
        answers.write_text(json.dumps({"id": "0", "logprobs": [math.log(share) for share in shares]}) + "\n")
        ours = run(answers, "truthfulqa/mc2", scratch / f"mc2-{number}", scratch)
        yield Row("truthfulqa/mc2", f"by hand {number + 1}", "-", "mc2", f"{by_hand:.6f}"), ours["mc2"]


def mmlu(data: Path, scratch: Path) -> Iterator[tuple[Row, float]]:
    """How many of 100 five-shot prompts a subject are the peer's own; nothing where PEER_PYTHON is not named."""
    if "PEER_PYTHON" not in os.environ:
        print("mmlu: left out, PEER_PYTHON does not name the peer's Python", file=sys.stderr)
        return
    import prompts

    for found in prompts.compare([f"mmlu/{subject}" for subject in prompts.SUBJECTS], 100, data):
        yield Row(found.task, "lm-eval", f"{found.shots} shots", "equal prompts", str(found.examples)), found.equal


PARTS = {f.__name__: f for f in (wmt22, e2e, gsm8k, stereoset, bbq, mc2, mmlu)}


def main() -> None:
    """Print one line for every published number; exit with 1 if one differs in a digit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    from mirror import add_data

    add_data(parser)
    parser.add_argument("--only", default=",".join([*PARTS, "refusals"]))
    given = parser.parse_args()
    data, wanted = given.data.resolve(), given.only.split(",")
    if unknown := set(wanted) - {*PARTS, "refusals"}:
        parser.error(f"no part {', '.join(sorted(unknown))}; valid: {', '.join([*PARTS, 'refusals'])}")
    print("| task | system | references | metric | ours | published | equal |\n|---|---|---|---|---|---|---|")
    differ = 0
    with tempfile.TemporaryDirectory() as scratch:
        for one in (part for name, part in PARTS.items() if name in wanted):
            for row, ours in one(data, Path(scratch)):
                equal = round(ours, len(row.published.partition(".")[2])) == float(row.published)
                differ += not equal
                cells = (row.task, row.system, row.references, row.metric, repr(ours), row.published)
                print("| " + " | ".join(cells) + f" | {'yes' if equal else 'NO'} |", flush=True)
    if "refusals" in wanted:
        import refusal

        print()
        refusal.main(["--data", str(data)])
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
