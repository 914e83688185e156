"""The same requests through others: lm-evaluation-harness, padded batches, transformers' continuous batching."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from time import perf_counter
from typing import Any, Protocol

import torch
from gpu_models import PAD, STOP
from gpu_work import Ask

from harness.types import Choose, Generate, Likelihood


class Absent(Exception):
    """Something that this machine does not have: no failure, and no number either."""


class Peer(Protocol):
    """Another way to answer requests with a model."""

    name: str
    why: str

    def score(self, asks: Sequence[Ask]) -> list[list[float]]:
        """log P of every span of every request."""
        ...

    def generate(self, asks: Sequence[Ask]) -> list[str]:
        """The answer to every prompt, all asked alike."""
        ...


def open_peer(model: Any, tokenizer: Any, batch: int, exact: bool = False) -> Peer:
    """lm-evaluation-harness where it is installed, else padded batches. ``exact``: its softmax in float32."""
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    try:
        return Hflm(model, tokenizer, batch, exact)
    except ImportError as error:
        return Padded(model, tokenizer, batch, f"lm_eval is not here ({error})")


class Hflm:
    """lm-evaluation-harness's model of type `hf`, as its users run it."""

    name, why = "HFLM", ""

    def __init__(self, model: Any, tokenizer: Any, batch: int, exact: bool) -> None:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM

        self.instance = Instance
        self.inner = HFLM(
            pretrained=model, tokenizer=tokenizer, batch_size=batch, softmax_dtype="float32" if exact else None
        )

    def _ask(self, kind: str, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        asked = [self.instance(kind, {}, row, i) for i, row in enumerate(rows)]
        with redirect_stderr(StringIO()):  # its progress bars; errors are raised
            return list(getattr(self.inner, kind)(asked, disable_tqdm=True))

    def score(self, asks: Sequence[Ask]) -> list[list[float]]:
        requests = [ask.request for ask in asks]
        if all(isinstance(request, Likelihood) and not request.context for request in requests):
            return [[float(x)] for x in self._ask("loglikelihood_rolling", [(request.text,) for request in requests])]
        rows = [(r.prompt, choice) for r in requests if isinstance(r, Choose) for choice in r.choices]
        flat = iter(self._ask("loglikelihood", rows))
        return [[float(next(flat)[0]) for _ in ask.spans] for ask in asks]

    def generate(self, asks: Sequence[Ask]) -> list[str]:
        return [str(text) for text in self._ask("generate_until", [(a.request.prompt, how(a.request)) for a in asks])]


def how(request: Generate) -> dict[str, Any]:
    """The settings of one generation, as lm-evaluation-harness calls them."""
    draw = {"do_sample": True, "temperature": request.temperature} if request.temperature else {"do_sample": False}
    return {"until": list(request.stop), "max_gen_toks": request.max_tokens, **draw}


class Padded:
    """Plain transformers: sequences sorted by length in padded batches, every span of every request alone."""

    name = "padded batches"

    def __init__(self, model: Any, tokenizer: Any, batch: int, why: str) -> None:
        self.why = why
        self.model, self.tokenizer, self.batch = model, tokenizer, batch

    @torch.inference_mode()
    def score(self, asks: Sequence[Ask]) -> list[list[float]]:
        spans = [span for ask in asks for span in ask.spans]
        order = sorted(range(len(spans)), key=lambda i: -len(spans[i][0]))
        sums = [0.0] * len(spans)
        for at in range(0, len(order), self.batch):
            members = order[at : at + self.batch]
            ids, mask = padded([spans[i][0].tolist() for i in members], self.model.device, left=False)
            keep = max(ids.shape[1] - spans[i][1] + 1 for i in members)
            logits = self.model(ids, attention_mask=mask, use_cache=False, logits_to_keep=keep).logits
            first = ids.shape[1] - logits.shape[1]  # the position of the first row of logits
            for row, i in enumerate(members):
                start, end = spans[i][1], len(spans[i][0])
                after = logits[row, start - 1 - first : end - 1 - first].float().log_softmax(-1)
                sums[i] = float(after.gather(-1, ids[row, start:end, None]).sum())
        flat = iter(sums)
        return [[next(flat) for _ in ask.spans] for ask in asks]

    @torch.inference_mode()
    def generate(self, asks: Sequence[Ask]) -> list[str]:
        found: list[str] = []
        for at in range(0, len(asks), self.batch):
            part = asks[at : at + self.batch]
            ids, mask = padded([ask.spans[0][0].tolist() for ask in part], self.model.device, left=True)
            request = part[0].request
            draw = {"do_sample": True, "temperature": request.temperature} if request.temperature else {}
            made = self.model.generate(ids, attention_mask=mask, max_new_tokens=request.max_tokens, **draw)
            texts = self.tokenizer.batch_decode(made[:, ids.shape[1] :], skip_special_tokens=True)
            found += [text.split(STOP)[0] for text in texts]
        return found


def padded(rows: Sequence[Sequence[int]], device: torch.device, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and mask [rows, width]."""
    width = max(map(len, rows))
    ids, ones = [], []
    for row in rows:
        pad, nought = [PAD] * (width - len(row)), [0] * (width - len(row))
        ids.append(pad + list(row) if left else list(row) + pad)
        ones.append(nought + [1] * len(row) if left else [1] * len(row) + nought)
    return torch.tensor(ids, device=device), torch.tensor(ones, device=device)


def try_sizes(
    model: Any, tokenizer: Any, asks: Sequence[Ask], sizes: Sequence[int], seconds: float
) -> tuple[int, dict[str, Any]]:
    """The batch size that scores ``asks`` fastest, and requests per second by size; stops after ``seconds``."""
    rates: dict[int, float] = {}
    notes: dict[str, Any] = {}
    until = perf_counter() + seconds
    open_peer(model, tokenizer, sizes[0]).score(asks[: sizes[0]])  # warm
    for size in sizes:
        if rates and perf_counter() > until:
            break
        try:
            peer = open_peer(model, tokenizer, size)
            started = perf_counter()
            peer.score(asks)
            rates[size] = len(asks) / (perf_counter() - started)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            notes[str(size)] = "out of memory"
            break
    if not rates:
        raise RuntimeError(f"no batch size of {list(sizes)} fits in the memory")
    return max(rates, key=rates.__getitem__), {**{str(size): rate for size, rate in rates.items()}, **notes}


@contextmanager
def paged(model: Any, prompts: Sequence[Sequence[int]], new: int, room: Mapping[str, Any]) -> Iterator[Any]:
    """A running manager of continuous batching, its graphs captured; ``room``: settings of its cache."""
    try:
        from transformers import ContinuousBatchingConfig, GenerationConfig
        from transformers.generation.continuous_batching.utils import WorkloadHints
    except ImportError as error:
        raise Absent(f"this transformers has no continuous batching ({error})") from error
    before = model.config._attn_implementation
    config = GenerationConfig(
        max_new_tokens=new, do_sample=False, eos_token_id=model.generation_config.eos_token_id, pad_token_id=PAD
    )
    hints = WorkloadHints(max(map(len, prompts)), new, len(prompts))
    try:
        with model.continuous_batching_context_manager(
            generation_config=config,
            continuous_batching_config=ContinuousBatchingConfig(**room),
            workload_hints=hints,
            block=True,
            timeout=5,
        ) as manager:
            yield manager
    finally:
        model.set_attn_implementation(before)


def continuous(
    model: Any, prompts: Sequence[Sequence[int]], new: int, seconds: float, room: Mapping[str, Any]
) -> tuple[dict[int, list[int]], float, str]:
    """Tokens made by position of the prompt, seconds without the warm-up, and the attention; stops after ``seconds``.

    Raises RuntimeError when the manager gives up or a request fails.
    """
    found: dict[int, list[int]] = {}
    with paged(model, prompts, new, room) as manager:
        started = perf_counter()
        numbers = {name: i for i, name in enumerate(manager.add_requests(list(map(list, prompts)), max_new_tokens=new))}
        while len(found) < len(prompts) and perf_counter() - started < seconds:
            result = manager.get_result(timeout=1)
            if result is None:
                if not manager.is_running():
                    raise RuntimeError("continuous batching stopped by itself")
                continue
            if result.error is not None:
                raise RuntimeError(f"continuous batching: {result.error}")
            if result.is_finished():
                found[numbers[result.request_id]] = list(result.generated_tokens)
        took = perf_counter() - started
        attention = str(model.config._attn_implementation)
    return found, took, attention
