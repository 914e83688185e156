"""The search for benchmarks in a corpus: recall, false alarms, speed and memory, on items planted in real text.

    python benchmarks/contamination.py [--data MIRROR] [--megabytes 100] [--seed 0]

400 items in each of three groups (whole, one word changed, three words changed) and 400 that are not there; the corpus
is WikiText again and again with the order of its paragraphs shuffled, so that its own text holds no item.
"""

import argparse
import json
import random
import resource
import tempfile
from pathlib import Path
from time import perf_counter, process_time

from mirror import add_data

from harness.contamination.check import contamination
from harness.contamination.items import BenchmarkText
from harness.contamination.rules import RULES

GROUPS = {"whole": 0, "one word changed": 1, "three words changed": 3}
COUNT = 400


def texts(mirror: Path) -> tuple[list[str], list[str]]:
    """Questions of GSM8K (of at least 20 words) and paragraphs of WikiText."""
    rows = [json.loads(line) for line in (mirror / "openai/gsm8k/main/test.jsonl").read_text().splitlines()]
    wiki = [
        json.loads(line)["text"]
        for file in sorted((mirror / "Salesforce/wikitext").rglob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    return [row["question"] for row in rows if len(row["question"].split()) >= 20], [t for t in wiki if t.strip()]


def changed(text: str, count: int, draw: random.Random) -> str:
    words = text.split()
    for place in draw.sample(range(len(words)), count):
        words[place] = draw.choice(["something", "nobody", "seldom", "perhaps", "Lisbon", "violet"])
    return " ".join(words)


def corpus(place: Path, paragraphs: list[str], planted: list[str], size: int, draw: random.Random) -> None:
    """``size`` bytes of paragraphs with the planted texts at random places."""
    at = sorted(draw.sample(range(size), len(planted)), reverse=True)
    waiting, written = list(planted), 0
    with place.open("w", encoding="utf-8") as file:
        while written < size:
            draw.shuffle(paragraphs)
            for paragraph in paragraphs:
                while at and at[-1] <= written:
                    at.pop()
                    file.write(f"{waiting.pop()} ")
                written += file.write(paragraph)
                if written >= size:
                    break


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    add_data(options)
    options.add_argument("--megabytes", type=int, default=100)
    options.add_argument("--seed", type=int, default=0)
    words = options.parse_args()
    draw = random.Random(words.seed)
    questions, paragraphs = texts(Path(words.data))
    draw.shuffle(questions)
    absent = [BenchmarkText("absent", str(i), text, "") for i, text in enumerate(questions[:COUNT])]
    rest = questions[COUNT:]
    print(f"{len(questions)} questions, {len(paragraphs)} paragraphs")
    for name, count in GROUPS.items():
        chosen = draw.sample(rest, min(COUNT, len(rest)))
        items = [BenchmarkText("planted", str(i), text, "") for i, text in enumerate(chosen)] + absent
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / "corpus.txt"
            corpus(place, paragraphs, [changed(text, count, draw) for text in chosen], words.megabytes * 10**6, draw)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started, computed = perf_counter(), process_time()
            report = contamination(items, str(place))
            seconds, computed = perf_counter() - started, process_time() - computed
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        size = report.size / 1e6
        print(f"{name}: {size:.0f} MB, {size / computed:.1f} a second of a core, {size / seconds:.1f} by the clock; "
              f"peak {peak / 1024:.0f} MB ({before / 1024:.0f} before), GPT-3's N {report.n}")  # fmt: skip
        for rule in RULES:
            planted, false = report.share(rule, "planted"), report.share(rule, "absent")
            print(f"  {rule:<18} recall {planted.dirty / planted.n:.4f}  false {false.dirty / false.n:.4f}")


if __name__ == "__main__":
    main()
