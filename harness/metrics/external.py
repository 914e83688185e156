"""Metrics from outside: of the `evaluate` library, of torchmetrics, a Python function, or a plug-in's.

    evaluate:NAME[#KEY]            a metric of the Hub (fetched once), or the folder or script of one; KEY of its result
    torchmetrics:CLASS[#KEY]       a class of `torchmetrics.text`, if that package is installed
    python:MODULE:FUNCTION[#KEY]   a function (predictions, references) -> number or mapping; MODULE may be a file.py
    NAME                           an entry point of the group `harness.metrics`

A text metric is given the extracted answers and a list of references for each; a choice metric the indices picked and
right. Nothing is known of such a metric, so that a corpus metric is computed anew without each of a hundred parts of
the examples: up to ``AFFORDABLE`` examples it has an interval, above it has none. With ``level="example"`` it is the
mean of the metric of each example alone, with the interval of a mean; that is another number unless it is a mean.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.metadata import entry_points, version
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from harness.errors import DataError, UnknownName, UsageError, quoted
from harness.metrics.calibrate import rights
from harness.metrics.classify import mean
from harness.metrics.measures import ChoiceMeasure, Measure, TextMeasure
from harness.metrics.whole import over_outcomes
from harness.types import Chosen, Example, Metric, Outcome

Compute = Callable[[list[Any], list[Any]], object]
"""Predictions and references of some examples -> a number, or a mapping that holds it."""
Pairs = Callable[[Outcome], tuple[Any, Any]]
"""A judged outcome -> its prediction and its reference."""
Level = Literal["corpus", "example"]

AFFORDABLE = 200
"""Examples up to which a corpus metric is computed again for an interval."""
SCHEMES = {
    "evaluate": "evaluate:NAME",
    "torchmetrics": "torchmetrics:CLASS",
    "python": "python:MODULE:FUNCTION",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A metric from outside as it is written, and how it is used; ``base`` is the folder that paths start from.

    ``range``: the least and the largest value that it can have, where that is known; its interval keeps within.
    """

    use: str
    name: str | None = None
    level: Level = "corpus"
    better: Literal["higher", "lower"] = "higher"
    range: tuple[float, float] = (-math.inf, math.inf)
    base: Path = Path()


def text_measure(spec: Spec | str, *, load: bool = False) -> TextMeasure:
    """A measure for ``generation``. What is known only by loading (a script, a module) is loaded when first used,
    or at once with ``load``. Raises UsageError, DataError."""
    spec = Spec(use=spec) if isinstance(spec, str) else spec
    if _scheme(spec.use) is None:
        offered: TextMeasure = _offered(spec.use)
        return offered
    metric, value_of = _measure(spec, load, _answer_of)

    def value(example: Example, answer: str) -> float | None:
        return value_of(answer, list(example.target))

    return Measure(metric, value)


def choice_measure(spec: Spec | str, *, load: bool = False) -> ChoiceMeasure:
    """A measure for ``multiple_choice`` and ``classification``: indices picked and right. Raises as above.

    Where several choices are right, the one picked if it is among them.
    """
    spec = Spec(use=spec) if isinstance(spec, str) else spec
    if _scheme(spec.use) is None:
        offered: ChoiceMeasure = _offered(spec.use)
        return offered
    metric, value_of = _measure(spec, load, _choice_of)

    def value(example: Example, picked: int, response: Chosen) -> float | None:
        return value_of(picked, _right_of(example, picked))

    return Measure(metric, value)


def _answer_of(outcome: Outcome) -> tuple[Any, Any]:
    """The extracted answer of a judged outcome, and its references."""
    return outcome.judged.prediction if outcome.judged else "", list(outcome.example.target)


def _choice_of(outcome: Outcome) -> tuple[Any, Any]:
    """The index that was picked, and that of a right choice."""
    first = outcome.responses[0]
    assert isinstance(first, Chosen)
    return first.picked, _right_of(outcome.example, first.picked)


def _right_of(example: Example, picked: int) -> Any:
    """Where several choices are right, the one picked if it is among them."""
    return picked if picked in rights(example) else example.target


def _measure(spec: Spec, load: bool, pairs: Pairs) -> tuple[Metric, Callable[[Any, Any], float | None]]:
    """The metric and (prediction, reference) -> its value for an example; None where it is of whole answers."""
    loaded: list[Compute] = []
    _check(spec)

    def compute(predictions: list[Any], references: list[Any]) -> float:
        if not loaded:
            loaded.append(_load(spec))
        try:
            return _within(_number(loaded[0](predictions, references), spec), spec)
        except (UsageError, DataError):
            raise
        except (Exception, SystemExit) as error:  # a function of the user's must not end the run as if all were well
            raise DataError(f"metric {spec.use}: {type(error).__name__}: {error}") from error

    if load:
        loaded.append(_load(spec))
    if spec.level == "example":
        return _mean(spec), lambda said, right: compute([said], [right])
    return _corpus(spec, compute, pairs), lambda said, right: None


