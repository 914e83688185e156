"""The benchmark for GPUs, tried out on the CPU: every section gives numbers, and a failure is no number."""

import json
import sys
from pathlib import Path
from typing import Any

import gpu
import numpy as np
import pytest
import torch
from gpu_bench import SMALL, Bench
from gpu_measure import covered
from gpu_models import tokenizer_of, words_of
from gpu_work import WORKS, Ask, Words, cost_of, questions, token_level

from harness.engine.backend import Options
from harness.engine.causal.encode import Encoder, Prompt, encode
from harness.types import Choose, Generate


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON file of one run of all sections."""
    out = tmp_path_factory.mktemp("gpu") / "gpu.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gpu.py", "--tiny", "--out", str(out)])
        gpu.main()
    results: dict[str, Any] = json.loads(out.read_text())
    return results


def test_every_section_gives_numbers(found: dict[str, Any]) -> None:
    sections = found["sections"]
    assert {name: section["status"] for name, section in sections.items()} == dict.fromkeys(gpu.SECTIONS, "ok") | {
        "energy": "absent"  # a CPU has no counter of NVIDIA's
    }
    for name, section in sections.items():
        assert section["rows"] or name in ("rates", "energy")
        for row in section["rows"]:
            if name != "exactness":
                assert row["requests"] > 0 and row["tokens_asked"] > 0 and row["seconds"] > 0
                assert row["share_of_square"] > 0 and row["share_of_best"] > 0
    assert found["sections"]["rates"]["operations_per_second"]["square"] > 0


def test_the_engine_reads_what_is_needed_and_is_exact(found: dict[str, Any]) -> None:
    for row in found["sections"]["scoring-1b"]["rows"]:
        assert row["complete"] and row["tokens_needed"] <= row["tokens_computed"] < row["tokens_asked"] * 1.01
    plain, half, whole = found["sections"]["exactness"]["rows"]
    assert plain["tokens"] == half["tokens"] == whole["tokens"] > 30
    assert whole["max"] < 1e-4 and half["mean"] < 2 * plain["mean"]
    assert found["sections"]["exactness"]["greedy"]["mean"] < 0.05


def test_others_answer_the_same_requests_and_say_who_they_are(found: dict[str, Any]) -> None:
    rows = found["sections"]["peer-scoring-1b"]["rows"]
    assert [row["work"] for row in rows] == list(gpu.SCORING)
    for row in rows:
        assert row["by"] == "HFLM" or (row["by"] == "padded batches" and "lm_eval" in row["why"])
        assert row["times_as_long"] > 0 and row["seconds_for_all"] > 0
        if (row["by"], row["work"]) != ("HFLM", "rolling"):  # it puts a BOS before the tokenizer's own
            assert row["agreement"]["softmax in float32"]["median"] < 0.05
    for name in ("peer-generation-1b", "continuous-1b"):
        (row,) = found["sections"][name]["rows"]
        assert row["tokens_made"] > 0 and row["agreement"]["median_words_alike"] >= 1


@pytest.mark.parametrize("work", [*WORKS, "token_level"])
def test_the_tokens_of_a_request_are_those_that_the_engine_is_asked_for(work: str) -> None:
    words = words_of(500)
    make = WORKS.get(work, token_level)
    asks = make(Words(words, 5), 7, **SMALL.sizes.get(work, {}))
    encoded = encode(questions(asks), Encoder(tokenizer_of(words), Options(), 4096))
    for ask, one in zip(asks, encoded, strict=True):
        if isinstance(one, Prompt):
            assert one.tokens.tolist() == ask.spans[0][0].tolist()
            continue
        assert isinstance(one, tuple)
        assert [(span.tokens.tolist(), span.start) for span in one] == [(ids.tolist(), at) for ids, at in ask.spans]


def test_needed_rows_are_distinct_prefixes() -> None:
    asks = WORKS["mmlu"](Words(words_of(300), 1), 5, subjects=2, shared=10) + WORKS["arc"](Words(words_of(300), 2), 3)
    rows, reads, asked = set(), set(), 0
    for ids, start in (span for ask in asks for span in ask.spans):
        for end in range(1, len(ids)):
            rows.add(tuple(ids[:end].tolist()))
            asked += 1
            if end >= start:
                reads.add(tuple(ids[:end].tolist()))
    cost = cost_of(asks)
    assert (cost.asked, cost.rows, cost.logits) == (asked, len(rows), len(reads))
    assert cost.pairs == sum(map(len, rows))


def test_an_answer_is_read_once_but_for_its_last_token() -> None:
    ids = np.arange(4, dtype=np.int32)
    asks = [Ask(Generate("", 5), ((ids, 4),)), Ask(Generate("", 5), ((ids, 4),))]
    cost = cost_of(asks, [3, 1])
    assert (cost.asked, cost.rows, cost.logits) == (12, 6, 4)
    assert cost.pairs == 1 + 2 + 3 + 4 + 5 + 6


def test_kernels_that_overlap_count_once() -> None:
    assert covered([(10, 20), (0, 5), (15, 30), (16, 18)]) == 25
    assert covered([]) == 0


def test_a_failure_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    bench = Bench(scale=SMALL, device=torch.device("cpu"), seconds=60, out=tmp_path / "gpu.json")

    def fails(bench: Bench, record: dict[str, Any]) -> None:
        raise ValueError("no such kernel")

    bench.run("one", 5, fails)
    bench.run("two", 5, lambda bench, record: record.update(rows=[]))
    bench.seconds = 1
    bench.run("three", 5, fails)
    sections = json.loads((tmp_path / "gpu.json").read_text())["sections"]
    assert sections["one"]["status"] == "failed" and "no such kernel" in sections["one"]["why"][-1]
    assert (sections["two"]["status"], sections["three"]["status"]) == ("ok", "skipped")


def test_requests_have_the_shapes_they_say() -> None:
    asks = WORKS["mmlu"](Words(words_of(900), 1), 20, subjects=4, shared=50)
    assert len(asks) == 20 and all(len(ask.spans) == 4 for ask in asks)
    assert all(isinstance(ask.request, Choose) for ask in asks)
    assert {len(ids) - start for ask in asks for ids, start in ask.spans} == {1}
    assert len({tuple(ask.spans[0][0][:51].tolist()) for ask in asks}) == 4
    texts = WORKS["sampled"](Words(words_of(900), 1), 3, shared=30, new=6)
    assert {ask.request.temperature for ask in texts if isinstance(ask.request, Generate)} == {0.7}
