"""MMLU: knowledge in 57 subjects, each with its own five published examples."""

from harness.data import hub
from harness.kinds import About, Data, Template, multiple_choice
from harness.metrics.measures import ACC
from harness.types import Card, Row, Shots, Task
from harness_tasks.knowledge import SEEN

HUB = "cais/mmlu"
SUBJECTS = (
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "business_ethics",
    "clinical_knowledge",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_medicine",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "econometrics",
    "electrical_engineering",
    "elementary_mathematics",
    "formal_logic",
    "global_facts",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_european_history",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_mathematics",
    "high_school_microeconomics",
    "high_school_physics",
    "high_school_psychology",
    "high_school_statistics",
    "high_school_us_history",
    "high_school_world_history",
    "human_aging",
    "human_sexuality",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "machine_learning",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "moral_disputes",
    "moral_scenarios",
    "nutrition",
    "philosophy",
    "prehistory",
    "professional_accounting",
    "professional_law",
    "professional_medicine",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
    "virology",
    "world_religions",
)


def _lettered(row: Row) -> str:
    options = "\n".join(f"{letter}. {choice}" for letter, choice in zip("ABCD", row["choices"], strict=True))
    return f"{row['question'].strip()}\n{options}\nAnswer:"


def _subject_named(row: Row) -> str:
    subject = row["subject"].replace("_", " ")
    return f"The following are multiple choice questions (with answers) about {subject}.\n\n"


def mmlu(name: str, subjects: tuple[str, ...]) -> Task:
    """Some subjects of MMLU, each a slice."""
    examples = tuple(hub(HUB, subject, "dev") for subject in subjects)
    return multiple_choice(
        name,
        data=Data(
            tuple(hub(HUB, subject, "test") for subject in subjects),
            slices=("subject",),
            shots=Shots(count=5, by="subject", pick="first", dataset=examples),
        ),
        prompt=Template(_lettered, description=_subject_named),
        choices=("A", "B", "C", "D"),
        target="answer",
        measures=(ACC,),
        about=About(version=2, card=CARD, tags=("knowledge",)),
    )


CARD = Card(
    measures="Knowledge in 57 subjects from school to profession.",
    limits="Some questions are known to be wrong. The examples shown are the five of the dev split, in their "
    "order." + SEEN,
    source=f"https://huggingface.co/datasets/{HUB}",
    licence="MIT",
    citation="Hendrycks et al. 2021, Measuring Massive Multitask Language Understanding",
)

TASKS = (mmlu("mmlu", SUBJECTS), *(mmlu(f"mmlu/{subject}", (subject,)) for subject in SUBJECTS))
