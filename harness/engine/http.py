"""A model behind an OpenAI-compatible server: completions or chat, with patience for servers that misbehave.

Choices are scored by log-probability where the server returns those of the prompt (completions with ``echo``);
otherwise the model is asked for a letter and its text is parsed, and what names no choice is counted as failed.
"""

import email.utils
import os
import random
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, Literal, TypeVar, cast

import httpx

from harness.engine.backend import Batch, Options, until
from harness.engine.named import letters_of, named
from harness.errors import ModelError, Unsupported, UsageError
from harness.types import (
    Choose,
    Chosen,
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

ATTEMPTS = 6
KEYS = ("HARNESS_API_KEY", "OPENAI_API_KEY")
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
FATAL = {401: "the key is refused", 403: "access is denied", 404: "no such model or path"}
Json = dict[str, Any]
T = TypeVar("T")


class GaveUp(Exception):
    """A request that no attempt brought an answer to; its text holds no key."""


class Server:
    """One model of one server. ``echo``: it returns the log-probabilities of a prompt's own tokens."""

    def __init__(self, name: str, options: Options, pause: Callable[[float], None] = time.sleep) -> None:
        if not options.base_url:
            raise UsageError(f"openai:{name} needs --base-url, such as http://127.0.0.1:8000/v1")
        key = next((os.environ[k] for k in KEYS if os.environ.get(k)), None)
        self.name = name
        self._options = options
        self._pause = pause
        self._key = key
        self._draw = random.Random(0)
        self._lock = threading.Lock()
        self._counts = {"requests": 0, "retries": 0, "completion_tokens": 0}
        self._client = httpx.Client(
            base_url=options.base_url.rstrip("/") + "/",
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=options.timeout,
            limits=httpx.Limits(max_connections=options.concurrency),
        )
        self.echo = self._present() if options.chat else self._echoes()
        answers: set[type] = {Choose, Generate} | ({Likelihood} if self.echo else set())
        fingerprint = {
            "server": options.base_url,
            "model": name,
            "endpoint": "chat" if options.chat else "completions",
            "system": options.system or "",
            "choices": "log-probabilities" if self.echo else "text",
        }
        self.info = ModelInfo(f"openai:{name}", fingerprint, frozenset(answers))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        """One batch per answer, as they arrive. Raises Unsupported for rolled texts, ModelError for a refused key."""
        rolled = next((q for q in questions if isinstance(q.request, Likelihood) and not q.request.context), None)
        if rolled:
            raise Unsupported(
                f"{self.info.name}: texts without a context ({rolled.task.name}) cannot be rolled by a server"
            )
        return self._arrivals(questions, [i for i in range(len(questions)) if i not in done])

    def stats(self) -> Mapping[str, float | str]:
        """Requests sent, retries among them, and completion tokens that the server counted."""
        return {key: float(value) for key, value in self._counts.items()}

    def _arrivals(self, questions: Sequence[Question], left: list[int]) -> Iterator[Batch]:
        pool = ThreadPoolExecutor(self._options.concurrency)
        try:
            futures = {pool.submit(self._one, questions[i].request): i for i in left}
            for future in as_completed(futures):
                yield [(futures[future], future.result())]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _one(self, request: Request) -> Response:
        try:
            match request:
                case Generate():
                    return self._generated(request)
                case Choose() if self.echo:
                    scores = [self._scored(request.prompt, choice) for choice in request.choices]
                    sums = tuple(s.logprob for s in scores)
                    return Chosen(sums.index(max(sums)), sums, tuple(s.tokens for s in scores))
                case Choose():
                    return self._picked(request)
                case Likelihood():
                    return self._scored(request.context, request.text)
                case PseudoLikelihood():
                    return Failed("unsupported", "a server masks no tokens")
        except GaveUp as error:
            return Failed("server", str(error))

    def _generated(self, request: Generate) -> Generated:
        asked: Json = {
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "seed": request.seed,
        }
        if request.stop:
            asked["stop"] = list(request.stop[:4])  # servers take four; the rest is cut here
        text, choice, usage = self._text(request.prompt, asked)
        cut = until(text, request.stop)
        finish: Literal["stop", "length", "end"] = "length" if choice.get("finish_reason") == "length" else "end"
        return Generated(cut, int(usage.get("completion_tokens", 0)), finish if cut == text else "stop")

    def _picked(self, request: Choose) -> Response:
        """Ask for a letter; take the one choice that the answer names."""
        letters = letters_of(request.choices)
        if not letters:
            return Failed("unsupported", f"{len(request.choices)} choices are too many to be lettered")
        options = "\n".join(f"{letter}. {c.strip()}" for letter, c in zip(letters, request.choices, strict=True))
        prompt = f"{request.prompt}\n\n{options}\n\nAnswer with the letter of the right choice only.\nLetter:"
        text, _, _ = self._text(prompt, {"max_tokens": 16, "temperature": 0.0})
        return named(request, text)

    def _text(self, prompt: str, asked: Json) -> tuple[str, Json, Json]:
        """(text, choice, usage) of one completion."""
        if self._options.chat:
            system = [{"role": "system", "content": self._options.system}] if self._options.system else []
            messages = [*system, {"role": "user", "content": prompt}]
            path, body = "chat/completions", {"model": self.name, "messages": messages, **asked}
        else:
            path, body = "completions", {"model": self.name, "prompt": prompt, **asked}

        def read(answer: Json) -> tuple[str, Json, Json]:
            choice = answer["choices"][0]
            text = choice["message"]["content"] if self._options.chat else choice["text"]
            if not isinstance(text, str):
                raise TypeError("the answer has no text")
            return text, choice, answer.get("usage") or {}

        found = self._post(path, body, read)
        with self._lock:
            self._counts["completion_tokens"] += int(found[2].get("completion_tokens", 0))
        return found

    def _scored(self, context: str, text: str) -> Scored:
        """Log-likelihood of ``text`` after ``context``; trailing spaces of the context belong to the text."""
        kept = context.rstrip()
        whole, start = context + text, len(kept)
        body = {"model": self.name, "prompt": whole, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0.0}

        def read(answer: Json) -> Scored:
            tokens = _echoed(answer, start, len(whole))
            scores = tuple(p for p, _ in tokens if p is not None)
            if not scores or len(scores) < len(tokens):
                raise ValueError("no log-probability for a token of the text")
            greedy = all(best for _, best in tokens)
            return Scored(sum(scores), len(scores), len(text.encode()), greedy, scores)

        return self._post("completions", body, read)

    def _present(self) -> bool:
        """False: chat gives no log-probabilities of a prompt. Raises ModelError where no server answers."""
        try:
            self._client.get("models")
        except httpx.TransportError as error:
            raise ModelError(f"{self._options.base_url}: {type(error).__name__}: {self._clean(str(error))}") from None
        return False

    def _echoes(self) -> bool:
        """Whether completions give log-probabilities of the prompt. Raises ModelError where no server answers."""
        body = {"model": self.name, "prompt": "one two three", "max_tokens": 1, "echo": True, "logprobs": 1}
        try:
            return self._post("completions", body, lambda answer: len(_echoed(answer, 3, 13)) > 1)
        except GaveUp as error:
            if "HTTP 400" in str(error) or "HTTP 422" in str(error):
                return False
            raise ModelError(f"{self._options.base_url}: {error}") from None

    def _post(self, path: str, body: Json, read: Callable[[Json], T]) -> T:
        """The part of an answer that ``read`` takes, tried several times. Raises GaveUp, or ModelError if hopeless."""
        reason = ""
        for attempt in range(ATTEMPTS):
            with self._lock:
                self._counts["requests"] += 1
                self._counts["retries"] += attempt > 0
            wait = None
            try:
                answer = self._client.post(path, json=body)
                if answer.status_code in FATAL:
                    raise ModelError(
                        f"{self._options.base_url}: HTTP {answer.status_code}: {FATAL[answer.status_code]}"
                    )
                if answer.status_code < 400:
                    return read(cast(Json, answer.json()))
                reason = f"HTTP {answer.status_code}: {self._clean(answer.text)}"
                if answer.status_code not in PASSING:
                    break
                wait = retry_after(answer.headers.get("Retry-After"), time.time())
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {self._clean(str(error))}"
            except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
                reason = f"malformed answer: {type(error).__name__}: {self._clean(str(error))}"
            if attempt + 1 < ATTEMPTS:
                self._pause(wait if wait is not None else min(30.0, 0.5 * 2**attempt) * self._jitter())
        raise GaveUp(reason)

    def _jitter(self) -> float:
        with self._lock:
            return self._draw.uniform(0.5, 1.5)

    def _clean(self, text: str) -> str:
        """A server's words on one short line, without the key should it repeat it."""
        line = " ".join(text.split())
        return (line.replace(self._key, "***") if self._key else line)[:200]


def open_http(name: str, options: Options) -> Server:
    """Connect to a server and find out what it can do. Raises UsageError without --base-url, ModelError if down."""
    return Server(name, options)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or an HTTP date), at most 120; None without one."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        parsed = email.utils.parsedate_to_datetime(header) if "," in header else None
        if parsed is None:
            return None
        seconds = parsed.timestamp() - now
    return min(120.0, max(0.0, seconds))


def _echoed(answer: Json, start: int, end: int) -> list[tuple[float | None, bool]]:
    """(log-probability, is the likeliest) of the echoed tokens that reach into characters [start, end)."""
    found = answer["choices"][0].get("logprobs") or {}
    columns = [found.get(k) or [] for k in ("tokens", "token_logprobs", "text_offset")]
    tops = found.get("top_logprobs") or [None] * len(columns[0])
    return [
        (p, top is None or (token in top and top[token] >= max(top.values())))
        for token, p, offset, top in zip(*columns, tops, strict=True)
        if offset + len(token) > start and offset < end
    ]
