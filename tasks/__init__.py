"""Built-in benchmarks: a plug-in like any other, found through entry points."""

from harness.groups import Group
from harness.types import Task
from harness_tasks import (
    bbh,
    bbq,
    crows_pairs,
    demo,
    dialogue,
    generation,
    glue,
    honest,
    knowledge,
    language,
    openended,
    safety,
    stereoset,
    superglue,
    toxicity,
    translations,
    truthful,
    winobias,
    winogender,
)

TASKS: tuple[Task, ...] = (
    *demo.TASKS,
    *glue.TASKS,
    *superglue.TASKS,
    *knowledge.TASKS,
    *bbh.TASKS,
    *language.TASKS,
    *generation.TASKS,
    *openended.TASKS,
    *dialogue.TASKS,
    *translations.TASKS,
    *stereoset.TASKS,
    *bbq.TASKS,
    *crows_pairs.TASKS,
    *winobias.TASKS,
    *winogender.TASKS,
    *safety.TASKS,
    *toxicity.TASKS,
    *honest.TASKS,
    *truthful.TASKS,
)

GROUPS: dict[str, tuple[str, ...] | Group] = {
    "demo": ("demo/*",),
    "glue": glue.GROUP,
    "superglue": superglue.GROUP,
    "mmlu_subjects": ("mmlu/*",),
    "bbh": ("bbh/*",),
    "dialogue": ("tag:dialogue",),
    "xquad": ("xquad/*",),
    "truthfulqa": ("truthfulqa/*",),
    "translation": ("tag:translation",),
    "bias": ("tag:bias",),
    "safety": ("tag:safety",),
    "toxicity": ("tag:toxicity",),
    "honest": ("honest/*",),
}
