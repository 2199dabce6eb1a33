"""Each function's database user has the rights that it needs to serve, and nothing more."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import boto3
import pytest
from moto import mock_aws

from firstcome.ledger import grants
from firstcome.ledger.connect import mysql_connection
from firstcome.ledger.coupons import Claim
from firstcome.ledger.failed_events import Failure
from firstcome.ledger.ledger import Ledger
from firstcome.ledger.redemptions import Redeeming
from firstcome.operate.actions import act
from firstcome.operate.who import Group, Who
from firstcome.rules import ActorKind, BadInput, Reason, Unavailable
from firstcome.runtime.credentials import forget_all
from tests.world import AT_ONCE, World, log_in_over_tls

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "of one ' test"
READ_TIMEOUT_MS = 20_000
ROLES = ("apply", "consume", "retry")
SHOP = "shop"
OPERATOR = Who("ana", ActorKind.TOKEN, frozenset({Group.OPERATOR}))


@dataclass
class Users:
    """The worlds of the owner and of the three functions: the same servers, each with a user of its own."""

    owner: World
    apply: World
    consume: World
    retry: World


@pytest.fixture
def users(world: World) -> Iterator[Users]:
    """The users that `migrate` makes."""
    owner = world.with_settings(**AT_ONCE)
    url = owner.stores.settings.mysql_url
    at = urlsplit(url)
    worlds: dict[str, World] = {}
    for role in ROLES:
        user = f"{role}_of_a_test"
        with owner.stores.ledger.connect() as connection:
            grants.make_user(connection, role, user, PASSWORD, tls=False)
        log_in_over_tls(url, user, PASSWORD)
        address = f"mysql://{user}:{quote(PASSWORD)}@{at.hostname}:{at.port}{at.path}"
        settings = replace(owner.stores.settings, mysql_url=address)
        ledger = Ledger(partial(mysql_connection, settings, READ_TIMEOUT_MS), settings)
        worlds[role] = World(replace(owner.stores, ledger=ledger, settings=settings), owner.event_id)
    yield Users(owner, **worlds)
    for each in worlds.values():
        each.stores.ledger.close()
    with owner.stores.ledger.connect() as connection, connection.cursor() as cursor:
        for role in ROLES:
            cursor.execute(f"DROP USER {role}_of_a_test")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty Secrets Manager, of which nothing is known yet."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    forget_all()
    with mock_aws():
        yield boto3.client("secretsmanager")
    forget_all()


def keep(secrets: Any, user: str, password: str) -> str:
    """Keep a secret; return its ARN."""
    text = json.dumps({"username": user, "password": password})
    arn: str = secrets.create_secret(Name=uuid.uuid4().hex, SecretString=text)["ARN"]
    return arn


def test_migrate_makes_the_users_whose_secrets_it_is_given(users: Users, secrets: Any) -> None:
    """A function whose secret has changed logs in after the next one; without secrets, no user is made."""
    assert users.owner.operate("migrate", partitions=1, replication=1)["users"] == []
    arn = keep(secrets, "apply_of_a_test", "another one")
    assert users.apply.stores.ledger.standing(users.owner.event_id, "alice").state
    owner = users.owner.with_settings(mysql_apply_secret_arn=arn)
    assert owner.operate("migrate", partitions=1, replication=1)["users"] == ["apply"]
    settings = replace(users.apply.stores.settings, mysql_secret_arn=arn)
    log_in_over_tls(owner.stores.settings.mysql_url, "apply_of_a_test", "another one")
    ledger = Ledger(partial(mysql_connection, settings, READ_TIMEOUT_MS), settings)
    assert ledger.standing(owner.event_id, "alice").state
    ledger.close()


def test_the_owner_is_no_functions_user(users: Users, secrets: Any) -> None:
    """Its password is not changed by a secret at the wrong place."""
    owner = users.owner.with_settings(mysql_retry_secret_arn=keep(secrets, "root", "new"))
    with pytest.raises(BadInput, match="names the owner root"):
        owner.operate("migrate", partitions=1, replication=1)
    owner.stores.ledger.connect().close()


def test_apply_may_answer_and_redeem(users: Users) -> None:
    """Events, an application's standing, and every outcome of a redemption and of taking one back."""
    owner, ledger, event_id = users.owner, users.apply.stores.ledger, users.apply.event_id
    owner.operate("upload_codes", codes=["A", "B", "C"])
    owner.consume(owner.apply("alice"), owner.apply("bob"))
    assert event_id in [event.event_id for event in ledger.gated_events(30)]
    assert ledger.standing(event_id, "alice").code == "A"
    redeem = [("A", "k1"), ("A", "k1"), ("A", "k2"), ("B", "k1"), ("none", "k3"), ("C", "k3")]
    assert [ledger.redeem_code(event_id, code, key, SHOP).outcome for code, key in redeem] == [
        Redeeming.DONE,
        Redeeming.DONE,
        Redeeming.REDEEMED,
        Redeeming.KEY_USED,
        Redeeming.UNKNOWN_CODE,
        Redeeming.NOT_ISSUED,
    ]
    assert ledger.take_back(event_id, "k1", SHOP).outcome is Redeeming.DONE
    assert ledger.redeem_code(event_id, "A", "k1", SHOP).outcome is Redeeming.TAKEN_BACK
    assert ledger.take_back(event_id, "unknown", SHOP).outcome is Redeeming.DONE
    assert ledger.redeem_code("no-such-event", "A", "k1", SHOP).outcome is Redeeming.UNKNOWN_EVENT
    owner.operate("revoke", user_id="bob")
    assert ledger.redeem_code(event_id, "B", "k4", SHOP).outcome is Redeeming.REVOKED


