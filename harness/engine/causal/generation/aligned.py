"""Generation with a model's own cache: rows go on together that are equally long at every step, so nothing is padded.

For models that cannot share the keys and values of ``slots`` and ``pages``. A batch reads as much of its prompts as
the shortest is long; from there on every step feeds each row one token: of its prompt as long as that has more, then
of its answer.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from harness.engine.causal.carry import Carrier, Footprint, State, footprint
from harness.engine.causal.generation.ending import Endings
from harness.engine.causal.generation.grouping import Live, Pending, PromptShard, waiting_rows
from harness.engine.causal.scoring.logits import Reader
from harness.engine.causal.truth import HALF, Error, after_plain, disagreement, in_float32
from harness.engine.sampling import Draws, pick_rows
from harness.engine.tally import Tally
from harness.types import Generated

ROWS = 64
"""Rows of a batch at most."""
PIECE = 1024
"""Tokens of a pass over prompts at most are 16 times as many; also what ``Footprint`` takes as a pass."""
SLACK = 16
"""Tokens by which prompts of a batch may differ in length: so many steps the shortest is ahead."""
SHARED = 11
"""Tokens that probes share: no multiple of what models cut texts into."""
WIDENED = 1e-3
"""Nats by which a half-precision model that is computed in float32 may differ from its own forward pass there."""


class AlignedGenerator:
    """Answers to shards. ``stepped``: the model goes on from a state by one token at a time only.

    Raises ValueError for a model that gives back no cache.
    """

    def __init__(self, reader: Reader, endings: Endings, tally: Tally, *, stepped: bool, rows: int = ROWS) -> None:
        self.reader, self.endings = reader, endings
        self.stepped, self.rows, self.piece = stepped, rows, PIECE
        self.tally = tally
        self._carrier = Carrier(reader.model, reader.whole)
        self.size: Footprint = footprint(self._carrier)
        self._prefix: tuple[tuple[int, ...], State | None] = ((), None)

    def forget(self) -> None:
        """Let go of the state that is kept for the next shard."""
        self._prefix = ((), None)

    def together(self, shard: PromptShard) -> list[tuple[Pending, Generated]]:
        """Every row of the shard with its answer."""
        answers, rows = waiting_rows(shard)
        for batch in self._batches(rows, len(shard.prefix)):
            answers += self._batch(batch, self._state_of(shard.prefix))
        return answers

    def _batches(self, rows: Sequence[Live], skip: int) -> list[list[Live]]:
        """Rows of like length, the shortest first; what they hold and what they read at once is bounded."""
        batches: list[list[Live]] = []
        for live in sorted(rows, key=lambda one: (len(one.row.tokens), one.row.tokens, one.row.positions)):
            if batches and len(live.row.tokens) - len(batches[-1][0].row.tokens) <= SLACK:
                longest = max(len(one.row.tokens) + one.row.request.max_tokens for one in (*batches[-1], live))
                most = min(self.rows, self.size.rows(longest, self.piece))
                reading = (len(batches[-1]) + 1) * (len(batches[-1][0].row.tokens) - skip)
                if len(batches[-1]) < most and reading <= 16 * self.piece:
                    batches[-1].append(live)
                    continue
            batches.append([live])
        return batches

    def _state_of(self, prefix: tuple[int, ...]) -> State | None:
        """The state after a shard's prefix, computed now unless the last shard had the same."""
        if prefix and self._prefix[0] != prefix:
            self.forget()
            self._prefix = (prefix, self._read([prefix], None)[1])
        return self._prefix[1] if prefix else None

    def _batch(self, live: list[Live], prefix: State | None) -> list[tuple[Pending, Generated]]:
        logits, state = self.begin([one.row.tokens for one in live], prefix)
        answers: list[tuple[Pending, Generated]] = []
        while True:
            fed = self._fed(live, logits, state.length, answers)
            if not fed:
                return answers
            if len(fed) < len(live):
                live = [live[i] for i in fed]
                state = state.rows(list(fed))
            logits, state = self.step(list(fed.values()), state)

    def begin(self, prompts: Sequence[tuple[int, ...]], prefix: State | None) -> tuple[Tensor, State]:
        """Logits [n, vocab] and state after as much of each prompt as the shortest has; ``prefix`` stays as it is."""
        skip = prefix.length if prefix is not None else 0
        shortest = min(map(len, prompts))
        heads = [prompt[skip:shortest] for prompt in prompts]
        number = {head: i for i, head in enumerate(dict.fromkeys(heads))}
        logits, state = self._read(list(number), prefix.rows([0] * len(number)) if prefix is not None else None)
        if len(number) == len(prompts):
            return logits, state
        which = [number[head] for head in heads]
        return logits[torch.tensor(which, device=logits.device)], state.rows(which)

    def step(self, tokens: Sequence[int], state: State) -> tuple[Tensor, State]:
        """Logits [n, vocab] and state after one more token of every row."""
        return self._read([(token,) for token in tokens], state)

    def _read(self, tokens: Sequence[tuple[int, ...]], state: State | None) -> tuple[Tensor, State]:
        """Logits and state after ``tokens``, equally many for every row."""
        ids = torch.tensor(tokens, device=self.reader.model.device)
        self.tally.add(computed=ids.numel())
        width = 1 if self.stepped and state is not None else ids.shape[1]
        for start in range(0, ids.shape[1], width):
            hidden, state = self._carrier.read(ids[:, start : start + width], state, last=True)
        assert state is not None
        return self.reader.of(hidden[:, -1]), state

    def _fed(
        self, live: Sequence[Live], logits: Tensor, length: int, answers: list[tuple[Pending, Generated]]
    ) -> dict[int, int]:
        """The next token of each row that goes on, by its number; answers that end go to ``answers``."""
        picking = [i for i, one in enumerate(live) if len(one.row.tokens) <= length]
        picked = self._picked([live[i] for i in picking], logits[torch.tensor(picking, device=logits.device).long()])
        fed = {i: one.row.tokens[length] for i, one in enumerate(live) if len(one.row.tokens) > length}
        for i, token in zip(picking, picked, strict=True):
            answer = self.endings.grow(live[i].draft, token, live[i].row.request)
            if answer is None:
                fed[i] = token
            else:
                answers.append((live[i].row, answer))
        return dict(sorted(fed.items()))

    @staticmethod
    def _picked(live: Sequence[Live], logits: Tensor) -> list[int]:
        """The token that each row's own request picks."""
        if not live:
            return []
        asked = [one.row.request for one in live]
        floats = [[one.temperature for one in asked], [one.top_p for one in asked]]
        temperature, top_p = torch.tensor(floats, dtype=torch.float64).to(logits.device)
        whole = [[one.key for one in live], [one.draft.count for one in live]]
        key, step = torch.tensor(whole, dtype=torch.int64).to(logits.device)
        drawn, nucleus = any(one.temperature > 0 for one in asked), any(one.top_p < 1 for one in asked)
        picked = pick_rows(logits, Draws(temperature, top_p, key, step, drawn, nucleus))
        return [int(token) for token in picked.tolist()]


