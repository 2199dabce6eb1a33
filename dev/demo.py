"""The demonstration: 100 coupons, 1,000 people and one greedy one, and the proof read from MySQL."""

from __future__ import annotations

import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from dev.cloud import Cloud
from dev.crowd import Answer, Crowd, apart, by_word, percentile
from dev.servers import Servers
from firstcome.ledger.connect import mysql_connection
from firstcome.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

COUPONS = 100
PEOPLE = 1_000
GREEDY_REQUESTS = 1_000
THREADS = 32
# The sweep takes over after half a minute, so even a lost record is a row by then.
SETTLED_WITHIN_S = 120

PROOF = """
SELECT COUNT(*), COUNT(DISTINCT ticket), COUNT(DISTINCT user_id), MIN(ticket), MAX(ticket), SUM(user_id = %s)
FROM coupon WHERE event_id = %s
"""


def main(folder: Path) -> None:
    """Start a cloud in `folder`, run the demonstration and the naive version, stop; exit with 1 if a promise broke."""
    console = Console()
    servers, cloud = Servers(folder), None
    try:
        with Progress(BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), console=console) as progress:
            task = progress.add_task("starting", total=None)

            def say(step: str) -> None:
                progress.update(task, description=step)

            servers.start(say, dies_with_us=True)
            cloud = Cloud(folder, servers=servers)
            cloud.start(say)
            progress.update(task, total=1, completed=1, description="Redis, Kafka, MySQL and the functions are up")
        held = demo(cloud, console)
        naive(cloud, console)
    finally:
        if cloud is not None:
            cloud.stop()
        servers.stop()
    if not held:
        sys.exit("the promise is broken: see above, and the logs in .local/demo/logs")


def demo(cloud: Cloud, console: Console) -> bool:
    """Run one event against `cloud` and print the proof; return whether the whole promise held."""
    # A rehearsal, as before every opening: each environment's first winner pays for its connection to Kafka.
    Crowd(cloud.api_url, _open(cloud, "rehearsal"), THREADS).rush(f"rehearsal-{number}" for number in range(COUPONS))
    event_id = _open(cloud, "demo")
    greedy = "greedy"
    people = [f"person-{number:04}" for number in range(PEOPLE)] + [greedy] * GREEDY_REQUESTS
    random.shuffle(people)
    start = time.perf_counter()
    answers = _rush(console, Crowd(cloud.api_url, event_id, THREADS), people)
    seconds = time.perf_counter() - start
    _settled(cloud, event_id)

    audit = cloud.invoke("operate", {"action": "audit", "event_id": event_id})
    with mysql_connection(_settings(cloud), SETTLED_WITHIN_S * 1000) as connection, connection.cursor() as cursor:
        cursor.execute(PROOF, (greedy, event_id))
        proof = tuple(int(figure or 0) for figure in cursor.fetchone() or [0] * 6)
    held = _checks(answers, greedy, proof, audit)
    _print(console, answers, seconds, held)
    return all(ok for _, _, ok in held)


def _open(cloud: Cloud, name: str) -> str:
    now = datetime.now(UTC)
    event_id = f"{name}-{now:%Y%m%d-%H%M%S}"
    window = {"opens_at": (now - timedelta(minutes=1)).isoformat(), "closes_at": (now + timedelta(days=1)).isoformat()}
    cloud.invoke("operate", {"action": "create", "event_id": event_id, "name": name, "capacity": COUPONS, **window})
    cloud.invoke("operate", {"action": "open", "event_id": event_id})
    return event_id


def naive(cloud: Cloud, console: Console) -> None:
    """Let the same crowd ask the first attempt of every tutorial: count the rows, then insert."""
    settings = _settings(cloud)
    with mysql_connection(settings, 10_000) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS naive_coupon")
        cursor.execute("CREATE TABLE naive_coupon (id BIGINT AUTO_INCREMENT PRIMARY KEY, user_id VARCHAR(255))")

    def apply(chunk: list[str]) -> None:
        with mysql_connection(settings, 10_000) as connection, connection.cursor() as cursor:
            for user_id in chunk:
                cursor.execute("SELECT COUNT(*) FROM naive_coupon")
                if (cursor.fetchone() or (0,))[0] < COUPONS:
                    cursor.execute("INSERT INTO naive_coupon (user_id) VALUES (%s)", (user_id,))
                connection.commit()

    people = [f"person-{number:04}" for number in range(PEOPLE)] + ["greedy"] * GREEDY_REQUESTS
    random.shuffle(people)
    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(apply, (people[start::THREADS] for start in range(THREADS))))
    with mysql_connection(settings, 10_000) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*), COUNT(DISTINCT user_id) FROM naive_coupon")
        rows, distinct = cursor.fetchone() or (0, 0)
        cursor.execute("DROP TABLE naive_coupon")
    console.print(contrast(rows, distinct))