def test_apply_may_redeem_an_events_coupons_by_person(users: Users) -> None:
    """Where an event has no codes."""
    owner, ledger, event_id = users.owner, users.apply.stores.ledger, users.apply.event_id
    owner.consume(owner.apply("alice"))
    owner.operate("refuse", user_id="carol")
    assert ledger.redeem_person(event_id, "alice", "k1", SHOP).outcome is Redeeming.DONE
    assert ledger.redeem_person(event_id, "alice", "k2", SHOP).outcome is Redeeming.REDEEMED
    assert ledger.redeem_person(event_id, "bob", "k2", SHOP).outcome is Redeeming.NOT_ISSUED
    assert ledger.redeem_person(event_id, "carol", "k2", SHOP).outcome is Redeeming.REVOKED
    assert ledger.take_back(event_id, "k1", SHOP).outcome is Redeeming.DONE


def test_consume_may_write_what_it_reads(users: Users) -> None:
    """Coupon rows and failed rows, also when the batch comes twice."""
    tickets = [users.owner.apply("alice"), users.owner.ticket("beyond", 99)]
    failure = Failure(Reason.NOT_JSON, "no JSON", b"raw")
    for _ in range(2):
        assert users.consume.consume(*tickets).gate_updated
        users.consume.stores.ledger.write([Claim(tickets[0])], [failure])
    assert len(users.owner.rows()) == 1
    assert users.owner.operate("list_failed")["rows"]


def test_retry_may_mend_everything(users: Users) -> None:
    """Failed rows, overdue tickets, people without a ticket, a lost gate, and what operators asked for."""
    owner, retry = users.owner, users.retry
    late = owner.apply("late")
    owner.stores.ledger.write([], [Failure(Reason.LEDGER_REJECTED, "full", b"raw", *late)])
    overdue = owner.apply("overdue")
    owner.stores.ledger.write([Claim(owner.ticket("learned", overdue.number))])  # a failover forgot this winner
    assert retry.retry()["swept"]
    assert not retry.retry()["unavailable"]
    owner.consume(owner.ticket("refused", late.number))
    assert not retry.retry()["unavailable"]
    owner.consume(owner.ticket("beyond", 99))
    assert not retry.retry()["unavailable"]
    assert {ticket.user_id for ticket in owner.rows()} == {"late", "overdue", "learned"}
    assert list(owner.stores.ledger.refusals(owner.event_id)) == ["refused"]
    owner.lose_gate()
    assert not retry.retry()["unavailable"]
    asked = [{"action": action, "event_id": owner.event_id} for action in ("audit", "reconcile", "restore")]
    numbers = [act(owner.stores, each, OPERATOR)["operation"]["id"] for each in asked]
    assert not retry.retry()["unavailable"]
    assert {act(owner.stores, {"action": "operation", "id": number})["operation"]["status"] for number in numbers} == {
        "done"
    }
    owner.operate("refuse", user_id="beyond")
    owner.assert_promise(rows=3)


REFUSED = {
    "apply": (
        "DELETE FROM coupon",
        "INSERT INTO coupon SELECT * FROM coupon",
        "UPDATE coupon SET user_id = 'me'",
        "UPDATE coupon SET ticket = 1",
        "UPDATE coupon_event SET capacity = 1000000",
        "UPDATE coupon_code SET spent_at = NULL",
        "DELETE FROM redemption",
        "UPDATE redemption SET caller = 'me'",
        "DELETE FROM refusal",
        "INSERT INTO refusal SELECT * FROM refusal",
        "UPDATE failed_event SET status = 'waiting'",
        "SELECT * FROM operation",
    ),
    "consume": (
        "DELETE FROM coupon",
        "UPDATE coupon_event SET capacity = 1000000",
        "SELECT * FROM coupon_code",
        "SELECT * FROM redemption",
        "DELETE FROM refusal",
        "DELETE FROM failed_event",
        "UPDATE refusal SET reason = 'none'",
    ),
    "retry": (
        "DELETE FROM coupon",
        "INSERT INTO coupon_event SELECT * FROM coupon_event",
        "UPDATE coupon_code SET spent_at = NULL",
        "UPDATE redemption SET caller = 'me'",
        "DELETE FROM refusal",
        "DELETE FROM failed_event",
        "INSERT INTO operation SELECT * FROM operation",
    ),
}
NOBODYS = ("DROP TABLE coupon", "ALTER TABLE coupon ADD x INT", "CREATE TABLE more (x INT)", "CREATE USER more")


@pytest.mark.parametrize(("role", "statement"), [(role, each) for role in ROLES for each in (*REFUSED[role], *NOBODYS)])
def test_they_allow_nothing_more(users: Users, role: str, statement: str) -> None:
    """No function deletes a row, alters a table or moves a coupon to somebody else; apply makes no coupon either."""

    def run(connection: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    with pytest.raises(Unavailable, match="denied"):
        getattr(users, role).stores.ledger.read(run)
