"""Published scores of published outputs beside ours: every system of WMT22 and the answers of a GSM8K model.

    python benchmarks/published.py --data DIR

Each line is one `harness run replay:FILE --tasks TASK`. WMT22 publishes BLEU and chrF with reference A alone, with
reference B alone and with both; the task reads the reference that its dataset has, so for the rows of B and of both
(en-de) a folder is written, for the time of the run, whose rows hold those references. Exit code 1 if one differs.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.cli.main import main as harness

PAIRS = ("de-fr", "en-de")


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


def run(answers: Path, task: str, data: Path, store: Path) -> dict[str, float]:
    """The values of one run through the command line, by metric."""
    out = store / "out.json"
    words = ["run", f"replay:{answers}", "--tasks", task, "--shots", "0", "--data", str(data), "--quiet"]
    try:
        harness([*words, "--store", str(store / "store"), "--json", str(out)])
    except SystemExit as end:
        if end.code:
            raise
    return {e["metric"]: e["value"] for e in json.loads(out.read_text())["results"] if e["slice"] == "all"}


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
    """The published solutions of a fine-tuned model; their authors' flag `is_correct` gives the published share."""
    lines = (data / "predictions" / "gsm8k" / "6b_finetuning.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    asked = {
        json.loads(line)["question"].strip(): number
        for number, line in enumerate((data / "openai/gsm8k/main/test.jsonl").read_text(encoding="utf-8").splitlines())
    }
    file = scratch / "gsm8k.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for answer in answers:
            out.write(json.dumps({"id": str(asked[answer["question"].strip()]), "text": answer["solution"]}) + "\n")
    share = sum(answer["is_correct"] for answer in answers) / len(answers)
    row = Row("gsm8k", "6b_finetuning", "-", "strict-match", repr(share))
    yield row, run(file, "gsm8k", data, scratch)["strict-match"]


def main() -> None:
    """Print one line for every published number; exit with 1 if one differs in a digit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data.resolve()
    print("| task | system | references | metric | ours | published | equal |\n|---|---|---|---|---|---|---|")
    differ = 0
    with tempfile.TemporaryDirectory() as scratch:
        for one in (wmt22, gsm8k):
            for row, ours in one(data, Path(scratch)):
                equal = ours == float(row.published)
                differ += not equal
                cells = (row.task, row.system, row.references, row.metric, repr(ours), row.published)
                print("| " + " | ".join(cells) + f" | {'yes' if equal else 'NO'} |", flush=True)
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
