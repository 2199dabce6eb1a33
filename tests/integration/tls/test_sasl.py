"""Authentication at a broker over the producer's own connection: who is let in, for how long, and who is not."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from kafka.errors import SaslAuthenticationFailedError, UnsupportedSaslMechanismError
from kafka.protocol.metadata import MetadataRequest

from firstcome.stream import connection as connection_module
from firstcome.stream.connect import kafka_config
from firstcome.stream.connection import SESSION_SHARE, Connection, after, tls_context
from firstcome.stream.producer import Sent, Stream
from tests.integration.tls.conftest import NAME, PASSWORD, SESSION_MS, USER
from tests.integration.tls.test_tls import TICKET
from tests.patience import PATIENCE_MS

if TYPE_CHECKING:
    from tests.integration.tls.conftest import Tls


def connected(tls: Tls, password: str = PASSWORD, mechanism: str = "PLAIN") -> Connection:
    """Connect as this user: by a password, since no broker outside of AWS knows IAM."""
    config: dict[str, Any] = kafka_config(replace(tls.settings(), kafka_idle_ms=10 * SESSION_MS)) | {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": USER,
        "sasl_plain_password": password,
    }
    return Connection((NAME, tls.kafka_sasl_port), config, tls_context(config), after(PATIENCE_MS))


def test_a_connection_that_has_authenticated_is_answered(tls: Tls) -> None:
    """TLS first, then the library's mechanism, then any request."""
    with closing(connected(tls)) as connection:
        answer = connection.ask(MetadataRequest(topics=[]), after(PATIENCE_MS))
        assert [broker.port for broker in answer.brokers] == [tls.kafka_sasl_port]


def test_a_session_is_renewed_before_it_ends(tls: Tls, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker hangs up on the first request after its end, so the connection is replaced earlier."""
    with closing(connected(tls)) as connection:
        assert connection.usable
        for share, usable in ((SESSION_SHARE - 0.05, True), (SESSION_SHARE, False)):
            later = time.monotonic() + SESSION_MS / 1000 * share
            monkeypatch.setattr(connection_module, "time", SimpleNamespace(monotonic=lambda later=later: later))
            assert connection.usable is usable


def test_a_wrong_password_is_an_error(tls: Tls) -> None:
    """No other try could end otherwise."""
    with pytest.raises(SaslAuthenticationFailedError):
        connected(tls, password="wrong")


def test_a_mechanism_that_the_broker_does_not_offer_is_named(tls: Tls) -> None:
    """A cluster without IAM, asked for it."""
    with pytest.raises(UnsupportedSaslMechanismError, match="AWS_MSK_IAM"):
        connected(tls, mechanism="AWS_MSK_IAM")


def test_a_record_is_refused_at_once_where_nobody_is_let_in(tls: Tls) -> None:
    """It never left, and asking until the time is up would change nothing."""
    sasl = f"{NAME}:{tls.kafka_sasl_port}"
    settings = replace(tls.settings(), kafka_bootstrap=sasl, kafka_security="AWS_MSK_IAM", kafka_max_block_ms=10**9)
    with closing(Stream(settings)) as stream:
        assert stream.send(TICKET, 1, "") is Sent.REFUSED
