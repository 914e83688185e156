"""IFBench: instructions that models were not trained on, and whose following a program can check."""

from harness.kinds import About
from harness.types import Card
from harness_tasks.ifbench.checks import IFBENCH_INSTRUCTIONS
from harness_tasks.ifbench.obedient import obedient
from harness_tasks.instructions import instructed

HUB = "allenai/IFBench_test"
IFBENCH = instructed(
    "ifbench",
    HUB,
    IFBENCH_INSTRUCTIONS,
    obedient,
    About(
        version=1,
        tags=("instructions", "generation"),
        card=Card(
            measures="Following of 58 instructions that a program can check and that training seldom covers (counts, "
            "ratios, forms of words, sentences and lines, repetition), one or two a prompt; strictly and loosely.",
            limits="Form alone: an answer may follow every instruction and be nonsense, and a list of countries or "
            "dates is not looked up. The checks are our own readings of the instructions' words, so numbers differ "
            "by a few points from those of the authors' code (see the verification page). Sentences are told by "
            "stops, syllables by groups of vowels, verbs, pronouns and stop words by lists of English. Prompts are "
            "read as they stand: ask chat models with --chat.",
            source=f"https://huggingface.co/datasets/{HUB}",
            licence="ODC-BY",
            citation="Pyatkin et al. 2025, Generalizing Verifiable Instruction Following",
        ),
    ),
)

TASKS = (IFBENCH,)
