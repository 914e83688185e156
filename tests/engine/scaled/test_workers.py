"""Workers on real Ray nodes: the bits of one process, whatever dies, hangs, leaves or joins."""

import json
import os
import random
import signal
from importlib.util import find_spec
from pathlib import Path

import pytest
from asking import asked
from ray_nodes import SMALL, ray_nodes
from tiny import WORDS, causal, saved
from toy import Toy, chosen, open_toy

from harness.answers.journal import Journal
from harness.engine.backend import Options
from harness.engine.load import load
from harness.engine.scaled.crew import Patience
from harness.engine.scaled.dispatch import Dispatch
from harness.engine.scaled.driver import open_scaled
from harness.errors import ModelError, RunError, UsageError
from harness.run import ask
from harness.types import Choose, Failed, Generate, Likelihood

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")
QUICK = Patience(heartbeat=2.0, look=0.5, nobody=120.0)


@pytest.fixture(scope="module")
def cluster():
    """A head that computes nothing, and two nodes with one core each."""
    with ray_nodes(1, 1) as made:
        yield made


def questions(count=240):
    return asked([Choose(f"question {i}", ("a", "b", "c")) for i in range(count)])


def folder(path: Path, **faults) -> str:
    (path / "toy.json").write_text(json.dumps(faults))
    return str(path)


def workers(spec, count=2, patience=QUICK, opener=open_toy, **more):
    return open_scaled(spec, Options(workers=count, threads=1, device="cpu", **more), opener, patience)


def wait_for_all(backend) -> None:
    """Until every worker has its model open: otherwise the first one may be done before the others are there."""
    waiting = Dispatch(backend.crew, b"")
    while not all(member.report for member in backend.crew.members):
        list(waiting.step())


def lines(backend, path: Path, over=None) -> tuple[list[bytes], list]:
    """The journal of a run, sorted, and its answers."""
    with Journal.open(path, {"identity": "x", "total": 0}) as journal:
        answers = ask(backend, over or questions(), journal)
    return sorted(path.read_bytes().splitlines()), answers


def expected():
    return [chosen(question) for question in questions()]


def test_one_process_and_two_workers_on_two_nodes_write_the_same_journal(cluster, tmp_path, tmp_path_factory):
    model = str(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))
    draw = random.Random(3)
    head = " ".join(WORDS[:40])

    def text(most):
        return " ".join(draw.choices(WORDS, k=draw.randint(1, most)))

    mixed = asked(
        [Choose(f"{head} {text(9)}", (f" {text(3)}", f" {text(3)}")) for _ in range(60)]
        + [Generate(f"{head} {text(9)}", draw.randint(2, 8)) for _ in range(80)]
        + [Likelihood(text(20), text(3)) for _ in range(60)]
    )
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    one = lines(load(model, Options(token_budget=64, device="cpu")), tmp_path / "one", mixed)
    torch.set_num_threads(before)
    spread = workers(model, opener=load, patience=Patience(), token_budget=64)
    wait_for_all(spread)
    assert lines(spread, tmp_path / "two", mixed) == one
    stats = spread.stats()
    assert stats["workers"] == 2 and stats["units"] >= 4 and stats["retries"] == 0
    assert 0 <= stats["idle_share"] < 1
    assert stats["nodes"].count("CPU with") == 2
    assert stats["tokens_computed"] > 0 and spread.info.pinned


def test_ten_killed_workers_change_nothing(cluster, tmp_path):
    whole = lines(Toy("nowhere"), tmp_path / "one")
    backend = workers(folder(tmp_path, seconds=0.02))
    draw, killed = random.Random(5), 0
    with Journal.open(tmp_path / "two", {"identity": "x", "total": 0}) as journal:
        for number, batch in enumerate(backend.answer(questions())):
            journal.append(batch)
            busy = [member for member in backend.crew.members if member.state == "busy" and member.report]
            if number % 5 == 4 and killed < 10 and busy:
                os.kill(draw.choice(busy).report.pid, signal.SIGKILL)
                killed += 1
    assert killed == 10
    assert sorted((tmp_path / "two").read_bytes().splitlines()) == whole[0]
    assert backend.stats()["workers_lost"] >= 8  # one may be killed twice before it is noticed


