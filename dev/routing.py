"""The front's rules for one API: which function has a route, and what a route lets through by itself.

The front has to match routes only where they differ in that; everything else the environments match (`gateway.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev import gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dev.template import Function, Limit, Route

_FOUND = "txn.route"
_TOO_MANY = 'status 429 content-type application/json string \'{"message":"Too Many Requests"}\''
# Of the two counters of a route, longer than the longest bucket takes to fill.
_KEPT = "1h"


def default(api: str, functions: Iterable[Function]) -> str:
    """Return the function that hears of what no rule sends elsewhere, as preflights: the first in the template."""
    return next(function.name for function in functions if any(each.name == api for each in function.apis))


def rules(api: str, functions: Sequence[Function]) -> str:
    """Return the lines of the API's frontend, or nothing where one function has all routes and none has a limit."""
    found = _routes(api, functions)
    if len({function for function, _ in found}) == 1 and not any(route.limit for _, route in found):
        return ""
    lines = [_match(number, route) for number, (_, route) in reversed([*enumerate(found)])]  # the last that fits wins
    for number, (_, route) in enumerate(found):
        if route.limit:
            lines += _limited(_table(api, number), number, route.limit)
    unusual = [(number, name) for number, (name, _) in enumerate(found) if name != default(api, functions)]
    lines += [f"use_backend {name} if {_is(number)}" for number, name in unusual]
    return "".join(f"  {line}\n" for line in lines)


def tables(api: str, functions: Sequence[Function]) -> str:
    """Return the sections that hold the counters of the routes with a limit."""
    return "\n".join(
        f"backend {_table(api, number)}\n"
        f"  stick-table type integer size 1 expire {_KEPT} store gpc0,gpc0_rate({_window_ms(route.limit)}ms)\n"
        for number, (_, route) in enumerate(_routes(api, functions))
        if route.limit
    )


def _routes(api: str, functions: Iterable[Function]) -> list[tuple[str, Route]]:
    """Return each route of the API and its function, the one that API Gateway prefers before the others."""
    found = [
        (function.name, route)
        for function in functions
        for each in function.apis
        if each.name == api
        for route in each.routes
    ]
    return sorted(found, key=lambda pair: gateway.rank(pair[1].method, pair[1].path))


def _match(number: int, route: Route) -> str:
    conditions = [] if route.method == "ANY" else [f"{{ method {route.method} }}"]
    if route.path != "$default":
        conditions.append(f"{{ path,url_dec -m reg '^{gateway.pattern(route.path).pattern}\\z' }}")
    return " ".join([f"http-request set-var({_FOUND}) int({number})", *(["if", *conditions] if conditions else [])])


def _limited(table: str, number: int, limit: Limit) -> list[str]:
    """Return the rules that answer 429 above the limit; only what is let through counts: a flood ends by itself."""
    return [
        f"http-request track-sc0 int(0) table {table} if {_is(number)}",
        f"http-request return {_TOO_MANY} if {_is(number)} {{ sc0_gpc0_rate ge {limit.burst} }}",
        f"http-request sc-inc-gpc0(0) if {_is(number)}",
    ]


def _window_ms(limit: Limit) -> int:
    """Return the time in which the bucket fills: `burst` requests in it are, on average, the rate."""
    return max(1, round(limit.burst / limit.rate_per_s * 1000))


def _is(number: int) -> str:
    return f"{{ var({_FOUND}) -m int {number} }}"


def _table(api: str, number: int) -> str:
    return f"limit-{api}-{number}"
