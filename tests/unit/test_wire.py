"""What goes over the wire is what the library builds, byte for byte, and what comes back is read as by the library."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import errors
from kafka.protocol.producer import ProduceRequest, ProduceResponse
from kafka.record.memory_records import MemoryRecordsBuilder
from kafka.record.util import calc_crc32c

from firstcome.stream.crc32c import crc32c
from firstcome.stream.wire import Wire, signed, unsigned

VERSION = 9  # of the request
TOPICS = st.text("abcXYZ019._-", min_size=1, max_size=249)
NAMES = st.text(max_size=40)
CODES = sorted(code for code in errors.kafka_errors if code is not None)
IDS = st.integers(0, 2**31 - 1)
# Lengths around which a varint grows, and whatever else.
BYTES = st.one_of(st.binary(max_size=300), st.sampled_from([63, 64, 127, 128, 8_191, 8_192]).map(bytes))


def library_request(topic: str, client_id: str, timeout_ms: int, partition: int, records: Any) -> Any:
    """Return the request as the library's own producer makes it."""
    data = ProduceRequest.TopicProduceData
    parts = [data.PartitionProduceData(index=partition, records=records)]
    topics = [data(name=topic, partition_data=parts)]
    request = ProduceRequest(transactional_id=None, acks=-1, timeout_ms=timeout_ms, topic_data=topics)
    request.API_VERSION = VERSION
    return request


@given(TOPICS, st.tuples(NAMES, NAMES), st.tuples(IDS, IDS, IDS, st.integers(0, 2**48)), st.tuples(BYTES, BYTES, BYTES))
def test_a_request_is_what_the_library_builds(
    topic: str, names: tuple[str, str], numbers: tuple[int, int, int, int], record: tuple[bytes, bytes, bytes]
) -> None:
    """Every byte of it, for keys, values, headers, names, ids and times of all lengths."""
    client_id, header = names
    timeout_ms, correlation_id, partition, timestamp_ms = numbers
    key, value, header_value = record
    builder = MemoryRecordsBuilder(2, 0, 2**31)
    builder.append(timestamp_ms, key, value, [(header, header_value)])
    builder.close()
    request = library_request(topic, client_id, timeout_ms, partition, builder.buffer())
    request.with_header(correlation_id=correlation_id, client_id=client_id)
    ours = Wire(topic, client_id, timeout_ms, header).request(correlation_id, partition, timestamp_ms, record)
    assert ours == request.encode(framed=True, header=True)


@given(st.binary(max_size=2_000))
def test_a_checksum_is_what_the_library_computes(data: bytes) -> None:
    """Longer and shorter data in turn: tables are made once, and kept."""
    assert crc32c(data) == calc_crc32c(data)


def test_a_checksum_is_the_standards() -> None:
    """The values of RFC 3720, and of nothing."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(b"") == 0


@pytest.mark.parametrize(
    ("number", "unsigned_hex", "signed_hex"), [(0, "00", "00"), (1, "01", "02"), (300, "ac02", "d804")]
)
def test_a_varint_is_kafkas(number: int, unsigned_hex: str, signed_hex: str) -> None:
    """Seven bits a byte, the lowest first."""
    assert unsigned(number).hex() == unsigned_hex
    assert signed(number).hex() == signed_hex


# --- the answer ------------------------------------------------------------------------------------------------------


def answer(
    topic: str, correlation_id: int, error_code: int = 0, throttle_ms: int = 0, message: str | None = None
) -> bytes:
    """Return what a broker says."""
    said = ProduceResponse.TopicProduceResponse
    partition = said.PartitionProduceResponse(
        index=3,
        error_code=error_code,
        base_offset=2**40,
        log_append_time_ms=-1,
        log_start_offset=0,
        record_errors=[],
        error_message=message,
    )
    response = ProduceResponse(
        responses=[said(name=topic, partition_responses=[partition])], throttle_time_ms=throttle_ms
    )
    response.API_VERSION = VERSION
    response.with_header(correlation_id=correlation_id)
    return bytes(response.encode(framed=True, header=True))


@given(TOPICS, IDS, IDS)
def test_an_answer_says_how_long_to_be_quiet(topic: str, correlation_id: int, throttle_ms: int) -> None:
    """It is the only thing that a broker adds to "written"."""
    wire = Wire(topic, "client", 1, "header")
    assert wire.throttle_ms(answer(topic, correlation_id, 0, throttle_ms), correlation_id) == throttle_ms


@given(TOPICS, st.sampled_from(CODES), st.one_of(st.none(), NAMES))
def test_every_error_of_a_broker_is_raised(topic: str, error_code: int, message: str | None) -> None:
    """As the library's error, with the broker's message: none is taken for "written"."""
    wire = Wire(topic, "client", 1, "header")
    if error_code == 0:
        assert wire.throttle_ms(answer(topic, 1, 0, 0, message), 1) == 0
        return
    with pytest.raises(errors.for_code(error_code)):
        wire.throttle_ms(answer(topic, 1, error_code, 0, message), 1)


def test_the_answer_to_another_request_is_none() -> None:
    """What it says of that record is not said of this one."""
    wire = Wire("topic", "client", 1, "header")
    with pytest.raises(errors.KafkaProtocolError):
        wire.throttle_ms(answer("topic", 1), 2)


def test_the_answer_of_another_topic_is_none() -> None:
    """Whatever a broker could mean by it: "written" is said of this topic only."""
    with pytest.raises(errors.KafkaProtocolError):
        Wire("topic", "client", 1, "header").throttle_ms(answer("other", 1), 1)
