"""Encoder-decoder models: the source is encoded once, choices and answers are read off the decoder.

The source is the request's bare ``inputs`` where a Generate has them (a Marian model takes no instruction), otherwise
the prompt; a choice is scored as the decoder's text without an end token, as lm-evaluation-harness does.
"""

import inspect
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from harness.engine.backend import Agenda, Batch
from harness.engine.checkpoint import ANSWERS, Checkpoint
from harness.engine.encoders.batches import (
    Bundle,
    agenda,
    budget_of,
    by_length,
    halving,
    padded,
    positions_of,
    refuse_kinds,
    refuse_long,
    refuse_strides,
    window,
)
from harness.engine.respond import Score, respond
from harness.engine.sampling import pick, stream
from harness.engine.special import cut, end_tokens, head_of
from harness.engine.tally import Tally
from harness.types import Choose, Generate, Generated, Likelihood, ModelInfo, Question


@dataclass(frozen=True, slots=True)
class SourceText:
    """What the encoder reads, and what is asked of the decoder: a text to continue, or texts to score."""

    tokens: tuple[int, ...]
    targets: tuple[tuple[int, ...], ...] = ()
    request: Generate | None = None


@dataclass(slots=True)
class Continuation:
    """An answer under way: which source of the batch it belongs to, and the tokens that it has."""

    index: int
    key: int
    tokens: list[int] = field(default_factory=list)


