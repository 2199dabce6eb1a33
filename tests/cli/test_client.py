"""The client: one answer to one person, whatever happens on the way, and what each answer means."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from firstcome_cli.client import AsyncClient, Client, NotThere, Patience, Refused, Unknown
from firstcome_cli.client.protocol import Reply, Request, Silence, Wait, applying
from tests.patience import PATIENCE_S
from tests.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from dev.cloud import Cloud
    from tests.e2e.campaign import Campaign

QUICK = Patience(tries=6, least_s=0.01, most_s=0.1)
LOOK, APPLY = "GET", "POST"
OPEN = Reply(
    200,
    {"event_id": "e", "name": "E", "state": "open", "capacity": 1, "remaining": 1}
    | {"opens_at": "2030-01-01T00:00:00Z", "closes_at": "2030-01-02T00:00:00Z", "now": "2030-01-01T00:00:01Z"},
)
SOLD_OUT = Reply(200, {**(OPEN.body or {}), "remaining": 0})
WON = Reply(202, {"event_id": "e", "user_id": "u", "status": "accepted", "ticket": 1, "applied_at": "…"})
AWAY = Reply(503, {"code": "try_again", "detail": "a server is away"})
THROTTLED = Reply(429, {"message": "Too Many Requests"})
CHALLENGE = Reply(202, None)  # of a firewall
LOST = Silence("ReadTimeout")


@pytest.fixture
def client(cloud: Cloud) -> Iterator[Client]:
    with Client(cloud.api_url, patience=QUICK) as client:
        yield client


def conversation(*answers: Reply | Silence) -> tuple[list[str], list[float], object]:
    """Let the client apply and hear these answers; return what it asked, how long it waited, and what it made of it."""
    asked, waited, heard = [], [], iter(answers)
    steps = applying("e", "u", Patience())
    step = next(steps)
    try:
        while True:
            if isinstance(step, Wait):
                waited.append(step.seconds)
                step = steps.send(None)
            else:
                asked.append(step.method)
                step = steps.send(next(heard))
    except StopIteration as end:
        return asked, waited, end.value
    except (Refused, Unknown) as error:
        return asked, waited, error


def test_who_applies_again_has_the_same_ticket(campaign: Campaign, client: Client) -> None:
    """A repeat is answered with the first ticket, and costs nobody else theirs."""
    campaign.open(2)
    first = client.apply(campaign.event_id, "alice")
    assert (first.ticket, client.apply(campaign.event_id, "alice").ticket) == (1, 1)
    assert client.apply(campaign.event_id, "bob").ticket == 2
    campaign.wait_consumed()
    assert client.issued(campaign.event_id, "alice").status == "issued"
    assert client.event(campaign.event_id).remaining == 0
    campaign.assert_promise(rows=2)


def test_a_definite_no_is_refused_with_its_code(campaign: Campaign, client: Client) -> None:
    """A `sold_out` raises `Refused`, an application that is not there `NotThere`, each with the API's code."""
    campaign.open(1)
    client.apply(campaign.event_id, "alice")
    with pytest.raises(Refused) as no:
        client.apply(campaign.event_id, "bob")
    assert (no.value.code, no.value.status) == ("sold_out", 409)
    with pytest.raises(NotThere) as nothing:
        client.status(campaign.event_id, "bob")
    assert nothing.value.code == "no_application"


def test_both_clients_give_the_same_answers(campaign: Campaign, client: Client, cloud: Cloud) -> None:
    """The client that waits and the one for asyncio return equal answers, and raise equal errors."""
    campaign.open(1)

    async def ask() -> tuple[object, object, str]:
        async with AsyncClient(cloud.api_url, patience=QUICK) as other:
            with pytest.raises(Refused) as no:
                await other.apply(campaign.event_id, "bob")
            return await other.apply(campaign.event_id, "alice"), await other.event(campaign.event_id), no.value.code

    won = client.apply(campaign.event_id, "alice")
    applied, event, code = asyncio.run(ask())
    assert applied == won
    assert code == "sold_out"
    assert getattr(event, "remaining", None) == 0


