"""HaluEval: does a model tell answers that hold made-up facts from others?"""

from harness.data import hub
from harness.kinds import About, Data, Template, classification
from harness.types import Card

HALUEVAL = classification(
    "halueval/general",
    data=Data(hub("pminervini/HaluEval", "general", "data"), slices=("hallucination",)),
    prompt=Template(
        "Question: {user_query}\nAnswer: {chatgpt_response}\nDoes the answer hold false or made-up information?",
        ("user_query", "chatgpt_response"),
    ),
    labels={"no": " No", "yes": " Yes"},
    target="hallucination",
    about=About(
        version=1,
        card=Card(
            measures="Which of 4,507 answers of ChatGPT hold made-up facts, by likelihood of yes and no; as people "
            "say, 815 do.",
            limits="Who always says no is right of 82 %: read both slices. It needs knowledge that the answer does not "
            "give, and tells nothing of how often the model itself makes up facts. The prompt is ours, shorter than "
            "the published one.",
            source="https://huggingface.co/datasets/pminervini/HaluEval",
            licence="MIT",
            citation="Li et al. 2023, HaluEval: A Large-Scale Hallucination Evaluation Benchmark for LLMs",
        ),
        tags=("factuality",),
    ),
)

TASKS = (HALUEVAL,)
