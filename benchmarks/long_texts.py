"""Long contexts of `ruler:`: are their lengths met in the embedded model's own tokens, and is a text the same again?

python benchmarks/long_texts.py [TEXTS OF EACH TASK]
"""

import hashlib
import sys

from harness import run as running
from harness.engine.backend import Options
from harness.engine.unloaded import open_unloaded
from harness.types import Generate, Settings
from harness_tasks.ruler import ruler

MODEL = "smollm2"


def main(limit: int) -> None:
    """Print the shortest and longest share of the length that a text and its answer have, and a hash of all texts."""
    known = open_unloaded(MODEL, Options())
    texts = hashlib.sha256()
    for task in ruler(MODEL):
        [planned] = running.plan([task], Settings(limit=limit), None)
        shares: dict[int, list[float]] = {}
        for example, (request,) in zip(planned.examples, planned.requests, strict=True):
            assert isinstance(request, Generate)
            length = int(example.slices["length"])
            tokens = len(known.tokenizer(request.prompt)["input_ids"]) + request.max_tokens
            shares.setdefault(length, []).append(tokens / length)
            texts.update(request.prompt.encode())
        ends = ", ".join(f"{length:,}: {min(own):.4f} to {max(own):.4f}" for length, own in sorted(shares.items()))
        print(f"{task.name} ({len(planned.examples)} texts) {ends}")
    print(f"all texts {texts.hexdigest()[:16]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
