"""What capacity.py says: which limit comes first, what to set, what it costs; and where its numbers stand."""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace

import pytest

from benchmarks.harness import prices
from benchmarks.harness.rows import Row
from benchmarks.scale import capacity, limits, times
from benchmarks.scale.advice import advised, costs, recommended
from benchmarks.scale.capacity import admitted, changes
from benchmarks.scale.deployment import Deployment, outside
from benchmarks.scale.planning import Limit, ranked
from benchmarks.scale.times import MEMORY_COUPONS, Aws, Opening, Times

US = 1e-6
TIMES = Times(
    lost_s=350 * US,
    remembered_s=100 * US,
    won_s=2_000 * US,
    gate_lost_s=20 * US,
    gate_won_s=25 * US,
    settle_s=5 * US,
    produce_s=300 * US,
    consume_s=30 * US,
    ledger_s=60 * US,
)
DEFAULT = Deployment()
AWS = Aws(TIMES)


def first(opening: Opening, deployment: Deployment = DEFAULT) -> str:
    return ranked(opening, deployment, AWS)[0].what


def refused_by(opening: Opening, deployment: Deployment) -> list[Limit]:
    return [limit for limit in ranked(opening, deployment, AWS) if limit.used > 1 and not limit.soft]


def test_a_small_opening_passes_no_limit() -> None:
    """The template's defaults are large enough for a small shop."""
    assert not [limit for limit in ranked(Opening(100, 10, 100), DEFAULT, AWS) if limit.tight]


@pytest.mark.parametrize(
    ("burst", "parameters", "expected"),
    [
        # A cold start of a second: each request of the first second wants an environment of its own.
        (1_000, {}, "Lambda: environments at once"),
        # Warm, ten requests a second is all that an environment is allowed, however short they are.
        (3_000, {"ColdStart": "provisioned", "ProvisionedEnvironments": 199}, "Lambda: requests a second"),
        # With as many environments as a quota of its own allows, the gateway's default.
        (
            15_000,
            {"ColdStart": "provisioned", "ProvisionedEnvironments": 2_000, "ApplyConcurrency": 2_400},
            "API Gateway: throttle",
        ),
    ],
)
def test_the_first_hard_limit(burst: float, parameters: dict[str, object], expected: str) -> None:
    """Each stack is stopped by another limit first, and that one is named."""
    roomy = {"ApiRateLimit": 10_000, "DatabaseConnections": 5_000, "DatabaseClass": "db.m7g.8xlarge"}
    deployment = Deployment(roomy | parameters, lambda_quota=3_000)
    hard = [limit for limit in ranked(Opening(burst, 10, 1_000), deployment, AWS) if not limit.soft]
    assert hard[0].what == expected


def test_one_shard_is_the_limit_once_the_front_is_raised() -> None:
    """A gate that accepts 40,000 a second is passed by 60,000, whatever stands before it."""
    parameters = {"ColdStart": "provisioned", "ProvisionedEnvironments": 6_000, "ApplyConcurrency": 7_000}
    deployment = Deployment(parameters | {"ApiRateLimit": 60_000}, api_quota=60_000, lambda_quota=8_000)
    hard = [limit for limit in ranked(Opening(60_000, 10, 10**6), deployment, AWS) if not limit.soft]
    assert hard[0].what in ("Redis: winners", "MySQL: connections")
    assert next(limit for limit in hard if limit.what == "Redis: winners").used == pytest.approx(1.5)


def test_what_is_needed_grows_with_the_burst() -> None:
    """No limit moves away when more people come."""
    used = [
        {limit.what: limit.used for limit in ranked(Opening(burst, 10, 50_000), DEFAULT, AWS)}
        for burst in (100, 1_000, 10_000, 100_000)
    ]
    for fewer, more in itertools.pairwise(used):
        assert all(more[what] >= fewer[what] for what in fewer)


@pytest.mark.parametrize("burst", [500, 10_000, 30_000])
@pytest.mark.parametrize("coupons", [100, 50_000, 1_000_000])
def test_what_is_advised_refuses_nobody(burst: float, coupons: int) -> None:
    """Connections to the brokers are not bought by parameters: who has none is told `reserved`, and swept."""
    opening = Opening(burst, 10, coupons)
    better = advised(opening, DEFAULT, AWS)
    assert not refused_by(opening, better)
    assert admitted(opening, better, AWS) == pytest.approx(burst)


