"""The guards against storms: what a broker that is asked too often does to winners, and they to it."""

from __future__ import annotations

from tests.sabotage.guard import Guard

STORM = "tests/integration/test_storm.py"

GUARDS = [
    Guard(
        "too many connects are told from a wrong password",
        'too_many = TOO_MANY in (response.error_message or "").lower()',
        "too_many = False",
        f"{STORM}::test_a_refused_connection_costs_the_others_nothing",
    ),
    Guard(
        "who was refused does not connect again at once",
        "if self._backoff.quiet:",
        "if False:",
        f"{STORM}::test_a_storm_of_environments_calms_down",
    ),
    Guard(
        "who was refused together returns apart",
        "wait_ms = backoff_ms(self._failures, self._base_ms, self._cap_ms, random.random())",
        "wait_ms = backoff_ms(self._failures, self._base_ms, self._cap_ms, 0.0)",
        f"{STORM}::test_a_storm_of_environments_calms_down",
    ),
    Guard(
        "whose breakers tripped together probe apart",
        "self._breaker = Backoff(2 * settings.kafka_breaker_ms, 2 * settings.kafka_breaker_ms)",
        "self._breaker = Backoff(1, 1)",
        f"{STORM}::test_breakers_that_trip_together_probe_apart",
    ),
    Guard(
        "who could not connect to Redis comes back apart",
        "Retry(FullJitterBackoff(pause_s, pause_s), settings.redis_retries)",
        "Retry(FullJitterBackoff(0, 0), settings.redis_retries)",
        "tests/integration/tls/test_crowd.py::test_who_could_not_connect_comes_back_apart",
    ),
    Guard(
        "who is refused again waits for longer",
        "self._failures += 1",
        "self._failures = 1",
        f"{STORM}::test_a_storm_of_environments_calms_down",
    ),
    Guard(
        "a refused connection leaves the others open",
        "if left or not too_many:",
        "if True:",
        f"{STORM}::test_a_refused_connection_costs_the_others_nothing",
    ),
    Guard(
        "a refused connection does not make a record refused that has left",
        'if left:\n                logger.warning("record\'s fate unknown"',
        'if left and not too_many:\n                logger.warning("record\'s fate unknown"',
        f"{STORM}::test_a_record_that_has_left_stays_unknown",
    ),
]
