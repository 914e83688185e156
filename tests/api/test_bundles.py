"""A suite in one file: the same bytes wherever it is packed, the same numbers from it, and no way in for anybody."""

import json
import socket
import subprocess
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from forked import command
from tiny import causal, word_tokenizer
from trained import lines

import harness
from harness.api.bundling import bundle, jobs_in, run_bundle
from harness.api.packing import Packing
from harness.differences.bundles import bundles_differ
from harness.errors import DataError, HarnessError, RunError, UsageError
from harness.offline.manifest import Manifest, Origin, PackedFile, flaw_of_path, read_manifest
from harness.offline.network import NetworkRefused, hub_cache_at, no_network
from harness.offline.signature import sign
from harness.offline.tar import BLOCK, header, write_tar
from harness.offline.unpack import open_bundle
from harness.store import open_store
from harness.suite import jobs_of

QUESTIONS = "".join(
    json.dumps({"question": f"w{i} w1", "answer": "w2", "choices": ["w2", "w3"]}) + "\n" for i in range(6)
)
TASK = """
data = "rows.csv"
prompt = "{text}"
answer = "label"
choices = ["w3", "w2"]
licence = "CC0-1.0"
"""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A folder with a model, files of tasks and a suite of them."""
    root = tmp_path_factory.mktemp("room")
    tokenizer = word_tokenizer()
    causal("llama", len(tokenizer)).save_pretrained(root / "model")
    tokenizer.save_pretrained(root / "model")
    (root / "model" / "README.md").write_text("---\nlicense: mit\n---\n# a model\n")
    (root / "model" / "code.py").write_text("raise SystemExit\n")
    (root / "tasks").mkdir()
    (root / "tasks" / "rows.csv").write_text(
        "text,label\n" + "".join(f"{row['text']},{'w2' if row['label'] else 'w3'}\n" for row in lines(10, 2))
    )
    (root / "tasks" / "next.toml").write_text(TASK)
    (root / "quiz.jsonl").write_text(QUESTIONS)
    suite = 'models = ["model"]\ntasks = ["quiz.jsonl", "tasks/next.toml", "demo/sentiment"]\n[settings]\nlimit = 8\n'
    (root / "suite.toml").write_text(suite)
    return root


@pytest.fixture(scope="module")
def packed(room, tmp_path_factory):
    """The bundle, as a file, and its manifest."""
    file = tmp_path_factory.mktemp("packed") / "bundle.tar"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(room)
        return file, bundle("suite.toml", file, models=True)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A pair of keys, and another public one."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("mine", "other"):
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / name], check=True)
        subprocess.run(["openssl", "pkey", "-in", folder / name, "-pubout", "-out", folder / f"{name}.pub"], check=True)
    return folder


def test_two_builds_are_byte_equal_and_any_tar_reads_them(room, packed, tmp_path, monkeypatch):
    monkeypatch.chdir(room)
    bundle("suite.toml", tmp_path / "again.tar", models=True)
    assert (tmp_path / "again.tar").read_bytes() == packed[0].read_bytes()
    listed = subprocess.run(["tar", "tf", packed[0]], check=True, capture_output=True, text=True).stdout.split()
    assert listed == ["manifest.json", *[entry.path for entry in packed[1].entries]]
    kinds = {entry.path: entry.origin for entry in packed[1].entries}
    assert kinds["files/tasks/rows.csv"].licence == "CC0-1.0"
    assert kinds["models/0-model/model.safetensors"] == Origin(kind="model", id="model", licence="mit")
    assert not any(path.endswith(".py") for path in kinds)


def test_the_same_numbers_as_outside_where_nothing_else_is_left(room, packed, tmp_path, monkeypatch, cache):
    monkeypatch.chdir(room)
    [outside] = harness.run_suite("suite.toml", store=str(tmp_path / "outside"))
    suite = tmp_path / "elsewhere" / "suite.toml"
    suite.parent.mkdir()
    suite.write_text((room / "suite.toml").read_text())
    monkeypatch.chdir(suite.parent)
    [inside] = run_bundle("suite.toml", packed[0], store=str(tmp_path / "inside"))
    assert outside.result and inside.result
    assert inside.result.estimates == outside.result.estimates
    kept = open_store(str(tmp_path / "inside")).run(inside.result.run.id)
    assert (kept.bundle, kept.model, kept.fingerprint) == (packed[1].id, "model", outside.result.run.fingerprint)
    assert [task.data_sha256 for task in kept.tasks] == [task.data_sha256 for task in outside.result.run.tasks]
    assert bundles_differ(kept, kept) == ""
    told = bundles_differ(outside.result.run, kept)
    assert told == f"run {outside.result.run.id} comes from no bundle, run {kept.id} from bundle {kept.bundle[:12]}"


def test_a_task_that_is_not_in_it_is_named_before_a_model_is_opened(packed, tmp_path, cache):
    suite = tmp_path / "suite.toml"
    suite.write_text('models = ["no/such-model"]\ntasks = ["demo/sentiment", "arc_easy"]\n')
    with pytest.raises(UsageError, match="does not hold arc_easy .*harness fetch SUITE -o FILE"):
        run_bundle(suite, packed[0], store=str(tmp_path / "store"))


def test_a_task_without_its_data_is_named_before_a_model_is_opened(tmp_path, cache):
    """A manifest that claims more than the bundle holds; outside, the data may be at hand."""
    (tmp_path / "page.txt").write_text("nothing")
    packing = Packing()
    packing.add("data/page.txt", tmp_path / "page.txt", Origin(kind="file", id="page.txt"))
    manifest = Manifest(format=1, harness="0", tasks={"arc_easy": 1}, entries=tuple(packing.entries.values()))
    write_tar(tmp_path / "b.tar", manifest, packing.sources, None)
    (tmp_path / "suite.toml").write_text('models = ["no/such-model"]\ntasks = ["arc_easy"]\n')
    with pytest.raises(DataError, match="b.tar claims arc_easy and lacks its data allenai/ai2_arc/ARC-Easy/test"):
        run_bundle(tmp_path / "suite.toml", tmp_path / "b.tar", store=str(tmp_path / "store"), offline=False)


def test_a_signature_is_required_of_its_owner(room, tmp_path, monkeypatch, cache, keys):
    monkeypatch.chdir(room)
    manifest = bundle("suite.toml", tmp_path / "signed.tar", key=keys / "mine")
    unsigned = bundle("suite.toml", tmp_path / "unsigned.tar")
    assert manifest.id == unsigned.id
    opened = open_bundle(tmp_path / "signed.tar", keys / "mine.pub")
    assert opened.manifest == manifest
    for file, key, words in (
        ("signed.tar", "other.pub", "is not signed by"),
        ("unsigned.tar", "mine.pub", "is not signed$"),
        ("signed.tar", "mine", "no public Ed25519 key"),
        ("signed.tar", "none", "cannot read the key"),
    ):
        with pytest.raises(UsageError, match=words):
            open_bundle(tmp_path / file, keys / key)
    source = tmp_path / "row"
    source.write_bytes(b"row\n")
    sources = {"data/a/b.jsonl": source}
    write_tar(tmp_path / "other.tar", manifest_of(entry()), sources, sign(manifest, keys / "mine"))
    with pytest.raises(UsageError, match="has signed is another bundle"):
        open_bundle(tmp_path / "other.tar", keys / "mine.pub")
    with pytest.raises(UsageError, match="no private Ed25519 key"):
        bundle("suite.toml", tmp_path / "x.tar", key=keys / "mine.pub")
    assert not (tmp_path / "x.tar").exists()


# ------------------------------------------------------------------------------------------------ what others may send
def entry(path="data/a/b.jsonl", content=b"row\n"):
    import hashlib

    return PackedFile(
        path=path, size=len(content), sha256=hashlib.sha256(content).hexdigest(), origin=Origin(kind="file", id="x")
    )


def manifest_of(*entries, **others):
    return Manifest(format=1, harness="0", tasks={}, entries=entries, **others)


def tar_of(manifest, *members):
    """A file as ``write_tar`` lays it out, with any headers and contents."""
    page = manifest.canonical() if isinstance(manifest, Manifest) else manifest
    blocks = [(header("manifest.json", len(page)), page), *members]
    body = b"".join(head + content + b"\0" * (-len(content) % BLOCK) for head, content in blocks)
    return body + b"\0" * 2 * BLOCK


def linked(kind, target=b"/etc/passwd"):
    """The header of a link or device."""
    head = bytearray(header("data/a/b.jsonl", 0))
    head[156:157] = kind
    head[157 : 157 + len(target)] = target
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head), b""


GOOD = (header("data/a/b.jsonl", 4), b"row\n")
HOSTILE = {
    "traversal": tar_of(manifest_of(entry("data/../../b")), (header("data/../../b", 4), b"row\n")),
    "absolute": tar_of(manifest_of(entry("/tmp/b")), (header("/tmp/b", 4), b"row\n")),
    "symlink": tar_of(manifest_of(entry()), linked(b"2")),
    "hard link": tar_of(manifest_of(entry()), linked(b"1")),
    "device": tar_of(manifest_of(entry()), linked(b"3")),
    "oversize": tar_of(manifest_of(entry()), (header("data/a/b.jsonl", 5), b"rows\n")),
    "bomb": tar_of(manifest_of(replace(entry(), size=10**15)), (header("data/a/b.jsonl", 10**15), b"row\n")),
    "flipped byte": tar_of(manifest_of(entry()), (GOOD[0], b"rox\n")),
    "truncated": tar_of(manifest_of(entry()), GOOD)[:-700],
    "another name": tar_of(manifest_of(entry()), (header("data/a/c.jsonl", 4), b"row\n")),
    "one more": tar_of(manifest_of(entry()), GOOD, (header("data/a/z.jsonl", 4), b"row\n")),
    "one less": tar_of(manifest_of(entry(), entry("data/a/c.jsonl")), GOOD),
    "twice": tar_of(manifest_of(entry(), entry()), GOOD, GOOD),
    "case": tar_of(manifest_of(entry("data/A/b"), entry("data/a/b")), GOOD, GOOD),
    "file and folder": tar_of(manifest_of(entry("data/a"), entry("data/a/b")), GOOD, GOOD),
    "stray model": tar_of(manifest_of(entry(), models={"m": "models/m"}), GOOD),
    "not canonical": tar_of(json.dumps(json.loads(manifest_of(entry()).canonical())).encode(), GOOD),
    "other format": tar_of(b'{"format":2}', GOOD),
    "no manifest": b"\0" * 4096,
    "gzip": b"\x1f\x8b" + b"\0" * 600,
    "empty": b"",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_hostile_is_refused_and_nothing_is_written(kind, tmp_path):
    file = tmp_path / "bundle.tar"
    file.write_bytes(HOSTILE[kind])
    with pytest.raises(HarnessError) as error:
        open_bundle(file, cache=tmp_path / "cache")
    assert error.value.exit_code in (2, 3) and "\n" not in str(error.value)
    assert not list((tmp_path / "cache").iterdir() if (tmp_path / "cache").exists() else ())


def test_the_same_file_unharmed_is_taken(tmp_path):
    file = tmp_path / "bundle.tar"
    file.write_bytes(tar_of(manifest_of(entry()), GOOD))
    opened = open_bundle(file, cache=tmp_path / "cache")
    assert (opened.data / "a" / "b.jsonl").read_bytes() == b"row\n"
    (opened.data / "a" / "b.jsonl").write_bytes(b"raw\n")
    with pytest.raises(DataError, match="was changed after it was unpacked"):
        open_bundle(file, cache=tmp_path / "cache")


@pytest.mark.parametrize("path", ["data", "data/a\\b", "data/a:b", "data/ ", "data/./b", f"data/{'n' * 101}", "d/\n"])
def test_paths_that_not_every_file_system_takes(path):
    assert flaw_of_path(path)


def test_large_files_have_room_in_a_header():
    assert header("models/a/b", 2**40)[124:136] == b"\x80" + (2**40).to_bytes(11, "big")
    assert read_manifest(manifest_of(entry()).canonical(), "x") == manifest_of(entry())


def test_a_file_that_changes_while_it_is_packed(tmp_path):
    source = tmp_path / "rows"
    source.write_bytes(b"raw\n")
    with pytest.raises(RunError, match="changed while it was packed"):
        write_tar(tmp_path / "b.tar", manifest_of(entry()), {"data/a/b.jsonl": source}, None)
    assert [path.name for path in tmp_path.iterdir()] == ["rows"]


# ----------------------------------------------------------------------------------------------- what cannot be packed
@pytest.mark.parametrize(
    ("suite", "words"),
    [
        ('models = ["scripted:oracle"]\ntasks = ["demo/qa"]', "no weights that could be packed"),
        ('models = ["model"]\ntasks = ["../outside.jsonl"]', "lies outside of"),
        ('models = ["model"]\ntasks = ["coded.toml"]', "coded.toml names the metric 'python:length.py:score', and a"),
        ('models = ["model"]\ntasks = ["hub.toml"]', "hub.toml names the metric 'evaluate:some/score', and a bundle"),
        ('models = ["model"]\ntasks = ["judged.toml"]', "the judge of judged is a server"),
    ],
)
def test_what_no_bundle_can_hold(room, tmp_path, monkeypatch, suite, words):
    monkeypatch.chdir(room)
    (room.parent / "outside.jsonl").write_text(QUESTIONS)
    (room / "length.py").write_text("def score(prediction, references):\n    return float(len(prediction))\n")
    (room / "coded.toml").write_text(
        'data = "quiz.jsonl"\nprompt = "{question}"\nanswer = "answer"\nmetrics = [{use = "python:length.py:score"}]\n'
    )
    (room / "hub.toml").write_text(
        'data = "quiz.jsonl"\nprompt = "{question}"\nanswer = "answer"\nmetrics = ["evaluate:some/score"]\n'
    )
    (room / "judged.toml").write_text(
        'data = "quiz.jsonl"\nprompt = "{question}"\n'
        'judge = {model = "openai:x", base_url = "http://127.0.0.1:9/v1", rubric = "{response}"}\n'
    )
    (tmp_path / "suite.toml").write_text(suite)
    with pytest.raises(UsageError, match=words):
        bundle(tmp_path / "suite.toml", tmp_path / "b.tar", models=True)
    assert not (tmp_path / "b.tar").exists()


def test_wheels_come_with_the_list_that_pip_reads(room, tmp_path, monkeypatch):
    monkeypatch.chdir(room)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with pytest.raises(UsageError, match="holds no wheels"):
        bundle("suite.toml", tmp_path / "b.tar", wheels=wheels)
    (wheels / "toy-1.0-py3-none-any.whl").write_bytes(b"wheel")
    manifest = bundle("suite.toml", tmp_path / "b.tar", wheels=wheels)
    opened = open_bundle(tmp_path / "b.tar", cache=tmp_path / "cache")
    [wheel] = [one for one in manifest.entries if one.path.endswith(".whl")]
    assert (opened.folder / "wheels" / "requirements.txt").read_text() == f"toy==1.0 --hash=sha256:{wheel.sha256}\n"


# ---------------------------------------------------------------------------------------------------------- no network
def test_nothing_outside_is_reached_and_afterwards_all_is_as_before(monkeypatch):
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)
    before = socket.socket.connect
    with no_network():
        for ask in (
            lambda: socket.create_connection(("192.0.2.1", 80), 1),
            lambda: socket.create_connection(("example.org", 80), 1),
            lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53)),
            lambda: httpx.get("https://example.org", timeout=1),
        ):
            with pytest.raises(NetworkRefused, match="was asked for"):
                ask()
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), 1).close()
    assert socket.socket.connect is before
    with hub_cache_at(Path("/nowhere")):
        import huggingface_hub.constants

        assert huggingface_hub.constants.HF_HUB_CACHE == "/nowhere"
    assert huggingface_hub.constants.HF_HUB_CACHE != "/nowhere"


def test_files_of_a_suite_are_placed_whatever_they_are_for(packed, room, tmp_path, monkeypatch):
    monkeypatch.chdir(room)
    (room / "pairs.csv").write_text("first,second\nw1,w2\n")
    (room / "terms.txt").write_text("w1\n")
    suite = (room / "suite.toml").read_text() + 'scorer = "lexicon:terms.txt"\ncounterfactual = ["pairs.csv"]\n'
    (tmp_path / "suite.toml").write_text(suite)
    bundle(tmp_path / "suite.toml", tmp_path / "b.tar", models=True)
    opened = open_bundle(tmp_path / "b.tar", cache=tmp_path / "cache")
    [job] = jobs_in(opened, jobs_of(tmp_path / "suite.toml"), "b.tar")
    assert job.settings.scorer == f"lexicon:{opened.folder / 'files' / 'terms.txt'}"
    assert job.settings.counterfactual == (str(opened.folder / "files" / "pairs.csv"),)
    assert (job.model, job.title) == (str(opened.folder / "models" / "0-model"), "model")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('metrics = [{use = "python:mine.py:f", level = "example"}]', "names the metric 'python:mine.py:f', and"),
        ('metrics = [{use = "python:os:system", level = "example"}]', "names the metric 'python:os:system', and"),
        (
            'metrics = ["evaluate:somebody/score"]',
            "names the metric 'evaluate:somebody/score', and a bundle brings no code",
        ),
        ('judge = {model = "openai:x", base_url = "http://127.0.0.1:9/v1", rubric = "{response}"}', "is a server, and"),
        ('data = "{outside}"', "reads .*outside.csv', which lies outside of the bundle"),
        ('data = "../../../outside.csv"', "reads .*outside.csv', which lies outside of the bundle"),
        ('data = "rows.csv"\ntrain = "{outside}"', "reads .*outside.csv', which lies outside of the bundle"),
    ],
)
def test_a_task_in_it_brings_no_code_and_reads_nothing_else(line, words, tmp_path, cache):
    """A bundle that ``harness fetch`` would not have made; the suite names a task of the catalogue."""
    ran = tmp_path / "ran"
    (tmp_path / "outside.csv").write_text("text,label\nw1,w2\nw3,w3\n")
    line = line.format(outside=tmp_path / "outside.csv") if "{outside}" in line else line
    head = "" if line.startswith("data") else 'data = "rows.csv"\n'
    contents = {
        "files/t/mine.py": f"open({str(ran)!r}, 'w')\ndef f(predictions, references):\n    return 1.0\n",
        "files/t/next.toml": head + line + '\nprompt = "{text}"\nanswer = "label"\n',
        "files/t/rows.csv": "text,label\nw1,w2\nw3,w3\n",
    }
    packing = Packing()
    for path, text in contents.items():
        source = tmp_path / Path(path).name
        source.write_text(text)
        packing.add(path, source, Origin(kind="file", id=source.name))
    manifest = Manifest(
        format=1, harness="0", tasks={"next": 1}, files={"demo/qa": "files/t/next.toml"},
        entries=tuple(packing.entries[path] for path in sorted(packing.entries)),
    )  # fmt: skip
    write_tar(tmp_path / "b.tar", manifest, packing.sources, None)
    (tmp_path / "suite.toml").write_text('models = ["scripted:oracle"]\ntasks = ["demo/qa"]\n')
    with pytest.raises(UsageError, match=words):
        run_bundle(tmp_path / "suite.toml", tmp_path / "b.tar", store=str(tmp_path / "s"))
    assert not ran.exists()


def test_the_commands_do_the_same(room, packed, keys, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "b.tar"
    made = command("fetch", "suite.toml", "-o", file, "--models", "--sign", keys / "mine", cwd=room)
    assert made.returncode == 0 and packed[1].id in made.stdout
    words = ("run", room / "suite.toml", "--bundle", file, "--offline", "--store", "s", "--limit", 2)
    ran = command(*words, "--verify", keys / "mine.pub", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert open_store(str(tmp_path / "s")).runs()[0].bundle == packed[1].id
    wrong = command(*words, "--verify", keys / "other.pub", cwd=tmp_path)
    assert wrong.returncode == 2 and "is not signed by" in wrong.stderr.splitlines()[-1]
    lonely = command("run", "model", "-t", "demo/qa", "--verify", "x", cwd=room)
    assert lonely.returncode == 2 and "--verify needs --bundle" in lonely.stderr