def aligned_for(reader: Reader, endings: Endings, tally: Tally) -> AlignedGenerator | None:
    """The way to go on from states that gives the model's own numbers; None where there is none."""
    for rows in (ROWS, 1):
        for stepped in (False, True):
            try:
                generator = AlignedGenerator(reader, endings, tally, stepped=stepped, rows=rows)
                wrong = unproven(generator)
            except Exception:  # whatever a model's own code raises when its cache is copied
                continue
            if not wrong:
                generator.forget()
                return generator
    return None


@torch.inference_mode()
def unproven(generator: AlignedGenerator) -> str:
    """How its logits differ from the model's own forward pass; empty where they agree.

    In half precision, where a lost state may hide among rounding errors, they have to agree in float32 too.
    """
    model = generator.reader.model
    vocabulary = model.config.get_text_config().vocab_size
    ids = [(7 * i + 3) % vocabulary for i in range(24)]
    prompts = [tuple(ids[:14]), tuple(ids[:SHARED] + ids[14:21])]
    if model.dtype in HALF:
        with in_float32(model):
            reader = Reader(model, whole=True)
            wide = AlignedGenerator(reader, generator.endings, Tally(), stepped=generator.stepped, rows=generator.rows)
            logits_after = probe(wide, prompts, ids[21:23])
            theirs = [after_plain(model, whole) for whole in logits_after]
        off = Error.of([one.double().log_softmax(-1).cpu().numpy() for one in logits_after.values()], theirs)
        if off.worst > WIDENED:
            return f"its logits in float32 differ by {off.worst:.2g} from its own forward pass"
    logits_after = probe(generator, prompts, ids[21:23])
    return disagreement(model, list(logits_after.values()), [list(whole) for whole in logits_after])


def probe(
    generator: AlignedGenerator, prompts: Sequence[tuple[int, ...]], more: Sequence[int]
) -> dict[tuple[int, ...], Tensor]:
    """Logits [vocab] where prompts that share ``SHARED`` tokens are first read, and after ``more`` tokens of each."""
    prefix = generator._state_of(prompts[0][:SHARED])
    wholes = [(*prompt, *more) for prompt in prompts]
    logits_after: dict[tuple[int, ...], Tensor] = {}
    for batch in [wholes] if generator.rows > 1 else [[whole] for whole in wholes]:
        live = batch
        logits, state = generator.begin([whole[: -len(more)] for whole in live], prefix)
        logits_after |= {whole[: state.length]: after for whole, after in zip(live, logits, strict=True)}
        while live:
            logits_after |= {w: after for w, after in zip(live, logits, strict=True) if len(w) == state.length}
            going = [i for i, whole in enumerate(live) if len(whole) > state.length]
            live = [live[i] for i in going]
            if live:
                logits, state = generator.step([whole[state.length] for whole in live], state.rows(going))
    return logits_after
