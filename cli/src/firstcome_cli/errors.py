"""What an answer that is no success says: a definite no, or nothing."""

from collections.abc import Mapping
from typing import Any


class FirstcomeError(Exception):
    """Every error of this package that is about an answer."""


class Refused(FirstcomeError):  # noqa: N818  it is an answer
    """A definite no: nothing was done, and the same request will be answered the same. `code` is stable."""

    def __init__(self, code: str, detail: str, status: int = 0, fields: Mapping[str, Any] | None = None) -> None:
        """Keep the code, the sentence, the HTTP status (0: it was no HTTP) and all fields of the answer."""
        super().__init__(detail or code)
        self.code = code
        self.detail = detail
        self.status = status
        self.fields = dict(fields or {})


class NotThere(Refused):
    """There is no such event, application or row."""


class Unknown(FirstcomeError):  # noqa: N818  it is the lack of an answer
    """Nobody knows whether it was done: ask again, which is safe, or look."""