def test_an_answer_lost_on_the_way_is_asked_for_again(
    campaign: Campaign, cloud: Cloud, wait_until: Callable[..., None]
) -> None:
    """The first application is decided, and nobody hears of it: the retry is told the same ticket."""
    campaign.open(2)
    with Proxy.to(cloud.api_url) as proxy, ThreadPoolExecutor(1) as alice:
        proxy.swallow()
        with Client(proxy.instead_in(cloud.api_url), patience=QUICK) as client:
            told = alice.submit(client.apply, campaign.event_id, "alice")
            wait_until(lambda: proxy.swallowed, "the first answer is lost")
            campaign.win("bob")
            proxy.start()
            proxy.cut()
            assert told.result(PATIENCE_S).ticket == 1


def test_killed_in_an_application_the_repeat_has_its_ticket(
    campaign: Campaign, cloud: Cloud, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """A program that dies before it hears the answer finds its own ticket when it asks again."""
    campaign.open(3)
    with Proxy.to(cloud.api_url) as proxy:
        file = tmp_path / "cloud.env"
        file.write_text(f"FIRSTCOME_API_URL=http://{proxy.address}\nFIRSTCOME_LAMBDA_URL={cloud.lambda_url}\n")
        words = ["--cloud", str(file), "--json", "apply", campaign.event_id, "alice"]
        command = [sys.executable, "-m", "firstcome_cli", *words]
        proxy.swallow()
        with subprocess.Popen(command, stdout=subprocess.PIPE) as first:
            wait_until(lambda: campaign.operate("show")["gate"]["coupon_count"] == 1, "the application is decided")
            first.send_signal(signal.SIGKILL)
            assert first.communicate()[0] == b""
        proxy.start()
        campaign.win("bob")
        again = subprocess.run(command, check=True, capture_output=True, text=True)
    assert '"ticket": 1' in again.stdout


@pytest.mark.parametrize("answer", [AWAY, LOST, CHALLENGE, THROTTLED, Reply(200, {"ok": True}), Reply(302, None)])
def test_what_says_nothing_is_asked_again_after_a_look(answer: Reply | Silence) -> None:
    """A firewall's challenge answers 202 too: won means a ticket."""
    asked, waited, made = conversation(answer, OPEN, WON)
    assert asked == [APPLY, LOOK, APPLY]
    assert all(1 <= seconds <= 30 for seconds in waited)
    assert getattr(made, "ticket", None) == 1


def test_six_tries_without_an_answer_are_unknown() -> None:
    """The client gives up after six applications, and says `Unknown`: any of them may have won."""
    asked, waited, made = conversation(*[AWAY, OPEN] * 6)
    assert asked.count(APPLY) == 6
    assert len(waited) == 5
    assert isinstance(made, Unknown)


def test_the_client_waits_to_apply_until_the_event_is_read() -> None:
    """After an answer that got lost it looks at the event first; where it cannot, it applies no more."""
    asked, _, made = conversation(AWAY, *[AWAY] * 5)
    assert asked == [APPLY, *[LOOK] * 5]
    assert isinstance(made, Unknown)


def test_who_was_not_let_through_stops_where_it_is_sold_out() -> None:
    """A throttled application did not happen, so an event that is sold out then is a definite no."""
    asked, _, made = conversation(THROTTLED, SOLD_OUT)
    assert asked == [APPLY, LOOK]
    assert isinstance(made, Refused)
    assert made.code == "sold_out"


@pytest.mark.parametrize("answer", [AWAY, LOST, CHALLENGE])
def test_who_may_have_won_asks_though_it_is_sold_out(answer: Reply | Silence) -> None:
    """I7: the last coupon may be theirs, so a look at the event is no answer."""
    asked, _, made = conversation(answer, SOLD_OUT, WON)
    assert asked == [APPLY, LOOK, APPLY]
    assert getattr(made, "ticket", None) == 1


def test_a_server_that_names_a_time_is_given_it() -> None:
    """`Retry-After` is the least that the client waits, and a second or two more."""
    _, waited, _ = conversation(Reply(503, None, retry_after_s=7), OPEN, WON)
    assert 8 <= waited[0] <= 9


def test_the_pauses_are_of_1_to_30_seconds() -> None:
    """Each pause is drawn, so that clients do not come back together."""
    pauses = [Patience().pause_s(retry) for retry in range(1, 6) for _ in range(100)]
    assert min(pauses) >= 1
    assert 25 < max(pauses) <= 30


def test_a_request_is_encoded() -> None:
    """A user id with a slash is sent in the body, and never as a part of the path."""
    step = next(applying("e", "a/b", Patience()))
    assert step == Request(APPLY, "/events/e/applications", {"user_id": "a/b"})
