"""A job of a suite file or of the command line, run."""

from collections.abc import Sequence
from dataclasses import replace

from harness.api.evaluation import evaluate, tasks_of
from harness.api.finetuning import finetune
from harness.api.models import require_usable, usable
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


def shared(jobs: Sequence[Job]) -> list[Job]:
    """Several jobs, each without what was said for those of the others that ask a server; a single one as it is.

    Raises UsageError for an address where none of them asks one.
    """
    if len(jobs) == 1:
        return list(jobs)
    own = [_usable(job) for job in jobs]
    if any(job.options.base_url for job in jobs) and not any(job.options.base_url for job in own):
        require_usable(jobs[0].model, jobs[0].options, tasks_of(jobs[0].tasks))
    return own


def _usable(job: Job) -> Job:
    if usable(job.model, job.options, ()) == job.options:
        return job
    return replace(job, options=usable(job.model, job.options, tasks_of(job.tasks)))
