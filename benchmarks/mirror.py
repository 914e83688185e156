"""The folder of datasets that benchmarks read, which all of them are told in the same way."""

import argparse
import os
from pathlib import Path

VARIABLE = "HARNESS_DATA"


def add_data(parser: argparse.ArgumentParser) -> None:
    """The option ``--data``, for which $HARNESS_DATA stands in; one of them has to be given."""
    given = os.environ.get(VARIABLE)
    parser.add_argument("--data", type=Path, default=given, required=given is None, help=f"datasets [${VARIABLE}]")
