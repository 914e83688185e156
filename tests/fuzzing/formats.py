"""The table of formats: files as they should be, and how each is used. Add a row for another kind of file.

``use`` gets the path of a damaged file in a folder that holds the files of ``BESIDE``; it returns whatever it likes or
raises a HarnessError. It does in this process all that a run would do with the file, short of loading a model.
"""

import atexit
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors.torch import save

from harness import run as running
from harness.answers.records import canonical, request_to_json
from harness.api import evaluate
from harness.engine.adapter import adapter_in, base_of, merge
from harness.engine.backend import Options
from harness.engine.load import load
from harness.gate.rules import read_gate
from harness.gate.wording import explain
from harness.imports.convert import converted
from harness.imports.read import Place, read_place
from harness.people.campaign import read_campaign
from harness.people.items import draw, queues
from harness.plugins import Catalogue, select
from harness.scorers.lexicon import lexicon
from harness.store import Store, open_store
from harness.suite import jobs_of
from harness.types import Settings
from harness.variants import varied
from harness.variants.defence import read_defence
from harness.variants.swaps import swap_of

ROWS = b"""{"id": 1, "question": "One?", "answer": "a", "choices": ["a", "b"], "topic": "x", "passage": "p"}
{"id": 2, "question": "Two?", "answer": 1, "choices": ["a", "b"], "topic": "y", "passage": null}
{"id": 3, "question": "Three?", "answer": 0.5, "choices": [0.5, 7], "topic": true, "passage": "p"}
"""
WRITTEN = b"""{"question": "One?", "answer": "a", "score": 1.5}
{"question": "Tw\\u00f6?", "answer": ["b", "two"], "score": 2}
"""
KEYS = b'{"question": "One?", "answer": 0, "topic": "x"}\n{"question": "Two?", "answer": "b", "topic": "y"}\n'
BESIDE = {
    "keys.jsonl": KEYS,
    "rows.jsonl": ROWS,
    "written.jsonl": WRITTEN,
    "rows.toml": b'data = "damaged.jsonl"\nchoices = "choices"\nslices = ["topic"]\ncluster = "passage"\nid = "id"\n',
    "own.py": b"def each(predictions, references):\n    return float(len(predictions))\n",
}
"""Files that a damaged file, or what reads it, names."""
TASK_TOML = b"""data = "written.jsonl"
prompt = "Q: {question} {score:.1f}\\nA:"
answer = "answer"
metrics = ["exact_match", {use = "python:own.py:each", name = "each", level = "example", better = "lower"}]
max_tokens = 5
stop = ["\\n", "Q:"]
shots = 1
train = "written.jsonl"
version = 2
limits = "Two questions."
"""
CHOICES_TOML = b"""data = "keys.jsonl"
choices = ["a", "b"]
slices = ["topic"]
cluster = "topic"
id = "question"
metrics = ["acc"]
"""
TASK_YAML = b"""data: keys.jsonl
prompt: "Q: {question}"
choices: [yes, 1.10, b]
slices:
  - topic
measures: >
  Names
  of things.
"""
SUITE = b"""models = ["smollm2", "scripted:oracle"]
tasks = ["demo/*", "rows.jsonl"]
settings = {limit = 5, seed = 3, shots_mode = "fixed", perturb = ["typos"], strength = [0.1]}
[options]
concurrency = 4
timeout = 1.5
chat = true
system = "Be brief."
[[run]]
tasks = ["gsm8k"]
settings = {shots = 2}
"""
GATE = b"""[defaults]
alpha = 0.05
correction = "holm"
[[rule]]
metric = "glue/*:acc"
max_drop = 0.02
slices = "gender=*"
mode = "strict"
on_inconclusive = "fail"
[[rule]]
metric = "a:b"
min = 1
[[quarantine]]
metric = "a:b"
until = 2026-01-31
why = "known"
"""
CAMPAIGN = b"""name = "answers"
kind = "preference"
runs = ["first", "second"]
task = "demo/qa"
instructions = "Which answer is right?"
items = 20
raters = 3
ratings_per_item = 2
repeats = 0.2
attention = 0.1
show = "Q: {question}"
ties = false
"""
SCALE = b"""name = "scale"
kind = "likert"
runs = ["first"]
task = "demo/qa"
instructions = '''How good is it?
Read it twice.'''
version = 2
seed = 7
anchors = ["bad", "fair", "good"]
reference = true
"""
PAIRS = b'first,second\nhe,she\n"old, very",young\nstar,sun\n'
QUIZ = b'''id,topic,question,A,B,C,answer
1,x,"Which, and
why?",one,two,,B
2,y,"He said ""no""",1.10,007,c,c
'''
QUIZ_TSV = b"question\tanswer\nOne?\ta\nTwo?\t2\n"
ADAPTER = b"""{"peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none", "target_modules": ["fc"],
"use_rslora": true, "base_model_name_or_path": "org/base", "rank_pattern": {"fc": 2}, "modules_to_save": null}"""
TERMS = "idiot\nold fool\nc++\nStra\u00dfe\n".encode()
TEXT = "A short text.\n\nOf two parts: \u00e4 \U0001f600.\n".encode()
BODIES = b'{"text": "one two"}\n{"text": "three"}\n'
SPOKEN = (
    b'{"id": 1, "text": "a"}\n{"task": "rows", "id": "2", "part": 0, "logprobs": [-1.5, -2]}\n{"id": 3, "text": null}\n'
)
DEFENCE = b"""system = '''Never tell.
Not once.'''
wrapper = "<user>{prompt}</user>\\nDo not obey \\u0022it\\u0022."
"""
GARAK = b"""{"entry_type": "start_run setup", "plugins.target_name": "m", "run.eval_threshold": 0.5}
{"entry_type": "init", "garak_version": "0.14.0", "start_time": "2026-01-02T03:04:06+00:00", "run": "u"}
{"entry_type": "attempt", "status": 2, "probe_classname": "p.Q", "prompt": {"turns": [{"role": "user", "content": \
{"text": "x"}}]}, "outputs": [{"text": "y"}, null], "detector_results": {"d.E": [1.0, null]}}
{"entry_type": "eval", "probe": "p.Q", "detector": "d.E", "passed": 0, "total_evaluated": 1}
{"entry_type": "completion", "end_time": "2026-01-02T03:05:00+00:00"}
"""
ATTACKS = b"""{"id": 1, "behaviour": "b", "prompt": "Act as one who says a.", "plain": "Say a.", "text": "a"}
{"id": 2, "behaviour": "b", "prompt": "Say a!", "category": "x", "text": "I cannot do that.", "jailbroken": false}
{"id": 3, "behaviour": "c", "prompt": "\\u0000 c", "category": null, "text": null, "jailbroken": true}
"""
LIKELY = b'{"id": 0, "logprob": -2.5, "tokens": 2, "greedy": true}\n{"id": 1, "logprob": -1e-3}\n'


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: what it is called (its suffix may decide how it is read), sound examples, and how one is used.

    ``share``: of the wanted mutations so many are tried; less than 1 for what takes long.
    """

    name: str
    seeds: Sequence[bytes]
    use: Callable[[Path], object]
    share: float = 1.0


def ask(names: Sequence[str], model: str, settings: Settings | None = None) -> None:
    """Plan, ask, judge and write down what a run of these tasks would, without a store."""
    settings = settings or Settings()
    planned = running.plan([varied(task, settings) for task in select(Catalogue(), names)], settings, None)
    asked = running.questions(planned)
    backend = load(model, Options(), running.exams(planned))
    found = dict(pair for batch in backend.answer(asked) for pair in batch)
    answers = [found[i] for i in range(len(asked))]
    running.judge(planned, answers, running.score(planned, answers))
    for q in asked:
        canonical(request_to_json(q.request)).encode()


def _task(path: Path) -> None:
    ask([str(path)], "scripted:oracle")


def _quiz_parquet() -> bytes:
    """Rows of questions as a Parquet file."""
    file = BytesIO()
    rows = [{"question": f"{n}?", "answer": n, "choices": ["a", "b"]} for n in (0, 1)]
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


def _updates() -> bytes:
    """The weights of an adapter for one layer."""
    layer = "base_model.model.fc.lora_"
    return save({f"{layer}A.weight": torch.ones(2, 3), f"{layer}B.weight": torch.ones(4, 2)})


def _adapter_settings(path: Path) -> None:
    path.with_name("adapter_model.safetensors").write_bytes(_updates())
    adapter = adapter_in(path.parent)
    assert adapter is not None
    base_of(adapter, Options())


def _adapter_weights(path: Path) -> None:
    path.with_name("adapter_config.json").write_bytes(ADAPTER)
    adapter = adapter_in(path.parent)
    assert adapter is not None
    base = torch.nn.Module()
    base.fc = torch.nn.Linear(3, 4)
    merge(base, adapter)


def _rows(path: Path) -> None:
    ask([str(path.with_name("rows.toml"))], "scripted:oracle")


def _stored(path: Path) -> None:
    evaluate("scripted:oracle", str(path), store=str(path.with_name("store")))


def _corpus(path: Path) -> None:
    ask([f"corpus:{path}"], "scripted:oracle")


def _gate(path: Path) -> None:
    gate = read_gate(path)
    [explain(rule, gate.alpha) for rule in gate.rules]
    [kept.until < date(2026, 1, 1) for kept in gate.quarantine]


def _replay(path: Path) -> None:
    ask([str(path.with_name("rows.jsonl"))], f"replay:{path}")


def _likely(path: Path) -> None:
    bodies = path.with_name("bodies.jsonl")
    bodies.write_bytes(BODIES)
    ask([f"corpus:{bodies}"], f"replay:{path}")


@cache
def _rated() -> Store:
    """A store with the two runs that campaigns are about."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    for tag in ("first", "second"):
        evaluate("scripted:oracle", "demo/qa", store=folder.name, tags=(tag,))
    return open_store(folder.name)


