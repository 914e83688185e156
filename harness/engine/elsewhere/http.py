"""A model behind an OpenAI-compatible server: completions or chat, with patience for servers that misbehave.

Choices are scored by log-probability where the server returns those of the prompt (completions with ``echo``) and a
probe finds them believable; otherwise the model is asked for a letter and its text is parsed, and what names no
choice is counted as failed. Whatever a server says costs at most that answer, unless no other would come either.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from functools import partial
from itertools import islice

import anyio
from anyio.from_thread import BlockingPortal

from harness.engine.backend import Batch, Options
from harness.engine.elsewhere import http_answers, http_form, http_opening, http_scoring
from harness.engine.elsewhere.http_address import address_of
from harness.engine.elsewhere.http_body import IN_VAIN, NEWER, GaveUp, Json
from harness.engine.elsewhere.http_limit import RateLimit
from harness.engine.elsewhere.http_retry import Calls, Pause
from harness.engine.elsewhere.named import named, question_of_letters
from harness.engine.elsewhere.wording import addressed
from harness.engine.special import cut
from harness.errors import ModelError, Unsupported, UsageError
from harness.types import (
    Choose,
    Chosen,
    Constraint,
    Failed,
    Generate,
    Generated,
    Likelihood,
    ModelInfo,
    PseudoLikelihood,
    Question,
    Request,
    Response,
    Scored,
)

IN_A_ROW = 8
"""Requests without an answer, and no answered one between them, before the server is asked if it is still there."""
KNOCK = Generate("Say yes.", 16)
LETTER, THOUGHT = 16, 8192
"""Tokens of an answer that is a letter, and of one that comes after a thought."""


class Server:
    """One model of one server. ``way``: how it scores a text that it is given, None where it is asked for letters."""

    def __init__(self, name: str, options: Options, pause: Pause = anyio.sleep) -> None:
        if options.chat_template is not None:
            raise UsageError(f"openai:{name}: a server has a chat template of its own; leave --chat-template out")
        self.name = name
        self._options = options
        self._address = address_of(name, options.base_url)
        limit = RateLimit(options.requests_per_minute, options.tokens_per_minute, pause)
        self._calls = Calls(self._address, options.base_url or "", options.timeout, pause, limit)
        self._limit = "max_tokens"
        self._spellings: dict[str, http_form.Spelling] = {}
        self._opened: http_answers.Tags | None = None
        self._asked_how = not options.chat
        self._deaf = False if options.system or not options.chat else None
        with self._calls.open() as portal:
            portal.call(self._calls.present)
            self.way, greedy, note = (None, False, "") if options.chat else portal.call(self._probed)
        answers: set[type] = {Choose, Generate, Constraint} | ({Likelihood} if self.way and greedy else set())
        fingerprint = {
            "server": self._address.shown,
            "model": name,
            "endpoint": "chat" if options.chat else "completions",
            "system": options.system or "",
            "choices": "log-probabilities" if self.way else "text",
        }
        self.info = ModelInfo(f"openai:{name}", fingerprint, frozenset(answers), notices=(note,) if note else ())

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """Batches as answers arrive. Raises Unsupported for rolled texts and for constraints that the server does not
        hold its answers to, ModelError where no more answers will come.

        Then nothing is kept of the requests that were in vain, so that a resumed run asks them again.
        """
        rolled = next((q for q in questions if isinstance(q.request, Likelihood) and not q.request.context), None)
        if rolled:
            raise Unsupported(f"{self.info.name}: texts without a context ({rolled.task}) cannot be rolled by a server")
        left = [i for i in range(len(questions)) if i not in done]
        if left:
            self._find_opening()
        self.learn(questions[i].request for i in left)
        forms = {r.constraint.kind for i in left if isinstance(r := questions[i].request, Generate) and r.constraint}
        for kind in sorted(forms - self._spellings.keys()):
            with self._calls.open() as portal:
                self._spellings[kind] = self._spelled(portal, kind)
        return self._arrivals(questions, left)

    def learn(self, requests: Iterable[Request]) -> None:
        """Find out if the server takes system messages, where one is asked with; ``info`` tells it where it does not.

        Raises ModelError where no answers will come.
        """
        if self._deaf is not None or not any(map(_ruled, requests)):
            return
        self._find_opening()
        with self._calls.open() as portal:
            self._deaf = portal.call(http_opening.deaf, self._greedy)
        if self._deaf:
            fingerprint = {**self.info.fingerprint, "system_messages": "told by the user"}
            notices = (*self.info.notices, http_opening.FOLDED)
            self.info = replace(self.info, fingerprint=fingerprint, notices=notices)

    def stats(self) -> Mapping[str, float | str]:
        """Requests sent, retries among them, and the tokens that the server counted."""
        return {**{key: float(value) for key, value in self._calls.counts.items()}, **self._calls.usage.stats()}

    def _find_opening(self) -> None:
        if not self._asked_how:
            with self._calls.open() as portal:
                self._opened = portal.call(http_opening.opened, self._greedy)
            self._asked_how = True

    async def _greedy(self, request: Generate) -> http_answers.Said:
        return await self._text(request, {"temperature": 0.0})

    def _spelled(self, portal: BlockingPortal, kind: http_form.Kind) -> http_form.Spelling:
        try:
            return portal.call(http_form.spelling, kind, self._thought_out, self.info.name)
        except GaveUp as error:
            raise ModelError(f"{self._address.shown}: {error}") from None

    def _arrivals(self, questions: Sequence[Question], left: list[int]) -> Iterator[Batch]:
        """Batches as answers arrive; where no more will come, those that have arrived before the error says so."""
        open_: dict[Future[Response], int] = {}
        with self._calls.open(self._options.concurrency) as portal:
            try:
                yield from self._patiently(portal, self._each(portal, questions, iter(left), open_))
            except ModelError:
                wait(open_, self._options.timeout)  # an answer may be on its way
                yield from ([pair] for pair in answered(open_))
                raise

    def _patiently(self, portal: BlockingPortal, arrivals: Iterator[tuple[int, Response]]) -> Iterator[Batch]:
        """What was in vain is held back to the end: the server may be gone, and a resumed run then asks it again."""
        held: Batch = []
        row = 0
        for position, response in arrivals:
            if not in_vain(response):
                row = 0
                yield [(position, response)]
                continue
            held.append((position, response))
            row += 1
            if row % IN_A_ROW == 0:
                self._knock(portal, len(held))
        if held:
            self._knock(portal, len(held))
            yield held

    def _each(
        self,
        portal: BlockingPortal,
        questions: Sequence[Question],
        left: Iterator[int],
        open_: dict[Future[Response], int],
    ) -> Iterator[tuple[int, Response]]:
        """(position, response) as they arrive, never more requests at once than allowed.

        ``open_`` holds the requests that have not been handed out yet, with their positions.
        """
        try:
            while True:
                for i in islice(left, self._options.concurrency - len(open_)):
                    open_[portal.start_task_soon(self._one, questions[i].request)] = i
                if not open_:
                    return
                for future in wait(open_, return_when=FIRST_COMPLETED).done:
                    yield open_.pop(future), future.result()
        finally:
            for future in open_:
                future.cancel()

    def _knock(self, portal: BlockingPortal, unanswered: int) -> None:
        """Raises ModelError where the server answers nothing at all any more."""
        try:
            portal.call(self._greedy, KNOCK)
        except GaveUp as error:
            if error.kind in IN_VAIN:
                raise ModelError(
                    f"{self._address.shown}: no answer any more (requests in vain: {unanswered}): {error}; "
                    "what was answered is kept, --resume asks the rest"
                ) from None

    async def _one(self, request: Request) -> Response:
        try:
            match request:
                case Generate():
                    return await self._generated(request)
                case Choose() if self.way:
                    scores = [await self._scored(request.prompt, choice) for choice in request.choices]
                    sums = tuple(s.logprob for s in scores)
                    return Chosen(sums.index(max(sums)), sums, tuple(s.tokens for s in scores))
                case Choose():
                    return await self._picked(request)
                case Likelihood():
                    return await self._scored(request.context, request.text, greedy=True)
                case PseudoLikelihood():
                    return Failed("unsupported", "a server masks no tokens")
        except GaveUp as error:
            return Failed(error.kind, self._address.clean(str(error)))

    async def _generated(self, request: Generate) -> Generated:
        asked: Json = {"temperature": request.temperature, "top_p": request.top_p, "seed": request.seed}
        if request.stop:
            asked["stop"] = list(request.stop[:4])  # servers take four; the rest is cut here
        if request.constraint:
            asked |= self._spellings[request.constraint.kind](request.constraint.text)
        try:
            said = await self._text(request, asked)
        except GaveUp as error:
            if error.kind != "thinking" or error.said == "length" or not asked.pop("stop", None):
                raise
            said = await self._text(request, asked)  # for a stop string may have ended the thought
        text, stopped = cut(said.text, request.stop)
        return Generated(text, said.tokens, "stop" if stopped else "length" if said.cut else "end", said.reasoning)

    async def _picked(self, request: Choose) -> Response:
        """Ask for a letter; take the one choice that the answer names.

        One that the model thinks about is asked again with room for that, whatever it did before: no answer depends on
        what else is asked.
        """
        lettered = question_of_letters(request)
        if isinstance(lettered, Failed):
            return lettered
        greedy: Json = {"temperature": 0.0}
        said = await self._thought_out(Generate(lettered.prompt, LETTER, messages=lettered.messages), greedy)
        return named(request, said.text)

    async def _thought_out(self, request: Generate, asked: Json) -> http_answers.Said:
        """A text, asked for again with room for a thought where the model thinks first."""
        try:
            return await self._text(request, asked)
        except GaveUp as error:
            if error.kind != "thinking":
                raise
            return await self._text(replace(request, max_tokens=THOUGHT), asked)

    async def _text(self, request: Generate, asked: Json) -> http_answers.Said:
        """The text of one completion; ``asked``: how it is drawn and where it stops."""
        chat = self._options.chat
        path, name = "chat/completions" if chat else "completions", self._limit
        wording = addressed(request, self._options, folded=bool(self._deaf))
        body = {"model": self.name, **wording, **asked, name: request.max_tokens}
        try:
            read = partial(http_answers.said, chat=chat, opened=self._opened)
            return await self._calls.post(path, body, read)
        except GaveUp as error:
            if name == NEWER or error.kind != "refused" or NEWER not in error.said:
                raise
            self._limit = NEWER  # as newer models want it, and say so
            return await self._text(request, asked)

    async def _scored(self, context: str, text: str, *, greedy: bool = False) -> Scored:
        """Log-likelihood of ``text`` after ``context``; trailing spaces of the context belong to the text."""
        prompt, start = context + text, len(context.rstrip())
        assert self.way is not None
        read = self.way.read
        body = self.way.request(self.name, prompt)
        tokens = await self._calls.post("completions", body, lambda answer: read(answer, prompt))
        own = [token for token in tokens if token.end > start]
        scores = tuple(token.logprob for token in own if token.logprob is not None)
        if not scores or len(scores) < len(own):
            raise GaveUp("logprobs", f"log-probabilities for {len(scores)} of {len(own)} tokens of the text")
        if greedy and any(token.greedy is None for token in own):
            raise GaveUp("logprobs", "the answer does not tell which tokens were likeliest (top_logprobs)")
        return Scored(sum(scores), len(scores), len(text.encode()), all(token.greedy for token in own), scores)

    async def _probed(self) -> tuple[http_scoring.ScoringWay | None, bool, str]:
        """(how the server scores a text, whether it tells which tokens are likeliest, why it does not score).

        Raises ModelError where no answer comes.
        """
        try:
            way, greedy, why = await http_scoring.way_of(self.name, partial(self._calls.post, "completions"))
        except GaveUp as error:
            raise ModelError(f"{self._address.shown}: {error}") from None
        return way, greedy, "" if way else f"{why}; choices are asked by letter"


def _ruled(request: Request) -> bool:
    """Whether a task's own system message stands before what is asked."""
    return isinstance(request, Choose | Generate) and any(m.role == "system" for m in request.messages)


def in_vain(response: Response) -> bool:
    """Whether nobody answered: the server may be gone."""
    return isinstance(response, Failed) and response.kind in IN_VAIN


def answered(open_: Mapping[Future[Response], int]) -> Iterator[tuple[int, Response]]:
    """What has arrived meanwhile: (position, response)."""
    for future, position in open_.items():
        if future.done() and not future.cancelled() and not future.exception() and not in_vain(future.result()):
            yield position, future.result()


def open_http(name: str, options: Options) -> Server:
    """Connect to a server and find out what it can do. Raises UsageError without --base-url, ModelError if down."""
    return Server(name, options)
