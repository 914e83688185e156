"""A job of a suite file or of the command line, run."""

from dataclasses import replace

from harness.api.evaluation import evaluate
from harness.api.finetuning import finetune
from harness.api.records import Listener, Result, Where
from harness.suite import Job


def run_job(job: Job, *, where: Where | None = None, listener: Listener | None = None) -> Result:
    """Evaluate the job's model on its tasks, fine-tuned first where the job has a protocol."""
    where = where or Where()
    where = replace(where, name=where.name or job.name)
    if job.protocol:
        return finetune(
            job.model,
            job.tasks,
            job.settings,
            protocol=job.protocol,
            options=job.options,
            where=where,
            listener=listener,
        )
    return evaluate(job.model, job.tasks, job.settings, options=job.options, where=where, listener=listener)
