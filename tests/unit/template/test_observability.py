"""template.observability.yaml: its parameters are outputs of the other stacks, and all parts of a server are watched.

That metrics, silence and the runbook are right: tests/unit/test_dashboard.py.
"""

from __future__ import annotations

import pytest

from tests.templates import Resource, Template, application, infrastructure, observability

alarms = observability.of_type("AWS::CloudWatch::Alarm")


def test_what_has_no_default_is_an_output_of_the_application() -> None:
    """By name, so that one command carries them over; what infrastructure makes may be left out."""
    given = application.outputs.keys() | infrastructure.outputs.keys()
    required = {name for name, each in observability.parameters.items() if "Default" not in each}
    assert required <= application.outputs.keys()
    assert observability.parameters.keys() - given == {"AlarmTopicArn", "DatabaseConnectionsHigh"}


def test_what_depends_on_operators_is_there_with_them() -> None:
    """Their API is an output under its condition, and a parameter that may be empty."""
    assert application.outputs["OperatorApiId"]["Condition"] == "HasOperators"
    assert observability.parameters["OperatorApiId"]["Default"] == ""
    assert observability.resources["OperatorApiErrors"]["Condition"] == "HasOperators"


def parts(alarm: Resource) -> list[tuple[str, str]]:
    """Return the metrics of one alarm, and the last dimension of each, as they are written."""
    metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]
    return [(each["MetricName"], str(each["Dimensions"][-1]["Value"])) for each in metrics]


def of_a_server(condition: str) -> dict[str, Resource]:
    return {name: alarms[name] for name, each in observability.resources.items() if each.get("Condition") == condition}


def test_every_broker_is_watched_however_many_there_are() -> None:
    """A query takes the worst of all; MSK tells of refused connections only at a level that costs something."""
    for name, alarm in of_a_server("HasBrokers").items():
        [query] = alarm["Metrics"]
        worst = "MIN" if alarm["ComparisonOperator"].startswith("Less") else "MAX"
        assert query["Expression"]["Fn::Sub"].startswith(f"SELECT {worst}("), name
        assert query["Expression"]["Fn::Sub"].endswith("""WHERE "Cluster Name" = '${KafkaClusterName}'"""), name
    assert infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]["EnhancedMonitoring"] == "PER_BROKER"
    assert len(of_a_server("HasBrokers")) == len(of_a_server("HasDatabase")) == 3


def test_both_nodes_of_the_cache_are_watched() -> None:
    """The worse rings: not their mean, and not one that was left out of the expression."""
    nodes = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]["NumCacheClusters"]
    assert len(of_a_server("HasCache")) == 3
    for name, alarm in of_a_server("HasCache").items():
        assert [part for _, part in parts(alarm)] == [
            str({"Fn::Sub": f"${{CacheId}}-{1 + node:03}"}) for node in range(nodes)
        ]
        [shown] = [each["Expression"] for each in alarm["Metrics"] if each.get("ReturnData", True)]
        assert shown == f"MAX([{', '.join(each['Id'] for each in alarm['Metrics'] if 'MetricStat' in each)}])", name


def test_the_database_rings_when_growth_did_not_come() -> None:
    """RDS begins to grow at a tenth; of the default size the alarm is half of that, and not for what mends itself."""
    gib = alarms["DatabaseFillingUp"]["Threshold"] / 2**30
    assert gib == infrastructure.parameters["DatabaseStorageGiB"]["Default"] / 10 / 2 == 5


def test_the_database_rings_before_its_last_connection() -> None:
    """At nine tenths of what it takes by default."""
    takes = infrastructure.of_type("AWS::RDS::DBParameterGroup")["DatabaseParameters"]["Parameters"]["max_connections"]
    if isinstance(takes, dict):
        takes = infrastructure.parameters[takes["Ref"]]["Default"]
    assert observability.parameters["DatabaseConnectionsHigh"]["Default"] == int(takes) * 9 // 10


def test_the_cache_rings_beyond_the_largest_apply() -> None:
    """Four times what it holds, so that neither an opening nor a deployment is called too many connections."""
    assert alarms["CacheConnections"]["Threshold"] >= 4 * application.parameters["ApplyConcurrency"]["MaxValue"]


@pytest.mark.parametrize("template", [application, infrastructure], ids=lambda each: each.path.name)
def test_every_alarm_is_in_one_template(template: Template) -> None:
    """Whoever looks for one looks there."""
    assert not [each for each in template.resources.values() if each["Type"].startswith("AWS::CloudWatch::")]


def test_the_templates_stay_short() -> None:
    """Each limit and each switch has to be worth its lines: no more than two templates had without the third."""
    lines = [len(each.text.splitlines()) for each in (application, infrastructure, observability)]
    assert lines[0] < 1_000
    assert sum(lines) <= 1_592 + 773