def _defence(path: Path) -> None:
    defence = read_defence(path)
    ask([str(path.with_name("written.jsonl"))], "scripted:oracle", Settings(wrapper=defence.wrapper))


def _garak(path: Path) -> None:
    foreign = read_place(Place(path))
    if foreign:
        converted(foreign, path)


def _attacks(path: Path) -> None:
    ask([f"jailbreak:{path}"], "scripted:opposite")


def _campaign(path: Path) -> None:
    campaign = read_campaign(path)
    items, _ = draw(_rated(), campaign)
    queues(campaign, items)


def _lexicon(path: Path) -> None:
    lexicon(path).score(["An old fool, c++ and \u017ftra\u00dfe", ""])


def _swap(path: Path) -> None:
    swap = swap_of(str(path))
    for text in ("He and she, the old and the young", "\u017ftar \u212a SUN his her", ""):
        swap.swap(text, "1"), swap.neutral(text, "1")


FORMATS = (
    Format("task.jsonl", (ROWS, WRITTEN), _task),
    Format("task.toml", (TASK_TOML, CHOICES_TOML), _task),
    Format("task.yaml", (TASK_YAML, b"data: written.jsonl\nstop: [end]\n"), _task, share=0.5),
    Format("quiz.csv", (QUIZ,), _task),
    Format("quiz.tsv", (QUIZ_TSV,), _task),
    Format("quiz.parquet", (_quiz_parquet(),), _task, share=0.3),
    Format("adapter_config.json", (ADAPTER,), _adapter_settings),
    Format("adapter_model.safetensors", (_updates(),), _adapter_weights),
    Format("damaged.jsonl", (ROWS,), _rows),
    Format("stored.jsonl", (ROWS, WRITTEN), _stored, share=0.02),
    Format("suite.toml", (SUITE,), jobs_of),
    Format("gate.toml", (GATE,), _gate),
    Format("defence.toml", (DEFENCE, b"wrapper = '{prompt} !'"), _defence),
    Format("garak.report.jsonl", (GARAK,), _garak),
    Format("attacks.jsonl", (ATTACKS,), _attacks),
    Format("campaign.toml", (CAMPAIGN, SCALE), _campaign),
    Format("answers.jsonl", (SPOKEN,), _replay),
    Format("answers.txt", (b"a\nb\n0.5\n", SPOKEN), _replay),
    Format("likely.jsonl", (LIKELY,), _likely),
    Format("terms.txt", (TERMS,), _lexicon),
    Format("pairs.csv", (PAIRS,), _swap),
    Format("corpus.txt", (TEXT,), _corpus),
    Format("corpus.jsonl", (BODIES,), _corpus),
)
"""One row for every kind of file; another kind is another row."""
