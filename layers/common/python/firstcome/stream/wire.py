"""A request that produces one record, and the broker's answer, as bytes.

The library's codec takes longer than all the rest of a send. Here what never varies is laid out once; a test holds
every byte to what the library builds.
"""

from functools import cache
from struct import Struct

from kafka.errors import KafkaProtocolError, for_code
from kafka.protocol.producer import ProduceResponse

from firstcome.stream.crc32c import crc32c

PRODUCE = 0  # the request's key
VERSION = 9  # what brokers of KAFKA_API_VERSION know; those of 4.x know it too
ACKS_ALL = -1
FORMAT = 2  # of a batch
NOBODY = -1  # producer id, its epoch and sequence numbers: the ledger takes a record twice without harm
END = b"\0"  # no tagged fields follow

_HEAD = Struct(">ihhih")  # size, key, version, correlation id, length of the client's id
_SIZE = 4  # bytes of the size, which does not count itself
_ACKS = Struct(">hi")  # and how long the broker waits for them
_NUMBER = Struct(">i")
_BATCH = Struct(">qiibI")  # base offset, length of what follows the length, epoch of the leader, format, checksum
_BATCH_LENGTH_AFTER = 12
# The part of a batch with a checksum: attributes, last offset's delta, first and last timestamp, producer's id and
# epoch, first sequence number, number of records.
_CHECKED = Struct(">hiqqqhii")
_RECORD = b"\0\0\0"  # attributes; the same timestamp and offset as the batch


@cache
def unsigned(number: int) -> bytes:
    """Return the varint of a number that is never negative."""
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)


@cache
def signed(number: int) -> bytes:
    """Return the zigzag varint of a number that happens not to be negative, as lengths within a record are written."""
    return unsigned(number << 1)


class Wire:
    """The requests for one topic, whose records have one header, of this name."""

    def __init__(self, topic: str, client_id: str, timeout_ms: int, header: str) -> None:
        client, topic_name, header_name = client_id.encode(), topic.encode(), header.encode()
        self._topic = topic
        self._client_length = len(client)
        one = unsigned(1 + 1)  # lists and strings are written with their length + 1
        named = one + unsigned(len(topic_name) + 1) + topic_name + one  # one topic, its name, one partition
        no_transaction = b"\0"
        self._before = client + END + no_transaction + _ACKS.pack(ACKS_ALL, timeout_ms) + named
        self._header = signed(1) + signed(len(header_name)) + header_name
        self._answered = END + named  # an answer, behind its correlation id
        self._error_at = 2 * _NUMBER.size + len(self._answered) + _NUMBER.size

    def request(
        self, correlation_id: int, partition: int, timestamp_ms: int, record: tuple[bytes, bytes, bytes]
    ) -> bytes:
        """Return the request, sized, for a record of this key, value and header."""
        key, value, header = record
        body = b"".join(
            (
                *(_RECORD, signed(len(key)), key, signed(len(value)), value),
                *(self._header, signed(len(header)), header),
            )
        )
        checked = b"".join(
            (
                _CHECKED.pack(0, 0, timestamp_ms, timestamp_ms, NOBODY, NOBODY, NOBODY, 1),
                signed(len(body)),
                body,
            )
        )
        length = _BATCH.size + len(checked)
        batch = _BATCH.pack(0, length - _BATCH_LENGTH_AFTER, 0, FORMAT, crc32c(checked))
        rest = (self._before, _NUMBER.pack(partition), unsigned(length + 1), batch, checked, END, END, END)
        size = _HEAD.size - _SIZE + sum(map(len, rest))
        return b"".join((_HEAD.pack(size, PRODUCE, VERSION, correlation_id, self._client_length), *rest))

    def throttle_ms(self, answer: bytes, correlation_id: int) -> int:
        """Return how long the broker wants no other request; raise the library's error where it says no.

        The answer is whole and sized.
        """
        if int.from_bytes(answer[4:8], signed=True) != correlation_id:
            raise KafkaProtocolError("the answer to another request")
        at = self._error_at
        if answer.startswith(self._answered, 8) and answer[at : at + 2] == b"\0\0":
            return int(_NUMBER.unpack_from(answer, len(answer) - _NUMBER.size - 1)[0])
        response = ProduceResponse.decode(answer, version=VERSION, header=True, framed=True)
        [topic] = response.responses
        [partition] = topic.partition_responses
        if topic.name != self._topic:
            raise KafkaProtocolError(f"an answer about topic {topic.name}")
        if partition.error_code:
            raise for_code(partition.error_code)(partition.error_message)
        return int(response.throttle_time_ms)
