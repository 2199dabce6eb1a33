"""The settings of kafka-python's clients: where the brokers are, how long they may take, who the client is."""

from typing import Any

from firstcome.rules import BadInput
from firstcome.settings import Settings

# The oldest version that Amazon MSK runs, and newer brokers speak it too. Pinned, because otherwise the constructor of
# every client asks the broker, for up to 30 s, and raises when it is away.
KAFKA_API_VERSION = (2, 8)
CLIENT_ID = "firstcome"  # in the logs and quotas of the brokers
# Small enough to try several times within one send; the default grows to 30 s.
KAFKA_RECONNECT_MAX_MS = 200


def kafka_config(settings: Settings) -> dict[str, Any]:
    """Return what kafka-python's producer, consumer and admin client have in common; raise `BadInput` if unknown."""
    security: dict[str, dict[str, str]] = {
        "PLAINTEXT": {"security_protocol": "PLAINTEXT"},
        "SSL": {"security_protocol": "SSL"},
        "AWS_MSK_IAM": {"security_protocol": "SASL_SSL", "sasl_mechanism": "AWS_MSK_IAM"},
    }
    if settings.kafka_security not in security:
        raise BadInput("bad_setting", f"kafka_security={settings.kafka_security!r}: expected one of {list(security)}")

    def net_client(**configs: Any) -> Any:
        """Make the library's network client, with two settings that its other classes do not pass on."""
        from kafka.net.compat import KafkaNetClient  # noqa: PLC0415  only functions that use Kafka pay for it

        # TCP, TLS and authentication with one broker; the default of 10 s would spend a whole send on a dead one.
        setup_ms = settings.kafka_max_block_ms // 3
        client = KafkaNetClient(
            socket_connection_setup_timeout_ms=setup_ms, socket_connection_setup_timeout_max_ms=setup_ms, **configs
        )
        # Only `ensure_topic` makes topics: a broker that makes one by itself gives it one partition and no replica.
        client.cluster.config["allow_auto_create_topics"] = False
        return client

    return {
        "bootstrap_servers": [server.strip() for server in settings.kafka_bootstrap.split(",")],
        "api_version": KAFKA_API_VERSION,
        "client_id": CLIENT_ID,
        "request_timeout_ms": settings.kafka_request_timeout_ms,
        "connections_max_idle_ms": settings.kafka_idle_ms,
        "reconnect_backoff_max_ms": KAFKA_RECONNECT_MAX_MS,
        "kafka_client": net_client,
        # None: the system's CAs. Chain and name are verified either way.
        "ssl_cafile": settings.kafka_ca_file or None,
        **security[settings.kafka_security],
    }
