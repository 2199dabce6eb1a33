"""The front's rules for one API: which function has a route, what of it is kept, and what it lets through by itself.

The front has to match routes only where they differ in that; everything else the environments match (`gateway.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dev import edge, gateway

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dev.template import Function, Limit, Route

KEPT = "views"  # haproxy's name of the cache
_FOUND = "txn.route"
_TOO_MANY = 'status 429 content-type application/json string \'{"message":"Too Many Requests"}\''
# Of the two counters of a route, longer than the longest bucket takes to fill.
_KEPT = "1h"


def default(api: str, functions: Iterable[Function]) -> str:
    """Return the function that hears of what no rule sends elsewhere, as preflights: the first in the template."""
    return next(function.name for function in functions if any(each.name == api for each in function.apis))


def rules(api: str, functions: Sequence[Function]) -> str:
    """Return the lines of the API's frontend, or nothing where one function has all routes and they are alike."""
    found = _routes(api, functions)
    alike = not any(route.limit or _is_kept(api, route) for _, route in found)
    if alike and len({function for function, _ in found}) == 1:
        return ""
    lines = [_match(api, number, route) for number, (_, route) in reversed([*enumerate(found)])]  # the last one wins
    for number, (_, route) in enumerate(found):
        if _is_kept(api, route):
            lines += _kept(_is(api, number))
    unusual = [(number, name) for number, (name, _) in enumerate(found) if name != default(api, functions)]
    lines += [f"use_backend {name} if {_is(api, number)}" for number, name in unusual]
    return "".join(f"  {line}\n" for line in lines)


def limits(function: str, apis: Iterable[str], functions: Sequence[Function]) -> list[str]:
    """Return the lines of a function's backend that turn away what is too much for a route.

    Behind the front's own rules: haproxy reads those to their end, also where it has found what it keeps.
    """
    return [
        line
        for api in apis
        for number, (name, route) in enumerate(_routes(api, functions))
        if name == function and route.limit
        for line in _limited(_table(api, number), _is(api, number), route.limit)
    ]


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


def _match(api: str, number: int, route: Route) -> str:
    conditions = [] if route.method == "ANY" else [f"{{ method {route.method} }}"]
    if route.path != "$default":
        conditions.append(f"{{ path,url_dec -m reg '^{gateway.pattern(route.path).pattern}\\z' }}")
    return " ".join(
        [f"http-request set-var({_FOUND}) str({_name(api, number)})", *(["if", *conditions] if conditions else [])]
    )


def _is_kept(api: str, route: Route) -> bool:
    return api == edge.API and route.method == "GET" and not route.token


def _kept(found: str) -> list[str]:
    """Return the rules that keep a view as the edge does, by its path: what tells people apart goes no further.

    haproxy keeps a 200 that says for how long, and no error. The page has an origin of its own here, and the answer
    says that it may read it. haproxy 2.6 does not vary by origin: so it stands behind the path while that is looked up.
    """
    # With cache-control and pragma one would ask past the cache.
    unsaid = ("authorization", "cookie", "x-correlation-id", "cache-control", "pragma")
    return [
        *(f"http-request del-header {name} if {found}" for name in unsaid),
        f"http-request set-pathq %[path]?%[req.hdr(origin),url_enc] if {found}",
        f"http-request cache-use {KEPT} if {found}",
        f"http-request set-pathq %[path] if {found}",
        *(f"http-response del-header {name} if {found}" for name in edge.DROPPED),
        f"http-response cache-store {KEPT} if {found}",
    ]


def _limited(table: str, found: str, limit: Limit) -> list[str]:
    """Return the rules that answer 429 above the limit; only what is let through counts: a flood ends by itself."""
    return [
        f"http-request track-sc0 int(0) table {table} if {found}",
        f"http-request return {_TOO_MANY} if {found} {{ sc0_gpc0_rate ge {limit.burst} }}",
        f"http-request sc-inc-gpc0(0) if {found}",
    ]


def _window_ms(limit: Limit) -> int:
    """Return the time in which the bucket fills: `burst` requests in it are, on average, the rate."""
    return max(1, round(limit.burst / limit.rate_per_s * 1000))


def _is(api: str, number: int) -> str:
    return f"{{ var({_FOUND}) -m str {_name(api, number)} }}"


def _name(api: str, number: int) -> str:
    return f"{api}-{number}"


def _table(api: str, number: int) -> str:
    return f"limit-{_name(api, number)}"