def _mean(spec: Spec) -> Metric:
    limits = "From outside: the mean of each example's own value."
    alone = mean(_name(spec), bounds=spec.range, better=spec.better, limits=limits, signature=_signature(spec))
    return replace(alone, contents=_contents(spec))


def _corpus(spec: Spec, compute: Callable[[list[Any], list[Any]], float], pairs: Pairs) -> Metric:
    """A metric of all examples at once, with an interval while that is affordable."""
    limits = (
        f"From outside: computed over all examples at once; no interval above {AFFORDABLE} examples, and none in a "
        "comparison of stored runs."
    )

    def over(outcomes: Sequence[Outcome]) -> float:
        said, right = zip(*map(pairs, outcomes), strict=True)
        return compute(list(said), list(right))

    metric = over_outcomes(
        _name(spec),
        over,
        better=spec.better,
        bounds=spec.range,
        limits=limits,
        signature=_signature(spec),
        affordable=AFFORDABLE,
    )
    return replace(metric, contents=_contents(spec))


# --------------------------------------------------------------------------------------------------------- where it is
def _scheme(use: str) -> str | None:
    scheme, colon, _ = use.partition(":")
    if colon and scheme not in SCHEMES:
        raise UnknownName("kind of metric", scheme, SCHEMES)
    return scheme if colon else None


def _parts(spec: Spec) -> tuple[str, str, str | None]:
    """Scheme, place and key."""
    scheme, _, rest = spec.use.partition(":")
    place, sharp, key = rest.partition("#")
    return scheme, place, key if sharp else None


def _name(spec: Spec) -> str:
    _, place, key = _parts(spec)
    return spec.name or key or Path(place.rpartition(":")[2]).stem.lower()


def _signature(spec: Spec) -> str:
    """What pins the metric beside the user's own files: how it is written and used, and the library's release."""
    scheme, _, _ = _parts(spec)
    release = f"|evaluate:{version('evaluate')}" if scheme == "evaluate" else ""
    return f"{spec.use}|{spec.level}{release}"


def _contents(spec: Spec) -> str:
    """A hash of the user's own files that compute the metric; empty where it is an installed one."""
    held = b"\0".join(script.read_bytes() for script in _scripts(spec))
    return blake2b(held, digest_size=6).hexdigest() if held else ""


def _scripts(spec: Spec) -> list[Path]:
    """The user's own files that a metric is computed by; none where it is an installed one."""
    scheme, place, _ = _parts(spec)
    own = spec.base / (place.rpartition(":")[0] if scheme == "python" else place)
    if own.is_dir() and scheme == "evaluate":
        return sorted(own.glob("*.py"))
    return [own] if own.suffix == ".py" and own.is_file() else []


def brings_code(spec: Spec) -> bool:
    """Whether a metric calls a function by name (any one that is installed), a file, or a stranger's repository.

    Nothing is loaded.
    """
    scheme = _scheme(spec.use)
    return scheme is not None and (scheme == "python" or "/" in _parts(spec)[1] or bool(_scripts(spec)))


def _check(spec: Spec) -> None:
    """What can be told without loading: the shape of a name and whether its package is installed."""
    scheme, place, _ = _parts(spec)
    if spec.level not in ("corpus", "example") or spec.better not in ("higher", "lower"):
        raise UsageError(f"metric {spec.use}: level is corpus or example, better is higher or lower")
    low, high = spec.range
    if not low < high:
        raise UsageError(f"metric {spec.use}: range = [{low:g}, {high:g}] does not begin below its end")
    if not place or (scheme == "python" and not place.rpartition(":")[0]):
        raise UsageError(f"metric {spec.use!r} is not written {SCHEMES[scheme]}")
    if scheme == "torchmetrics" and importlib.util.find_spec("torchmetrics") is None:
        raise UsageError(f"metric {spec.use} needs the package torchmetrics, which is not installed")


def _load(spec: Spec) -> Compute:
    scheme, place, _ = _parts(spec)
    return {"evaluate": _evaluate, "torchmetrics": _torchmetrics, "python": _python}[scheme](spec, place)