def test_nodes_that_leave_and_join_change_nothing(cluster, tmp_path):
    made, nodes = cluster
    backend = workers(folder(tmp_path, seconds=0.03), patience=Patience(heartbeat=5.0, look=0.5))
    answers = {}
    for number, batch in enumerate(backend.answer(questions())):
        assert not answers.keys() & {position for position, _ in batch}
        answers.update(batch)
        if number in (8, 25, 42):
            made.remove_node(nodes.pop(0), allow_graceful=False)
            nodes.append(made.add_node(num_cpus=1, **SMALL))
    assert [answers[i] for i in range(240)] == expected()


def test_a_batch_that_kills_three_workers_is_failed_and_nothing_else(cluster, tmp_path):
    backend = workers(folder(tmp_path, fatal=[101]))
    _, answers = lines(backend, tmp_path / "journal")
    wrong = [i for i, (got, right) in enumerate(zip(answers, expected(), strict=True)) if got != right]
    assert wrong == [100, 101, 102, 103] and all(isinstance(answers[i], Failed) for i in wrong)
    assert answers[101].kind == "worker-died" and "3 workers died" in answers[101].message
    assert len((tmp_path / "deaths").read_text().split()) == 3
    assert backend.stats()["workers_lost"] >= 3  # a node that has just left may have taken one more


@pytest.mark.parametrize("fault", ["frozen", "exhausted"])
def test_a_worker_that_hangs_or_has_no_memory_left_is_replaced(fault, cluster, tmp_path):
    backend = workers(folder(tmp_path, **{fault: [150]}))
    backend.crew.patience = Patience(heartbeat=0.0, look=0.5)
    assert lines(backend, tmp_path / "journal")[1] == expected()
    assert backend.stats()["workers_lost"] >= 1 and backend.stats()["retries"] >= 1


def test_a_node_with_other_weights_or_another_plan_is_named(cluster, tmp_path):
    for number, (fault, message) in enumerate([("differs", "weights"), ("plans", "plans other batches")]):
        place = tmp_path / str(number)
        place.mkdir()
        with pytest.raises(ModelError, match=rf"worker on .* \(process \d+\).*{message}") as error:
            list(workers(folder(place, seconds=1.0, **{fault: True})).answer(questions()))  # until the second one is up
        assert error.value.exit_code == 3


def test_what_a_worker_raises_is_raised_here_with_its_node(cluster, tmp_path):
    with pytest.raises(RunError, match=r"worker on .* failed: ZeroDivisionError: by a toy"):
        list(workers(folder(tmp_path, wrong=[7])).answer(questions()))
    with pytest.raises(RunError, match="ValueError: no such weights"):
        workers(folder(tmp_path, broken="no such weights"))


def test_a_second_copy_of_an_answer_has_to_be_equal(cluster, tmp_path):
    assert lines(workers(folder(tmp_path, again=[200])), tmp_path / "journal")[1] == expected()
    again = workers(folder(tmp_path, again=[200], wrongly=True))
    with pytest.raises(ModelError, match=r"worker on .*gives question 0 of the plan another answer than the one on .*"):
        list(again.answer(questions()))


def test_a_resumed_run_computes_what_is_missing_with_another_number_of_workers(cluster, tmp_path):
    spec = folder(tmp_path)
    with Journal.open(tmp_path / "journal", {"identity": "x", "total": 0}) as journal:
        for number, batch in enumerate(workers(spec).answer(questions())):
            journal.append(batch)
            if number == 20:
                break
    backend = workers(spec, count=1)
    assert lines(backend, tmp_path / "journal") == lines(Toy("nowhere"), tmp_path / "one")
    assert backend.stats()["tokens_computed"] == 240 - 21 * 4


def test_nobody_comes_up(cluster, tmp_path):
    with pytest.raises(RunError, match=r"no worker has come up for 1 seconds: each takes 9 CPUs and 0 GPUs; there are"):
        open_scaled(folder(tmp_path), Options(workers=1, threads=9, device="cpu"), open_toy, Patience(nobody=1.0))


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("openai:gpt", Options(workers=2), "--workers and --ray are for local models"),
        ("x", Options(workers=2, device="cuda:1"), "every worker has a card of its own"),
    ],
)
def test_what_workers_cannot_do_is_refused_first(spec, options, message):
    with pytest.raises(UsageError, match=message):
        open_scaled(spec, options, open_toy)
