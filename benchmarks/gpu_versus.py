"""Sections of the benchmark about others: a sample of the same requests, their rates, and whether the answers agree."""

import statistics
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from gpu_bench import Bench, Body, Row
from gpu_measure import forget_peak, peak, shortened, wait
from gpu_peers import continuous, open_peer, try_sizes
from gpu_work import Ask, cost_of, spread

from harness.types import Chosen, Generate, Generated, Response, Scored


def timed(bench: Bench, name: str, work: str, asks: Sequence[Ask], run: Callable[[], Any]) -> tuple[Row, Any]:
    """One row of results of another way to answer ``asks``, a sample of the work, and its answers."""
    forget_peak(bench.device)
    wait(bench.device)
    started = perf_counter()
    answers = run()
    wait(bench.device)
    row = {"model": name, "work": work, "seconds": perf_counter() - started, "peak_memory": peak(bench.device)}
    return row, answers


def compared(bench: Bench, row: Row, asks: Sequence[Ask], made: Sequence[int] = ()) -> Row:
    """The row with its tokens, what all requests of the work would take at its rate, and how that compares with ours.

    Operations are the share of the sample in those of the whole work, where more requests have tokens in common.
    """
    mine = bench.ours.get((row["model"], row["work"]))
    cost = cost_of(asks, made)
    each = row["seconds"] / len(asks)
    row |= {
        "requests": len(asks),
        "tokens_asked": cost.asked,
        "tokens_made": sum(made) if made else None,
        "seconds_for_all": each * len(bench.asks(row["model"], row["work"])),
    }
    if mine is not None:
        row["operations"] = mine["operations"] / mine["requests"] * len(asks)
        row["times_as_long"] = each / (mine["seconds"] / mine["requests"])
        if made:
            row["operations"] *= sum(made) / len(asks) / (mine["tokens_made"] / mine["requests"])
            row["times_as_long"] = (row["seconds"] / sum(made)) / (mine["seconds"] / mine["tokens_made"])
    return row


# ------------------------------------------------------------------------------------------------------------- scoring
def peer_scores(name: str, works: Sequence[str]) -> Body:
    """lm-evaluation-harness on a sample of the same requests, at the best of a few batch sizes."""

    def body(bench: Bench, record: Row) -> None:
        for number, work in enumerate(works):
            seconds = bench.left() / (len(works) - number)
            if seconds < 2:
                record.setdefault("left_out", []).append(work)
                print(f"{work} left out: the time of the section is over", flush=True)
                continue
            bench.note(record, peer_score(bench, name, work, seconds))

    return body