def test_no_parameter_makes_one_stack_large_enough_for_all() -> None:
    """A shard's scripts run on one core, whatever the node's size."""
    opening = Opening(60_000, 10, 10_000)
    [left] = refused_by(opening, advised(opening, DEFAULT, AWS))
    assert left.what == "Redis: winners"
    two = replace(opening, burst=opening.burst / 2, coupons=opening.coupons // 2)
    assert not refused_by(two, advised(two, DEFAULT, AWS))


def test_what_is_advised_is_no_less_than_what_is_there() -> None:
    """And nothing where nothing is needed."""
    assert not changes(DEFAULT, advised(Opening(100, 10, 100), DEFAULT, AWS))
    large = DEFAULT.with_parameters(ProvisionedPollers=9, ApplyConcurrency=700, DatabaseClass="db.m7g.8xlarge")
    better = advised(Opening(2_000, 10, 100), large, AWS)
    assert [better[name] for name in large.parameters] == [9, 700, "db.m7g.8xlarge"]


@pytest.mark.parametrize("burst", [100, 1_000, 9_000, 10_000, 40_000, 100_000, 500_000])
@pytest.mark.parametrize("coupons", [10, 1_000, 50_000, 1_000_000])
def test_what_is_recommended_passes_its_own_check(burst: float, coupons: int) -> None:
    """Every limit of every stack, with values that the templates take, for everybody and all coupons."""
    found = recommended(Opening(burst, 10, coupons), DEFAULT, AWS)
    assert found is not None
    assert not [limit.what for limit in ranked(found.share, found.each, AWS) if limit.tight]
    assert not outside(found.each.parameters)
    assert found.each.provisioned < found.each["ApplyConcurrency"]
    assert found.each["ApplyConcurrency"] + found.each.reserved_beside <= found.each.lambda_quota
    assert found.stacks * found.share.burst >= burst * 0.999
    assert found.stacks * found.share.coupons >= coupons


def test_more_stacks_are_recommended_only_where_one_falls_short() -> None:
    """The fewest that pass; none where no number of them does."""
    assert [recommended(Opening(burst, 10, 1_000), DEFAULT, AWS).stacks for burst in (1_000, 10_000)] == [1, 2]  # type: ignore[union-attr]
    assert recommended(Opening(10**9, 10, 1_000), DEFAULT, AWS) is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--burst", "-5"], "-5: a number above 0 is expected"),
        (["--burst", "many"], "many: a number above 0 is expected"),
        (["--coupons", "0"], "0: a whole number above 0 is expected"),
        (["burst=10000"], "no template has the parameter burst"),
        (["10000"], "has no `=`: parameters are written NAME=VALUE"),
        (["ApplyConcurrency=5000"], "the template takes 1 to 1000"),
        (["ApplyConcurrency=many"], "a whole number is expected"),
        (["ColdStart=warm"], "the template takes none, snapstart, provisioned"),
        (["ColdStart=provisioned", "ProvisionedEnvironments=200"], "is not below ApplyConcurrency=200"),
    ],
)
def test_a_wrong_option_is_told_in_a_line(
    words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what is expected in its place."""
    monkeypatch.setattr(sys, "argv", ["capacity", *words])
    with pytest.raises(SystemExit):
        capacity.main()
    assert told in capsys.readouterr().err


def test_it_says_what_the_options_mean_and_what_it_assumes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A burst is people a second, and lasts; what was not asked for is told as well."""
    monkeypatch.setattr(sys, "argv", ["capacity", "--burst", "10000"])
    capacity.main()
    said = " ".join(capsys.readouterr().out.split())
    assert "10,000 people a second for 10 s: 100,000 people, of whom 1,000 get a coupon" in said
    assert "Assumed: who was refused and asks again adds no load" in said
    assert "quotas of 10,000 requests a second (L-8A5B8E43) and 1,000 concurrent executions" in said
    assert "To set: 2 stacks, each in an account of its own with its share" in said
    assert "Of template.infrastructure.yaml: BrokerCount, DatabaseConnections. Of template.yaml: the others." in said


def test_only_events_that_fit_are_remembered() -> None:
    """Losers of an event above `sold_out_memory_coupons` each cost Redis a script."""
    small, large = Opening(10_000, 10, MEMORY_COUPONS), Opening(10_000, 10, MEMORY_COUPONS + 1)
    asked = [next(x.need for x in ranked(o, DEFAULT, AWS) if x.what == "Redis: losers") for o in (small, large)]
    assert asked[0] < 0.05 * asked[1] == 0.05 * large.peak


def test_events_that_open_together_need_what_they_need_together() -> None:
    """Two events need as much as one of twice the size."""
    two, one = Opening(1_000, 10, 10, events=2), Opening(2_000, 10, 20)
    needs = [{limit.what: limit.need for limit in ranked(each, DEFAULT, AWS)} for each in (two, one)]
    assert needs[0]["API Gateway: throttle"] == needs[1]["API Gateway: throttle"]
    assert needs[0]["pollers"] == needs[1]["pollers"]


def test_every_function_has_its_share_of_the_quota() -> None:
    """Lambda refuses a reservation that leaves fewer than 100: the view's, retry's and the operators' are beside."""
    assert DEFAULT.reserved_beside == limits.UNRESERVED + 20 + 3 + 5
    assert Deployment({"ApplyConcurrency": 1_000}).environments == limits.CONCURRENCY - DEFAULT.reserved_beside


def test_a_parameter_that_no_template_has_is_an_error() -> None:
    """A typing error does not plan another stack."""
    with pytest.raises(LookupError, match="ApplyConcurency"):
        Deployment({"ApplyConcurency": 5})


# --- prices ----------------------------------------------------------------------------------------------------------


def test_what_is_deployed_costs_what_deploy_md_says() -> None:
    """The sum of its table, to the cent."""
    said = prices.DEPLOY.read_text().partition("| **idle** |")[2].partition("\n")[0]
    hour = sum(costs(Opening(100, 10, 100), DEFAULT, AWS)[0].values())
    assert f"**{hour:.2f}**" in said


def test_a_million_applications_cost_about_what_deploy_md_says() -> None:
    """A little less: its ten milliseconds of Lambda are more than a loser takes."""
    costed = costs(Opening(100_000, 10, 10_000), DEFAULT, AWS)[1]
    assert costed["HTTP API"] == pytest.approx(1.00)
    assert costed["logs"] == pytest.approx(0.20, abs=0.005)
    assert 0.20 < costed["Lambda"] < 0.33


def test_a_price_that_is_not_there_is_an_error() -> None:
    """A broker without a known price is not taken to cost nothing."""
    with pytest.raises(LookupError, match="0 prices"):
        prices.price("MSK broker kafka.t9")


def test_a_provisioned_environment_is_paid_by_the_hour() -> None:
    """Whether anybody asks or not."""
    warm = DEFAULT.with_parameters(ColdStart="provisioned", ProvisionedEnvironments=100)
    hour = costs(Opening(100, 10, 100), warm, AWS)[0]
    assert hour["provisioned environments"] == pytest.approx(1.2, abs=0.01)


def test_the_default_quotas_are_those_of_deploy_md() -> None:
    """Two places speak of them, one to readers."""
    quotas = prices.DEPLOY.read_text().partition("## Quotas to raise")[2].partition("\n## ")[0]
    for value in (limits.API_REQUESTS_PER_S, limits.API_BURST, limits.CONCURRENCY, limits.CONNECTIONS):
        assert f"{value:,}" in quotas
    assert f"| {limits.CONNECTIONS_PER_S} |" in quotas


# --- service times ---------------------------------------------------------------------------------------------------


def test_service_times_are_those_of_a_whole_run() -> None:
    """Redis's by its rates, all others by the CPU that `http` has found; medians, in seconds."""
    us = {"via Redis": 200.0, "from memory": 100.0, "accepted": 600.0, times.CONSUMED: 20.0}
    servers = {times.RECORD: 110.0, times.INSERTED: 10.0, times.SETTLED: 5.0}
    found = times.of(
        {
            "gate": [Row("CPU", "µs", {}), Row("gate", "people/s", {"accepted": [40_000.0], "sold out": [50_000.0]})],
            "http": [
                Row("accepted", "answers/s", {"accepted": [1_500.0]}),
                Row("functions", times.CPU_UNIT, {name: [value, value, 9_999.0] for name, value in us.items()}),
                Row("servers", times.CPU_UNIT, {name: [value] for name, value in servers.items()}),
            ],
        }
    )
    assert [found.gate_won_s, found.gate_lost_s] == pytest.approx([25 * US, 20 * US])
    assert [found.lost_s, found.remembered_s, found.won_s] == pytest.approx([200 * US, 100 * US, 600 * US])
    assert [found.produce_s, found.consume_s] == pytest.approx([110 * US, 20 * US])
    assert [found.ledger_s, found.settle_s] == pytest.approx([10 * US, 5 * US])
