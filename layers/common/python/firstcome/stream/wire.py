"""A request that produces one record, and its answer, as bytes."""

from kafka.errors import for_code
from kafka.protocol.producer import ProduceRequest, ProduceResponse
from kafka.record.memory_records import MemoryRecordsBuilder

VERSION = 9


class Wire:
    def __init__(self, topic: str, client_id: str, timeout_ms: int) -> None:
        self._topic, self._client_id, self._timeout_ms = topic, client_id, timeout_ms

    def request(self, correlation_id: int, partition: int, key: bytes, value: bytes, header: bytes, ms: int) -> bytes:
        builder = MemoryRecordsBuilder(2, 0, 16384)
        builder.append(ms, key, value, [("correlation_id", header)])
        builder.close()
        topic = ProduceRequest.TopicProduceData
        part = topic.PartitionProduceData(index=partition, records=builder.buffer())
        request = ProduceRequest(
            transactional_id=None,
            acks=-1,
            timeout_ms=self._timeout_ms,
            topic_data=[topic(name=self._topic, partition_data=[part])],
        )
        request.API_VERSION = VERSION
        request.with_header(correlation_id=correlation_id, client_id=self._client_id)
        return bytes(request.encode(framed=True, header=True))

    def throttle_ms(self, answer: bytes, correlation_id: int) -> int:
        response = ProduceResponse.decode(answer, version=VERSION, header=True, framed=True)
        [topic] = response.responses
        [partition] = topic.partition_responses
        if partition.error_code:
            raise for_code(partition.error_code)(partition.error_message)
        return response.throttle_time_ms
