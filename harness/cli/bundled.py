"""`harness run` from a bundle, and without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from harness.cli.run_options import RunOptions, where_of

if TYPE_CHECKING:
    from harness.api import Where
    from harness.suite import Job


@contextmanager
def surroundings(jobs: Sequence[Job], options: RunOptions) -> Iterator[tuple[Sequence[Job], Where]]:
    """The jobs and where they run: with the data and models of a bundle, and reaching nobody, if so asked."""
    where = where_of(options)
    with ExitStack() as stack:
        if options["offline"] or options["bundle"]:
            from harness.offline.network import hub_cache_at, no_network

            if options["offline"]:
                stack.enter_context(no_network())
        if options["bundle"]:
            from harness.api.bundling import jobs_in, where_in
            from harness.offline.unpack import open_bundle

            opened = open_bundle(options["bundle"], options["verify"])
            stack.enter_context(hub_cache_at(opened.hub))
            jobs, where = jobs_in(opened, jobs, str(options["bundle"])), where_in(opened, where)
        yield jobs, where
