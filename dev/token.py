"""A token of the local issuer without signing in, for scripts and tests.

python -m dev token NAME [--group GROUP …] [--expires-in SECONDS]
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from dev.identity import LIFETIME_S, Identity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def main(run: Path, words: Sequence[str]) -> None:
    """Print the token; exit with 1 where no cloud runs, whose folder `run` would have the key."""
    parser = argparse.ArgumentParser(
        prog="python -m dev token",
        description="Print a token with which NAME calls the local APIs.",
        allow_abbrev=False,
    )
    parser.add_argument("name", metavar="NAME", help="the token's sub: the applicant's user_id, or the operator's name")
    parser.add_argument("--group", action="append", default=[], help="viewer, operator or admin; may be repeated")
    parser.add_argument(
        "--expires-in", type=int, default=LIFETIME_S, metavar="SECONDS", help="below 0: it has expired already"
    )
    asked = parser.parse_args(words)
    try:
        identity = Identity(run)
    except FileNotFoundError:
        sys.exit("token: the local cloud is not running: make up")
    print(identity.access_token(asked.name, asked.group, expires_in_s=asked.expires_in))
