"""The demonstration to be watched: an event in the running cloud, and a crowd that comes slowly."""

from __future__ import annotations

import json
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dev.crowd import Answer, Crowd, by_word
from dev.invoke import Lambda

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COUPONS = 100
PEOPLE = 1_000
OPENS_IN_S = 60  # to sign in twice, at the console and on the event's page
PEOPLE_A_S = 25  # all of them within 40 s: slow enough to be watched, and far below what the cloud takes
THREADS = 8
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def main(
    addresses: Mapping[str, str], *, people: int = PEOPLE, opens_in_s: float = OPENS_IN_S, rate: float = PEOPLE_A_S
) -> str:
    """Open an event in the cloud at `addresses`, let `people` come and say what they were told; return the event's id.

    Exit with 1 for any answer but a ticket and sold out. It ends by itself.
    """
    console = Console(soft_wrap=True)
    opens_at = datetime.now(UTC) + timedelta(seconds=opens_in_s)
    event_id = f"web-demo-{opens_at:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    _open(addresses, event_id, opens_at)
    console.print(
        f"\nIt opens in {opens_in_s:.0f} s, at {opens_at:%H:%M:%S} UTC, and {people:,} people come. "
        "Open both until then:\n\n"
        f"  console  {addresses['FIRSTCOME_CONSOLE_URL']}/#/events/{event_id}\n"
        "           sign in with any name, and the group admin\n"
        f"  page     {addresses['FIRSTCOME_PAGE_URL']}/?event={event_id}\n"
        "           in a private window: sign in with another name, and take part\n"
    )
    crowd = Crowd(addresses["FIRSTCOME_API_URL"], event_id, THREADS)
    with closing(crowd), Progress(*_COLUMNS, console=console) as progress:
        task = progress.add_task("opens soon", total=people)
        time.sleep(max(0.0, (opens_at - datetime.now(UTC)).total_seconds()))
        progress.update(task, description="people come")
        answers = _come(crowd, people, rate, lambda: progress.advance(task))
    told = by_word(answers)
    console.print(", ".join(f"{count} were told {word}" for word, count in told.most_common()))
    console.print(
        "\nThe event stays open, and the cloud stays up until `make down`:\n\n"
        f"  .venv/bin/firstcome winners {event_id}\n  .venv/bin/firstcome audit {event_id}"
    )
    if unexpected := [answer for answer in answers if not answer.has_ticket and answer.word != "sold_out"]:
        sys.exit(f"{len(unexpected)} were told neither that they have a coupon nor that it is sold out: make logs")
    return event_id


def _open(addresses: Mapping[str, str], event_id: str, opens_at: datetime) -> None:
    codes = [f"DEMO-{secrets.token_hex(4).upper()}-{number:03}" for number in range(1, COUPONS + 1)]
    window = {"opens_at": opens_at.isoformat(), "closes_at": (opens_at + timedelta(days=1)).isoformat()}
    event = {"event_id": event_id, "name": "Watch me", "capacity": COUPONS, **window}
    steps = [
        {"action": "create", **event},
        {"action": "upload_codes", "event_id": event_id, "codes": codes},
        {"action": "open", "event_id": event_id},
    ]
    with closing(Lambda(addresses["FIRSTCOME_LAMBDA_URL"])) as client:
        for step in steps:
            client.invoke("operate", json.dumps(step).encode())


def _come(crowd: Crowd, people: int, rate: float, told: Callable[[], None]) -> list[Answer]:
    """Let one person after the other come at the rate, whether or not the others were answered."""
    began, coming = time.monotonic(), []
    with ThreadPoolExecutor(THREADS) as threads:
        for number in range(people):
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
            coming.append(threads.submit(crowd.apply, f"person-{number:04}"))
            coming[-1].add_done_callback(lambda _: told())
    return [each.result() for each in coming]
