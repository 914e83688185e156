"""A process of its own that writes runs into a store: ``writer.py URL SAMPLES NAME COUNT [PAUSE_AT]``."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from stored import choice, estimate, run, task

from harness.store import open_store


def main(url: str, samples: str, name: str, count: int, pause_at: str = "") -> None:
    print("ready", flush=True)  # everything is imported
    store = open_store(url, samples=samples)
    for i in range(count):
        made = run(f"{name}-{i}", model=f"m{i % 3}", tasks=(task("shared"), task(f"own{i % 2}")))
        store.start(made)
        if pause_at == "started":
            print("started", flush=True)
            time.sleep(60)
        numbers = [estimate(f"metric{k}", i + k / 10) for k in range(10)]
        store.finish(made, {"shared": [choice(k) for k in range(3)]}, numbers)
        store.tag(made.id, f"tag-{name}-{i}")
        store.set_baseline("main", made.id, name)
    print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), *sys.argv[5:])