def peer_score(bench: Bench, name: str, work: str, seconds: float) -> Row:
    """About ``seconds`` of one scoring work: a third to find the batch size, half for the sample, and agreement."""
    model, tokenizer, asks = bench.model(name), bench.tokenizer, bench.asks(name, work)
    documents = work == "rolling"
    trial = [asks[i] for i in spread(asks, 4 if documents else bench.scale.trial)]
    sizes = (1, 2, 4) if documents else bench.scale.batches[name]
    size, rates = try_sizes(model, tokenizer, trial, sizes, seconds / 3)
    positions = spread(asks, max(len(trial), int(rates[str(size)] * seconds / 2)))
    sample = [asks[i] for i in positions]
    peer = open_peer(model, tokenizer, size)
    row, scores = timed(bench, name, work, sample, lambda: peer.score(sample))
    few = positions[:: max(1, len(positions) // 32)]
    exact = open_peer(model, tokenizer, min(size, 8), exact=True).score([asks[i] for i in few])
    row |= {
        "by": peer.name,
        "why": peer.why,
        "batch": size,
        "requests_per_second_by_batch": rates,
        "agreement": {
            "as it is": agreement(bench, name, work, positions, scores),
            "softmax in float32": agreement(bench, name, work, few, exact),
        },
    }
    return compared(bench, row, sample)


def agreement(bench: Bench, name: str, work: str, positions: Sequence[int], theirs: Sequence[Sequence[float]]) -> Row:
    """How far our sums of log-probabilities are from theirs, and how often the likeliest choice is the same."""
    ours = bench.answers.get((name, work), {})
    pairs = [(sums(ours[i]), found) for i, found in zip(positions, theirs, strict=True) if i in ours]
    if not pairs:
        return {"requests": 0}
    errors = [abs(a - b) for mine, found in pairs for a, b in zip(mine, found, strict=True)]
    same = [max(range(len(a)), key=a.__getitem__) == max(range(len(b)), key=b.__getitem__) for a, b in pairs]
    return {
        "requests": len(pairs),
        "median": statistics.median(errors),
        "mean": statistics.fmean(errors),
        "max": max(errors),
        "same_choice": sum(same) / len(same),
    }


def sums(response: Response) -> Sequence[float]:
    """log P of every span of a response."""
    if isinstance(response, Chosen):
        return response.logprobs
    assert isinstance(response, Scored)
    return (response.logprob,)


# ---------------------------------------------------------------------------------------------------------- generation
def peer_generates(name: str, work: str) -> Body:
    """lm-evaluation-harness's generation in one batch: the larger it is, the better for it."""

    def body(bench: Bench, record: Row) -> None:
        asks, count = bench.asks(name, work), bench.scale.peer_generates[name]
        positions = spread(asks, count)
        sample = [asks[i] for i in positions]
        peer = open_peer(bench.model(name), bench.tokenizer, len(sample))
        peer.generate(shortened(sample, 4))  # warm
        row, texts = timed(bench, name, work, sample, lambda: peer.generate(sample))
        made = [len(text.split()) for text in texts]
        row |= {"by": peer.name, "why": peer.why, "batch": len(sample)}
        row["agreement"] = common(bench, name, work, positions, texts)
        bench.note(record, compared(bench, row, sample, made))

    return body


def continuous_generates(name: str, work: str) -> Body:
    """Transformers' continuous batching on all requests of the work, without stop strings, its warm-up left out."""

    def body(bench: Bench, record: Row) -> None:
        asks, model = bench.asks(name, work), bench.model(name)
        prompts = [ask.spans[0][0].tolist() for ask in asks]
        request = asks[0].request
        assert isinstance(request, Generate)
        started = perf_counter()
        forget_peak(bench.device)
        seconds = bench.left() * 0.6
        found, took, attention = continuous(model, prompts, request.max_tokens, seconds, bench.scale.room)
        if not found:
            raise RuntimeError(f"no answer was finished in {took:.0f} seconds")
        positions = sorted(found)
        row = {
            "model": name,
            "work": work,
            "by": f"continuous, {attention}",
            "seconds": took,
            "seconds_warm": perf_counter() - started - took,
            "complete": len(found) == len(asks),
            "attention": attention,
            "peak_memory": peak(bench.device),
        }
        texts = [bench.tokenizer.decode(found[i], skip_special_tokens=True) for i in positions]
        row["agreement"] = common(bench, name, work, positions, texts)
        made = [len(found[i]) for i in positions]
        bench.note(record, compared(bench, row, [asks[i] for i in positions], made))

    return body


def common(bench: Bench, name: str, work: str, positions: Sequence[int], texts: Sequence[str]) -> Row:
    """How many words our answers and theirs open with alike: in bfloat16, ties part them sooner or later."""
    ours = bench.answers.get((name, work), {})
    alike, lengths = [], []
    for i, text in zip(positions, texts, strict=True):
        response = ours.get(i)
        if isinstance(response, Generated):
            mine, theirs = response.text.split(), text.split()
            differ = [at for at, (a, b) in enumerate(zip(mine, theirs, strict=False)) if a != b]
            alike.append(differ[0] if differ else min(len(mine), len(theirs)))
            lengths.append(min(len(mine), len(theirs)))
    if not alike:
        return {"requests": 0}
    whole = sum(a == b for a, b in zip(alike, lengths, strict=True))
    return {"requests": len(alike), "median_words_alike": statistics.median(alike), "wholly_alike": whole / len(alike)}
