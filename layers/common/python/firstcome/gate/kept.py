"""A command that a person waits for: prepared bytes, over a connection of redis-py that is kept.

All of it is redis-py's, by public names: its pool connects and authenticates, its connection sends, reads and looks
after its own health, its retry repeats. What is saved is each command's way through the client: taking a connection
from the pool and looking whether it is alive, packing ten words, and telling metrics that nobody collects.
"""

from collections.abc import Iterable
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry


class KeptClient(redis.Redis):
    """A client of one server that has a short way beside the usual one. It connects at its first command."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._kept: list[Any] = []
        # Connecting repeats with pauses. That a kept connection has died says nothing against a new one.
        self._again = Retry(NoBackoff(), self.connection_pool.connection_kwargs["retry"].get_retries())

    def ask(self, command: bytes) -> Any:
        """Send one packed command and return its answer; raise what any command of redis-py raises.

        Threads never share a connection. One that died while it was idle costs one of the repetitions.
        """
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self.connection_pool.get_connection()

        def exchange() -> Any:
            connection.send_packed_command([command])
            return connection.read_response()

        try:
            answer = self._again.call_with_retry(exchange, lambda error: connection.disconnect(error=error))
        except ResponseError:
            self._kept.append(connection)
            raise
        except BaseException:
            # Whatever came between sending and reading: the next command must not read this one's answer.
            connection.disconnect()
            self.connection_pool.release(connection)
            raise
        self._kept.append(connection)
        return answer


def begin(words: Iterable[str], more: int) -> bytes:
    """Return the beginning of a command: these words, to be followed by so many `more`."""
    known = list(words)
    return b"*%d\r\n%b" % (len(known) + more, b"".join(map(word, known)))


def word(text: str) -> bytes:
    """Return the bytes of one more word."""
    encoded = text.encode()
    return b"$%d\r\n%b\r\n" % (len(encoded), encoded)