def contrast(rows: int, people: int) -> str:
    """Return the two faults apart: rows beyond the cap, and, among all rows, those of people who had one before."""
    return (
        f"\n[bold]For contrast, count-then-insert[/] with the same crowd: {rows} rows for {COUPONS} coupons, "
        f"[red]{max(0, rows - COUPONS)} too many[/]. "
        f"Of all {rows}, [red]{rows - people}[/] went to somebody who had one already."
    )


def _rush(console: Console, crowd: Crowd, people: list[str]) -> list[Answer]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("applicants", total=len(people))
        return crowd.rush(people, lambda _: progress.advance(task))


def _settled(cloud: Cloud, event_id: str) -> None:
    """Wait until no ticket is pending: every one has its row, or its failed row."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        gate = cloud.invoke("operate", {"action": "show", "event_id": event_id})["gate"]
        if isinstance(gate, dict) and gate["pending"] == 0:
            return
        if time.monotonic() > deadline:
            return  # the proof will say what is missing


def _checks(
    answers: list[Answer], greedy: str, proof: tuple[int, ...], audit: dict[str, Any]
) -> list[tuple[str, str, bool]]:
    """Return each promise, the figure that shows it, and whether it holds."""
    rows, tickets, people, low, high, greedy_rows = proof
    winners, repeats, others = apart(answers)
    ticket = {answer.user_id: answer.body["ticket"] for answer in winners}
    moved = sum(answer.body["ticket"] != ticket[answer.user_id] for answer in repeats)
    unexpected = sum(answer.word != "sold_out" for answer in others)
    every_one = (low, high, tickets) == (1, COUPONS, COUPONS)
    return [
        ("coupon rows", f"{rows}", rows == COUPONS),
        ("tickets 1..N, each once", f"{low}..{high}, {tickets} distinct", every_one),
        ("people with a coupon", f"{people}", people == COUPONS),
        ("people who were told they have one", f"{len(winners)}", len(winners) == COUPONS),
        (
            "coupons of the greedy one",
            f"{greedy_rows} of {GREEDY_REQUESTS} requests",
            greedy_rows == (greedy in ticket),
        ),
        ("repeats that were told another ticket", f"{moved} of {len(repeats)}", moved == 0),
        ("unexpected answers", f"{unexpected}", unexpected == 0),
        *(
            (f"{law} {found['law']}", _figures(found["figures"]), bool(found["ok"]))
            for law, found in audit["invariants"].items()
        ),
    ]


def _figures(figures: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in figures.items())


def _print(console: Console, answers: list[Answer], seconds: float, held: list[tuple[str, str, bool]]) -> None:
    load = Table(title="What was asked", show_header=False)
    rate = f"{len(answers)} from {THREADS} threads in {seconds:.1f} s, {len(answers) / seconds:.0f} a second"
    load.add_row("requests", rate)
    load.add_row("latency", f"p50 {percentile(answers, 0.5):.1f} ms, p99 {percentile(answers, 0.99):.1f} ms")
    winners, repeats, others = apart(answers)
    for what, some in (("winners, ", winners), ("the same again, ", repeats), ("", others)):
        for word, number in by_word(some).most_common():
            load.add_row(f"{what}{word}", f"{number}")
    console.print(load)
    proof = Table("promise", "figure", "", title="The proof, read from MySQL and the audit")
    for what, figure, ok in held:
        proof.add_row(what, figure, "[green]holds[/]" if ok else "[red]BROKEN[/]")
    console.print(proof)


def _settings(cloud: Cloud) -> Settings:
    return Settings(mysql_url=cloud.servers.mysql_url)
