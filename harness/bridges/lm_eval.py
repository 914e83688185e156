"""Our models inside lm-evaluation-harness: importing this module registers the model ``harness`` with it.

import harness.bridges.lm_eval
lm_eval.simple_evaluate(model="harness", model_args="model=path/to/model,dtype=bfloat16", tasks=["arc_easy"])
"""

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lm_eval.models  # noqa: F401 - registers their own models: later they would not, as another one is there
from lm_eval.api.model import LM, TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import simple_parse_args_string

from harness.bridges.lm_eval_tasks.index import require_package
from harness.bridges.lm_eval_tasks.mirror import mirrored
from harness.bridges.lm_eval_tasks.requests import answer_of, requests_of
from harness.bridges.options import options_of
from harness.engine.backend import Backend
from harness.errors import RunError, Unsupported, UsageError
from harness.plugins import load_model
from harness.run import failure_of
from harness.types import Generate, Question, Request, Response

NAME = "harness"
IGNORED = ("batch_size", "max_batch_size")
"""What their command line hands to every model and ours decide for themselves."""

UNASKED = "cuda:0"
"""The device of their command line where none is typed. Their own models take the CPU where there is no such device."""

MISTYPED = ("Attempted to load model", "Tasks not found")
"""How their errors begin that are about a name on the command line."""


@register_model(NAME)
class HarnessLM(LM):  # type: ignore[misc]  # untyped
    """A model of ours behind their seam. All requests of a kind are planned together, and equal ones asked once.

    ``model``: as for ``harness run``, or a backend that is open. ``options``: fields of ``Options``; ``truncate`` is
    "left" as with their own models, where our runs refuse prompts that are too long.
    Raises UnknownName for other words, RunError for an answer that is none: it can be no score there.
    """

    def __init__(self, model: str | Backend = "", **options: Any) -> None:
        super().__init__()
        given = {name: value for name, value in options.items() if name not in IGNORED and value is not None}
        wanted = options_of({"truncate": "left", **given}, "model_args of harness", ("model",))
        if not model:
            raise UsageError("model_args of harness lack model=PATH")
        self.backend = load_model(model, wanted) if isinstance(model, str) else model

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: dict[str, Any] | None = None) -> "HarnessLM":
        """As for their own models, from ``model=PATH,dtype=float32``."""
        return cls.create_from_arg_obj(simple_parse_args_string(arg_string), additional_config)

    @classmethod
    def create_from_arg_obj(
        cls, arg_dict: dict[str, Any], additional_config: dict[str, Any] | None = None
    ) -> "HarnessLM":
        """As for their own models. Options of the command line yield to the model's own, and UNASKED is no device."""
        more = {name: value for name, value in (additional_config or {}).items() if value is not None}
        if more.get("device") == UNASKED:
            del more["device"]
        return cls(**{**more, **arg_dict})

    def loglikelihood(self, requests: Sequence[Any], **_: Any) -> list[tuple[float, bool]]:
        """(log P of the continuation, whether it is greedy) for every request."""
        return self._answers("loglikelihood", requests)

    def loglikelihood_rolling(self, requests: Sequence[Any], **_: Any) -> list[float]:
        """log P of whole texts, in disjoint windows."""
        return self._answers("loglikelihood_rolling", requests)

    def generate_until(self, requests: Sequence[Any], **_: Any) -> list[str]:
        """Texts without their stop strings; a request that comes again is drawn anew with the next seed."""
        return self._answers("generate_until", requests)

    def _answers(self, kind: str, requests: Sequence[Any]) -> list[Any]:
        draws: Counter[int] = Counter()
        asked: list[Request] = []
        for request in requests:
            [one] = requests_of(kind, request.args, seed=draws[id(request)])
            draws[id(request)] += isinstance(one, Generate)
            asked.append(one)
        distinct = list(dict.fromkeys(asked))
        first = dict(zip(reversed(asked), reversed(requests), strict=True))
        questions = [Question(str(first[q].task_name), str(first[q].doc_id), n, q) for n, q in enumerate(distinct)]
        answered = dict(pair for batch in self.backend.answer(questions) for pair in batch)
        answers = {one: _require(questions[n], answered[n]) for n, one in enumerate(distinct)}
        given = [answer_of(answers[one], kind) for one in asked]
        for request, answer in zip(requests, given, strict=True):
            self.cache_hook.add_partial(kind, request.args, answer)
        return given

    # ------------------------------------------------------------------------------------------------------------ chat
    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer. Raises Unsupported for a model that has none here, such as a server."""
        checkpoint = getattr(self.backend, "checkpoint", None)
        if checkpoint is None:
            raise Unsupported(f"{self.backend.info.name} has no tokenizer here, so no chat template can be applied")
        return checkpoint.tokenizer

    @property
    def tokenizer_name(self) -> str:
        """What their cache of requests calls the tokenizer."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def chat_template(self, chat_template: bool | str = False) -> str | None:
        """The template that is used, as their own models choose it."""
        chosen: str | None = TemplateLM.chat_template(self, chat_template)
        return chosen

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """The turns as one text; a last turn of the model's is left open where no new one is begun."""
        return str(
            self.tokenizer.apply_chat_template(
                chat_history,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        )

    def get_model_info(self) -> Mapping[str, Any]:
        """What their results keep of the model."""
        info = self.backend.info
        return {"model_num_parameters": info.parameters or -1, "harness_fingerprint": dict(info.fingerprint)}


def _require(question: Question, response: Response) -> Response:
    """The response, if it is one. Raises RunError: their seam has no place for a failure, which must not be a score."""
    failure = failure_of(response)
    if failure:
        raise RunError(f"{question.task}, document {question.example}: {failure.kind}: {failure.message}")
    return response


def command_line(words: Sequence[str], folder: Path | None = None) -> int:
    """Their own command line, ``lm-eval WORDS``, with the model ``harness``; gives the exit code.

    Data sets are looked for in a folder in the Hub's layout first. Raises UsageError for a model or task that the
    package does not know, for which it has a trace.
    """
    from lm_eval.__main__ import cli_evaluate

    require_package()
    before = sys.argv
    sys.argv = ["lm-eval", *words]
    try:
        with mirrored(folder):
            cli_evaluate()
    except ValueError as error:
        if str(error).startswith(MISTYPED):
            raise UsageError(str(error)) from error
        raise
    except SystemExit as ended:  # of their parser, or for a flag such as --help
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.argv = before
    return 0
