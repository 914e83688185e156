"""IFEval: instructions whose following a program can check (Zhou et al. 2023)."""

from harness.kinds import About
from harness.types import Card
from harness_tasks.ifeval.checks import IFEVAL_INSTRUCTIONS
from harness_tasks.ifeval.obedient import obedient
from harness_tasks.instructions import instructed

HUB = "google/IFEval"
IFEVAL = instructed(
    "ifeval",
    HUB,
    IFEVAL_INSTRUCTIONS,
    obedient,
    About(
        version=1,
        tags=("instructions", "generation"),
        card=Card(
            measures="Following of instructions that a program can check (length, format, keywords, case, language), "
            "one to three a prompt; of the whole prompt and of each instruction, strictly and loosely.",
            limits="Form alone: an answer may follow every instruction and be nonsense. Prompts are read as they "
            "stand: ask chat models with --chat. Languages are told by script and frequent words, sentences by English "
            "rules and a list of abbreviations; the authors' detector errs elsewhere. Where an instruction counts a "
            "sign that is no letter, the authors' code draws a letter; here the sign is counted. English prompts.",
            source=f"https://huggingface.co/datasets/{HUB}",
            licence="Apache-2.0",
            citation="Zhou et al. 2023, Instruction-Following Evaluation for Large Language Models",
        ),
    ),
)

TASKS = (IFEVAL,)
