"""A whole event: 100,000 people for 10,000 coupons, all of them there when it opens, until the last row is written."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import closing, contextmanager
from datetime import UTC
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from benchmarks.bench import wrong_rows
from benchmarks.clouds import DRAINED_S, applications, cloud
from benchmarks.load import Load, application, ask, percentile_ms
from benchmarks.measure import Row
from dev.process import wait_until
from firstcome.stream.connect import kafka_config

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.bench import Bench
    from benchmarks.load import Asked
    from firstcome.settings import Settings

CONNECTIONS = 200  # at a time; the others wait for one of them, as they would for their own
LOOK_S = 0.25  # between two looks at the stream
TOLD = {"202 accepted", "202 reserved", "409 sold_out"}


def run(bench: Bench) -> list[Row]:
    """Hold the event, and count what became of it."""
    coupons, people = bench.pick(10_000, 200), bench.pick(100_000, 2_000)
    with closing(bench.stores()) as stores, cloud(bench, "campaign") as ours:
        warm_up = bench.open_event(stores, people, "warm-up")
        ask(_load(ours.api_url, warm_up, bench.pick(2_000, 100)))
        wait_until(stores.reader.caught_up, "the stream is read", timeout_s=DRAINED_S)

        event_id = bench.open_event(stores, coupons, "campaign")
        bench.say(f"{people:,} people for {coupons:,} coupons")
        with _looking_at(bench.settings) as lag:
            asked = ask(_load(ours.api_url, event_id, people))
            pending = stores.gate.keys(event_id)[2]
            wait_until(lambda: not stores.gate.redis.zcard(pending), "everything is settled", timeout_s=DRAINED_S)
            wait_until(stores.reader.caught_up, "the stream is read", timeout_s=DRAINED_S)
    [(last,)] = bench.query("SELECT MAX(issued_at) FROM coupon WHERE event_id = %s", event_id)
    last_row_s = last.replace(tzinfo=UTC).timestamp() - asked.began
    words = asked.words()
    wrong = wrong_rows(bench, event_id, coupons)
    told = sum(words[word] for word in TOLD if word.startswith("202"))
    if told != coupons or words["409 sold_out"] != people - coupons:
        wrong.append(f"{people} people were told {dict(words)}")
    what = f"a whole event, {people:,} people for {coupons:,} coupons"
    return [_row(what, asked, last_row_s, lag, wrong)]


def draw(folder: Path, rows: list[Row]) -> None:
    """Draw how many records were unread, and how many people had an answer, over the time since the opening."""
    from benchmarks.plots import figure  # noqa: PLC0415  matplotlib: half a second

    [row] = rows
    with figure(folder / "campaign.svg", f"{row.what}: Kafka lag over time") as axes:
        axes.plot(*zip(*row.data["lag"], strict=True), color="C3", label="unread records")
        axes.set_xlabel("s since the opening")
        axes.set_ylabel("records that consume has not read")
        others = axes.twinx()
        others.plot(*zip(*row.data["answered"], strict=True), color="C0", label="people with an answer")
        others.set_ylabel("people with an answer")
        axes.axvline(row.data["last_row_s"], color="C7", linestyle=":", label="last row")
        lines = [*axes.get_lines(), *others.get_lines()]
        axes.legend(lines, [str(line.get_label()) for line in lines], loc="center right")


def _load(url: str, event_id: str, people: int) -> Load:
    return Load(url, [application(applications(event_id))], 0, people, str(uuid.uuid4())[:24], CONNECTIONS)


@contextmanager
def _looking_at(settings: Settings) -> Iterator[list[tuple[float, int]]]:
    """Look at the group's lag from another thread while the block runs; lend what it sees: when, and unread records."""
    seen: list[tuple[float, int]] = []
    ended = threading.Event()
    looker = threading.Thread(target=_look, args=(settings, seen, ended))
    looker.start()
    try:
        yield seen
    finally:
        ended.set()
        looker.join()


def _look(settings: Settings, seen: list[tuple[float, int]], ended: threading.Event) -> None:
    config = kafka_config(settings)
    consumer = KafkaConsumer(**config, group_id=None, enable_auto_commit=False)
    admin = KafkaAdminClient(**config)
    try:
        numbers = consumer.partitions_for_topic(settings.kafka_topic) or ()
        partitions = [TopicPartition(settings.kafka_topic, number) for number in numbers]
        while not ended.is_set():
            read = admin.list_group_offsets([settings.kafka_group])[settings.kafka_group]
            ends = consumer.end_offsets(partitions)
            seen.append((time.time(), sum(ends[at] - (read[at].offset if at in read else 0) for at in partitions)))
            ended.wait(LOOK_S)
    finally:
        admin.close()
        consumer.close()


def _row(what: str, asked: Asked, last_row_s: float, lag: list[tuple[float, int]], wrong: list[str]) -> Row:
    done_s, words = sorted(asked.done_s), asked.words()
    told = ", ".join(f"{count:,} x {word}" for word, count in words.most_common())
    rate, most = len(done_s) / done_s[-1], max(unread for _, unread in lag)
    half_s, nearly_all_s = (percentile_ms(asked.latency_s, share) / 1000 for share in (0.5, 0.99))
    return Row(
        "campaign",
        what,
        "s after the opening",
        {"last answer": [done_s[-1]], "last row": [last_row_s]},
        wrong=wrong,
        notes=[
            f"{told}; {rate:,.0f} answers/s; at most {most:,} records unread",
            f"{CONNECTIONS} at a time: from the opening to an answer p50 {half_s:.1f} s, p99 {nearly_all_s:.1f} s",
        ],
        data={
            "answers": dict(words),
            "lag": [(round(at - asked.began, 3), unread) for at, unread in lag],
            "answered": [(round(done_s[n], 3), n + 1) for n in range(0, len(done_s), max(1, len(done_s) // 200))],
            "last_row_s": round(last_row_s, 3),
        },
    )