def _number(result: object, spec: Spec) -> float:
    """The number in a result, NaN where there is none; of a mapping the key's, its own name's or the only one."""
    _, place, key = _parts(spec)
    if isinstance(result, Mapping) and result:
        wanted = key or (next(iter(result)) if len(result) == 1 else Path(place.rpartition(":")[2]).stem)
        if wanted not in result:
            raise UsageError(f"metric {spec.use} gives {', '.join(map(str, result))}: name one as {spec.use}#KEY")
        result = result[wanted]
    if hasattr(result, "item") and getattr(result, "size", 1) != 0:
        result = result.item()
    if result is None or result == {}:
        return math.nan
    if isinstance(result, bool) or not isinstance(result, int | float):
        raise DataError(f"metric {spec.use} gives {quoted(result, 80)}, not a number")
    return float(result)


def _within(number: float, spec: Spec) -> float:
    """A number that lies in the range that was stated. Raises DataError for another."""
    low, high = spec.range
    if number < low or number > high:
        raise DataError(f"metric {spec.use} gives {number:g}, which is outside its range from {low:g} to {high:g}")
    return number


# -------------------------------------------------------------------------------------------------------------- loading
def _evaluate(spec: Spec, place: str) -> Compute:
    """A module of the `evaluate` library: a folder or script of the user's, or a name of the Hub."""
    if os.environ.get("HF_HUB_OFFLINE"):
        os.environ.setdefault("HF_EVALUATE_OFFLINE", "1")
    import evaluate

    local = spec.base / place
    try:
        module = evaluate.load(str(local.resolve()) if local.exists() else place, keep_in_memory=True)
    except FileNotFoundError:
        raise UsageError(
            f"metric {spec.use} is not at hand: no folder or script {local}, not in the cache of `evaluate` and not "
            "on the Hub as far as it can be reached; connect once, or name a folder with the metric's script"
        ) from None
    except Exception as error:
        raise UsageError(f"metric {spec.use} does not load: {type(error).__name__}: {error}") from error
    formats = module.features if isinstance(module.features, list) else [module.features]
    several = any(not hasattr(form["references"], "dtype") or _is_list(form["references"]) for form in formats)

    def compute(predictions: list[Any], references: list[Any]) -> object:
        right = references if several else [_only(reference, spec) for reference in references]
        return module.compute(predictions=predictions, references=right)

    return compute


def _is_list(feature: Any) -> bool:
    return type(feature).__name__ in ("Sequence", "List", "LargeList")


def _only(reference: Any, spec: Spec) -> Any:
    if isinstance(reference, list):
        if len(reference) > 1:
            raise DataError(f"metric {spec.use} takes one reference an example; there are {len(reference)}")
        return reference[0]
    return reference


def _torchmetrics(spec: Spec, place: str) -> Compute:
    """A class of torchmetrics.text; one that takes a single reference is given it bare."""
    text = importlib.import_module("torchmetrics.text")
    valid = [name for name in dir(text) if name[0].isupper()]
    if place not in valid:
        raise UnknownName("metric of torchmetrics.text", place, valid)
    metric = getattr(text, place)()
    bare = "Rate" in place or place in ("WordInfoLost", "WordInfoPreserved", "EditDistance", "BERTScore", "InfoLM")

    def compute(predictions: list[Any], references: list[Any]) -> object:
        metric.reset()
        return metric(predictions, [_only(r, spec) for r in references] if bare else references)

    return compute


def _python(spec: Spec, place: str) -> Compute:
    """A function of an installed module or of a file."""
    where, _, name = place.rpartition(":")
    try:
        module = _file(spec.base / where) if where.endswith(".py") else importlib.import_module(where)
    except (Exception, SystemExit) as error:
        raise UsageError(f"metric {spec.use}: {where} cannot be imported: {type(error).__name__}: {error}") from error
    attribute = getattr(module, name, None)
    if not callable(attribute):
        public = [key for key, value in vars(module).items() if inspect.isfunction(value)]
        raise UnknownName(f"function of {where}", name, public)
    function: Compute = attribute
    return function


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def offered() -> list[str]:
    """Names of the metrics that plug-ins offer."""
    return sorted(point.name for point in entry_points(group="harness.metrics"))


def _offered(name: str) -> Any:
    """The Measure that the entry point ``name`` makes."""
    point = next((p for p in entry_points(group="harness.metrics") if p.name == name), None)
    if point is None:
        raise UnknownName("metric", name, offered())
    try:
        measure = point.load()()
    except Exception as error:
        raise UsageError(f"metric plug-in {name} ({point.value}) failed: {type(error).__name__}: {error}") from error
    if not isinstance(measure, Measure):
        raise UsageError(f"metric plug-in {name} ({point.value}) gives no Measure: a task cannot use it")
    return measure
