"""Whole runs by workers: numbers, samples and answers of one process, and a driver that is killed."""

import os
import re
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from ray_nodes import SMALL, of_session, ray_nodes, require_end
from tiny import causal, saved

import harness
from harness.answers.journal import contents
from harness.engine.backend import Options
from harness.store import open_store

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="the extra `ray` is not installed")
TASKS = ["demo/sentiment", "demo/qa", "demo/pronouns"]
SLOW = {"device": "cpu", "engine": "reference"}


@pytest.fixture(scope="module")
def cluster():
    """One node with room for two workers."""
    with ray_nodes(2) as made:
        yield made


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def whole(model, tmp_path_factory):
    """The run of one process with one thread."""
    store = str(tmp_path_factory.mktemp("whole"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    result = harness.evaluate(model, TASKS, options=Options(**SLOW), store=store, cache=False)
    torch.set_num_threads(before)
    return bits(result, store)


def bits(result, store):
    """Numbers, and every sample with its answers, as text."""
    samples = [open_store(store).samples(result.run.id, task.name) for task in result.run.tasks]
    return [repr(e) for e in result.estimates], [
        repr(s.drop(columns="run", errors="ignore").to_dict("records")) for s in samples
    ]


def spread(model, store, workers, **more):
    options = Options(**SLOW, workers=workers, threads=1)
    return harness.evaluate(model, TASKS, options=options, store=str(store), cache=False, **more)


def test_two_workers_on_a_node_and_three_nodes_give_the_numbers_and_samples_of_one_process(
    cluster, model, whole, tmp_path
):
    made, nodes = cluster
    states: list[str] = []
    result = spread(model, tmp_path / "two", 2, state=states.append)
    assert states and all(re.fullmatch(r"[12] workers?, \d+% idle", one) for one in states)
    assert result.run.engine["nodes"].count(": 2 x") == 1
    assert bits(result, str(tmp_path / "two")) == whole
    made.remove_node(nodes.pop(0), allow_graceful=False)
    nodes += [made.add_node(num_cpus=1, **SMALL) for _ in range(3)]
    result = spread(model, tmp_path / "three", 3)
    assert result.run.engine["nodes"].count(": 1 x") >= 2  # on a busy machine the last may join when all is done
    assert bits(result, str(tmp_path / "three")) == whole


def test_a_killed_driver_leaves_no_process_and_resumes_with_another_number_of_workers(cluster, model, whole, tmp_path):
    """Its own cluster ends with it; the same run goes on with one worker of another cluster."""
    store = tmp_path / "store"
    command = [str(Path(sys.executable).with_name("harness")), "run", model, "--tasks", ",".join(TASKS), "--quiet",
               "--no-cache", "--workers", "2", "--threads", "1", "--store", str(store)]  # fmt: skip
    command += [word for name, value in SLOW.items() for word in (f"--{name}", value)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HARNESS_", "RAY_"))}
    with (tmp_path / "errors").open("wb") as errors:  # no pipe: whoever waits for its end waits for Ray's processes
        driver = subprocess.Popen(command, env=environment, stderr=errors)
    deadline = time.monotonic() + 120
    while not (journals := list(store.glob("journals/*.journal"))) or not contents(journals[0])[1]:
        assert time.monotonic() < deadline and driver.poll() is None, (tmp_path / "errors").read_text()
        time.sleep(0.01)
    [session] = [folder.name for folder in Path("/tmp/ray").glob(f"session_*_{driver.pid}")]
    assert len(of_session(session)) > 4
    driver.send_signal(signal.SIGKILL)
    assert driver.wait(60) == -signal.SIGKILL
    require_end(session, 120)
    answered = {position for batch in contents(journals[0])[1] for position, _ in batch}
    result = spread(model, store, 1, resume=True)
    assert bits(result, str(store)) == whole
    assert 0 < len(answered) < sum(task.n for task in result.run.tasks)
    assert [run.status for run in open_store(str(store)).runs()] == ["finished"]
