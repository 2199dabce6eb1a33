"""What the edge does before page and API (template.edge.yaml), for the local fronts; a test compares the two."""

from __future__ import annotations

# The template's name of the API that the edge stands before.
API = "Api"
# How long the open view of an event is one answer for all. haproxy counts in whole seconds: a second at most.
KEPT_S = 1
# Of the cache, in MiB: the least that haproxy takes. A view has some 300 bytes.
KEPT_MIB = 1
# Not in an open view, which is one answer for all: the id of the request that reached the function is another's.
DROPPED = ("x-correlation-id", "apigw-requestid")
# Of every answer of page and API. A browser heeds the last one over TLS only, which there is none of here.
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000",
}
