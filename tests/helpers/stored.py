"""Runs, outcomes and estimates that the store's tests put in and expect back."""

from harness.types import (
    Card,
    Choose,
    Chosen,
    Estimate,
    Example,
    Failed,
    Generate,
    Generated,
    Judged,
    Likelihood,
    MetricRecord,
    Outcome,
    Run,
    Scored,
    TaskRecord,
)

CARD = Card(measures="whether it works", limits="says little", source="this test", licence="Apache-2.0")


def task(name: str = "toy/choice", version: int = 1) -> TaskRecord:
    return TaskRecord(
        name=name, version=version, fingerprint=f"print of {name}", data_sha256="d" * 64, data_source="packaged", n=5,
        shots=2, shots_source="train", card=CARD, metrics=(MetricRecord(name="acc"),),
    )  # fmt: skip


def run(run_id: str = "run-1", *, model: str = "toy", started: str = "2026-01-01T00:00:00+00:00", tasks=None) -> Run:
    return Run(
        id=run_id, model=model, fingerprint={"weights": f"sha of {model}", "dtype": "float32"},
        tasks=(task(),) if tasks is None else tasks, settings={"seed": 0, "limit": None, "shots": 2},
        versions={"torch": "2"}, command="harness run toy", started=started, engine={"seconds": 0.1, "peak": "1 GB"},
    )  # fmt: skip


def estimate(metric: str = "acc", value: float = 0.75, **changes: object) -> Estimate:
    given = {"task": "toy/choice", "slice": "all", "low": 0.5, "high": 0.9, "n": 4, "clusters": 3, "failed": 1}
    return Estimate(metric=metric, value=value, **{**given, **changes})  # type: ignore[arg-type]


def outcomes(n: int = 4) -> list[Outcome]:
    """n choices, right for even numbers; then one generation, one likelihood and one failure."""
    rows = [choice(i) for i in range(n)]
    text = Example("text", {"q": "wörld"}, ["a", "b"], {"topic": "x y"})
    rows.append(
        Outcome(text, (Generate("say", 5, ("\n",), 0.7, 0.9, 3),), (Generated("hi\n\"'", 2, "stop"),), Judged("hi", {}))
    )
    page = Example("page", {"text": "abc"}, None, {}, "book")
    scored = Scored(-0.1 - 0.2, 2, 3, False, (-0.1, -0.2))
    rows.append(Outcome(page, (Likelihood("abc", "", 4),), (scored,), Judged("", {"nll": (0.30000000000000004, 3.0)})))
    failed = Failed("timeout", "no answer\nat all")
    rows.append(Outcome(Example("gone", {}, 1), (Choose("p", ("x", "y")),), (failed,), None, failed))
    return rows


def choice(i: int) -> Outcome:
    example = Example(
        f"e{i}", {"q": f"question {i}", "k": i}, i % 2, {"gender": "female" if i % 3 else "male"}, f"c{i // 2}"
    )
    right = i % 2 == 0
    answer = Chosen(i % 2, (-0.1 * (i + 1), float("-inf")), (1, 2))
    judged = Judged(" yes" if right else " no", {"acc": float(right), "logprob": -0.1 * (i + 1)}, right)
    return Outcome(example, (Choose(f"Q: question {i}\nA:", (" yes", " no")),), (answer,), judged)
