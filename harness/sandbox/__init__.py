"""Programs that a model wrote, run where they can reach nothing: no network, no file of the user's, no other process.

``open_sandbox()`` gives the first of bubblewrap and our own namespaces with Landlock that holds on this machine: each
is tried with programs that must pass, fail, and be kept from a file, a variable and a socket. Where neither holds
nothing is run. A program has limits of time, memory, processes and file size, no environment and an empty folder.

A program passes if its end is reached: leaving early is failing. Whether its tests mean anything is up to them: an
answer that is equal to everything passes ``assert f(1) == 2`` here as it does anywhere, and a program that was written
to deceive this very module could find the word by which success is told.
"""

from harness.sandbox.choose import flaw_of, open_sandbox
from harness.sandbox.confined import Confined
from harness.sandbox.judging import confined, judged_by_running

__all__ = ["Confined", "confined", "flaw_of", "judged_by_running", "open_sandbox"]
