"""What the documents of both APIs are made of."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "layers" / "common" / "python"))

from firstcome import rules  # noqa: E402  found on the path above

Json = dict[str, Any]

EVENT_ID: Json = {"type": "string", "pattern": f"^{rules.EVENT_ID_PATTERN}$"}
USER_ID: Json = {"type": "string", "pattern": f"^{rules.USER_ID_PATTERN}$"}
# A deleted event is told to nobody.
EVENT_STATE: Json = {
    "type": "string",
    "enum": [state for state in rules.EventState if state is not rules.EventState.DELETED],
}
SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
TIME: Json = {"type": "string", "format": "date-time", "description": "RFC 3339, UTC, milliseconds"}

CORRELATION_ID: Json = {"schema": {"type": "string"}, "description": "Name it when you report a fault"}
RETRY_AFTER: Json = {"schema": {"type": "integer"}, "description": "Seconds to wait before asking again"}


def object_of(properties: Json, *optional: str, description: str) -> Json:
    """Return the schema of an object with these properties, all required but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "properties": properties, "required": required}


def content(schema: str, examples: Json) -> Json:
    """Return a JSON body of a named schema, with examples by their names."""
    values = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": {"schema": ref(schema), "examples": values}}


def ref(schema: str) -> Json:
    """Return the reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{schema}"}