class Seq2seq:
    """An encoder-decoder model; sources of nearly equal length are encoded together, each once."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        model, tokenizer = checkpoint.model, checkpoint.tokenizer
        self.limit = None if checkpoint.model.config.model_type in RELATIVE else window(checkpoint)
        settings = model.generation_config
        start = settings.decoder_start_token_id if settings is not None else None
        self.start = int(start if start is not None else model.config.decoder_start_token_id or 0)
        self.first = settings.forced_bos_token_id if settings is not None else None
        self.never = never(settings)
        self.ends = end_tokens(model, tokenizer)
        self.head = head_of(tokenizer)
        decoding = f"no beam; start {self.start}, forced first token {self.first}, never {list(self.never)}"
        self.info = ModelInfo(
            checkpoint.name,
            {**checkpoint.fingerprint, "decoding": decoding},
            ANSWERS["seq2seq"],
            self.limit,
            pinned=True,
        )
        self.cache = "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"
        self.tally = Tally()
        self.budget = budget_of(checkpoint.options)

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """See Backend. Raises TooLong and Unsupported before anything is computed."""
        return self.plan(questions).answer(done)

    def plan(self, questions: Sequence[Question]) -> Agenda:
        """See Planner."""
        refuse_kinds(questions, self.info.answers, self.info.name)
        refuse_strides(questions, "a sequence-to-sequence model has no windows to stride through")
        with self.tally.timed("tokenise"):
            sources = [self._source(question) for question in questions]
        refuse_long(questions, [_longest(source) for source in sources], self.limit)
        places = positions_of(sources)
        return agenda(
            [
                self._bundle(questions, [(kind[i], places[kind[i]]) for i in indices])
                for kind in ([s for s in places if s.request is None], [s for s in places if s.request is not None])
                for indices in by_length([len(source.tokens) for source in kind], self.budget)
            ],
            self.tally,
        )

    def stats(self) -> Mapping[str, float | str]:
        """Tokens, padding, seconds and memory so far."""
        return self.tally.stats("seq2seq", self.checkpoint.device, self.checkpoint.load_seconds)

    # --------------------------------------------------------------------------------------------------------- encode
    def _source(self, question: Question) -> SourceText:
        """A question as token ids."""
        request = question.request
        if isinstance(request, Generate):
            text = "\n".join(request.inputs) if request.inputs else request.prompt
            asked = Generate("", request.max_tokens, request.stop, request.temperature, request.top_p, request.seed)
            return SourceText(self._read(text), request=asked)
        if isinstance(request, Choose):
            return SourceText(self._read(request.prompt), tuple(self._target(choice) for choice in request.choices))
        assert isinstance(request, Likelihood)
        return SourceText(self._read(request.context), (self._target(request.text),))

    def _read(self, text: str) -> tuple[int, ...]:
        tokens = tuple(self.checkpoint.tokenizer(text)["input_ids"]) or (min(self.ends),)
        if self.limit is not None and self.checkpoint.options.truncate == "left" and len(tokens) > self.limit:
            self.tally.cut += 1
            ending = tokens[-1:] if tokens[-1] in self.ends else ()
            kept = tokens[len(self.head) : len(tokens) - len(ending)]
            room = self.limit - len(self.head) - len(ending)
            return (*self.head, *kept[max(0, len(kept) - room) :], *ending)
        return tokens

    def _target(self, text: str) -> tuple[int, ...]:
        return tuple(self.checkpoint.tokenizer(text_target=text, add_special_tokens=False)["input_ids"])

    # -------------------------------------------------------------------------------------------------------- compute
    def _bundle(self, questions: Sequence[Question], asked: Sequence[tuple[SourceText, list[int]]]) -> Bundle:
        """Sources of one kind, each with the positions of the questions that ask it."""
        positions = tuple(position for _, own in asked for position in own)
        return Bundle(positions, sum(_tokens(source) for source, _ in asked), partial(self._batch, questions, asked))

    def _batch(self, questions: Sequence[Question], asked: Sequence[tuple[SourceText, list[int]]]) -> Batch:
        sources = [source for source, _ in asked]
        work = self.score if sources[0].request is None else self.generate
        results: list[list[Score] | Generated] = halving(
            lambda part: list(work([sources[i] for i in part])), range(len(sources))
        )
        for source, positions in asked:
            self.tally.asked += len(positions) * (len(source.tokens) + sum(map(len, source.targets)))
        return [
            (position, one if isinstance(one, Generated) else respond(questions[position], one))
            for (_, positions), one in zip(asked, results, strict=True)
            for position in positions
        ]

    def _encode(self, sources: Sequence[SourceText]) -> tuple[Tensor, Tensor]:
        """The encoder's output [sources, longest, width] and its mask."""
        model = self.checkpoint.model
        ids, mask = padded([s.tokens for s in sources], self.checkpoint.tokenizer.pad_token_id or 0, model.device)
        self.tally.add(computed=ids.numel(), padding=ids.numel() - int(mask.sum()))
        return model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state, mask

    @torch.inference_mode()
    def score(self, sources: Sequence[SourceText]) -> list[list[Score]]:
        """The scores of every source's targets; all decoders of a batch run in passes of nearly equal lengths."""
        hidden, mask = self._encode(sources)
        rows = [(i, target) for i, source in enumerate(sources) for target in source.targets]
        by_row: dict[int, Score] = {}
        width = hidden.shape[1]
        filled = [number for number, (_, target) in enumerate(rows) if target]
        for part in by_length([len(rows[number][1]) + width for number in filled], max(self.budget, 1)):
            chosen = [rows[filled[i]] for i in part]
            scores = self._decode(hidden, mask, chosen)
            by_row.update(zip((filled[i] for i in part), scores, strict=True))
        scores_of: list[list[Score]] = [[] for _ in sources]
        for number, (i, _) in enumerate(rows):
            scores_of[i].append(by_row.get(number, Score((), False)))
        return scores_of

    def _decode(self, hidden: Tensor, mask: Tensor, rows: Sequence[tuple[int, tuple[int, ...]]]) -> list[Score]:
        """One decoder pass over (source, target); later tokens, and so padding, are never seen by earlier ones."""
        from transformers.modeling_outputs import BaseModelOutput

        model = self.checkpoint.model
        which = torch.tensor([i for i, _ in rows], device=model.device)
        inputs, real = padded([(self.start, *target[:-1]) for _, target in rows], 0, model.device)
        targets, _ = padded([target for _, target in rows], 0, model.device)
        logits = model(
            encoder_outputs=BaseModelOutput(last_hidden_state=hidden[which]),
            attention_mask=mask[which],
            decoder_input_ids=inputs,
            use_cache=False,
        ).logits.float()
        self.tally.add(computed=inputs.numel(), padding=inputs.numel() - int(real.sum()))
        logprobs = logits.gather(-1, targets[..., None])[..., 0] - logits.logsumexp(-1)  # [rows, longest]
        best = logits.argmax(-1) == targets
        return [
            Score(tuple(logprobs[i, : len(target)].tolist()), bool(best[i, : len(target)].all()))
            for i, (_, target) in enumerate(rows)
        ]

    @torch.inference_mode()
    def generate(self, sources: Sequence[SourceText]) -> list[Generated]:
        """Continue all sources together with the decoder's cache; a finished row leaves it."""
        from transformers.modeling_outputs import BaseModelOutput

        hidden, mask = self._encode(sources)
        answers: dict[int, Generated] = {}
        requests = [source.request for source in sources]
        live = []
        for i, (source, request) in enumerate(zip(sources, requests, strict=True)):
            assert request is not None
            if request.max_tokens > 0:
                live.append(Continuation(i, stream(request, source.tokens)))
            else:
                answers[i] = Generated("", 0, "length")
        cache = None
        kept = torch.tensor([row.index for row in live], device=hidden.device)
        hidden, mask = hidden[kept], mask[kept]
        while live:
            last = [[row.tokens[-1] if row.tokens else self.start] for row in live]
            output = self.checkpoint.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=hidden),
                attention_mask=mask,
                decoder_input_ids=torch.tensor(last, device=hidden.device),
                use_cache=True,
                **({self.cache: cache} if cache is not None else {}),
            )
            cache = output[self.cache]
            self.tally.computed += len(live)
            staying = []
            for place, (row, logits) in enumerate(zip(live, output.logits[:, -1].float(), strict=True)):
                request = requests[row.index]
                assert request is not None
                answer = self._grow(row, logits, request)
                if answer is None:
                    staying.append(place)
                else:
                    answers[row.index] = answer
            if len(staying) < len(live):
                live = [live[place] for place in staying]
                if live:
                    kept = torch.tensor(staying, device=hidden.device)
                    cache.batch_select_indices(kept)
                    hidden, mask = hidden[kept], mask[kept]
        return [answers[i] for i in range(len(sources))]

    def _grow(self, row: Continuation, logits: Tensor, request: Generate) -> Generated | None:
        """Add the next token; the answer if that ends it."""
        if self.first is not None and not row.tokens:
            token = int(self.first)
        else:
            if self.never:
                logits[list(self.never)] = -torch.inf
            token = pick(logits, request, row.key, len(row.tokens))
        ended = token in self.ends
        if not ended:
            row.tokens.append(token)
        text, stopped = cut(self._text(row.tokens), request.stop)
        if not ended and not stopped and len(row.tokens) < request.max_tokens:
            return None
        self.tally.asked += len(row.tokens)
        return Generated(text, len(row.tokens), "stop" if stopped else "end" if ended else "length")

    def _text(self, tokens: Sequence[int]) -> str:
        return str(self.checkpoint.tokenizer.decode(tokens, skip_special_tokens=True))


RELATIVE = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers"})
"""Models without absolute positions: they read texts of any length."""


def never(settings: Any) -> tuple[int, ...]:
    """Single tokens that the generation settings forbid (Marian's padding token)."""
    if settings is None:
        return ()
    words = [word[0] for word in settings.bad_words_ids or [] if len(word) == 1]
    return tuple(sorted({int(token) for token in (*words, *(settings.suppress_tokens or []))}))


def _tokens(source: SourceText) -> int:
    """Tokens that go through the model for a source, at most."""
    return len(source.tokens) + sum(map(len, source.targets)) + (source.request.max_tokens if source.request else 0)


def _longest(source: SourceText) -> int:
    return max(len(source.tokens), source.request.max_tokens if source.request else 0, *map(len, source.targets), 0)
