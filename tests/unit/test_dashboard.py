"""The alarms and the dashboard: names that AWS knows, silence that was thought of, and a runbook for each.

That our own metrics are emitted: tests/integration/test_observability.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firstcome.operate.actions import ACTIONS
from firstcome.runtime import telemetry
from tests import dashboard
from tests.templates import application, functions, observability

RUNBOOK = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()

# What AWS documents: each metric, and the dimensions under which we ask for it. A name that AWS does not know makes an
# alarm that never rings, and nothing says so.
DOCUMENTED: dict[tuple[str, str], set[str]] = {
    # HTTP APIs have lower-case names; REST APIs have 4XXError, and ApiName.
    ("AWS/ApiGateway", "4xx"): {"ApiId"},
    ("AWS/ApiGateway", "5xx"): {"ApiId"},
    ("AWS/ApiGateway", "Count"): {"ApiId"},
    # FunctionName alone: all versions and aliases together.
    ("AWS/Lambda", "ConcurrentExecutions"): {"FunctionName"},
    ("AWS/Lambda", "Duration"): {"FunctionName"},
    ("AWS/Lambda", "Errors"): {"FunctionName"},
    ("AWS/Lambda", "OffsetLag"): {"FunctionName"},  # of Kafka event sources, all partitions
    ("AWS/Lambda", "ProvisionedConcurrencySpilloverInvocations"): {"FunctionName"},
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    # At the cluster's DEFAULT level of monitoring, free of charge; the last one at PER_BROKER, which is not.
    ("AWS/Kafka", "CpuIdle"): {"Cluster Name", "Broker ID"},
    ("AWS/Kafka", "KafkaDataLogsDiskUsed"): {"Cluster Name", "Broker ID"},
    ("AWS/Kafka", "IAMTooManyConnections"): {"Cluster Name", "Broker ID"},
    ("AWS/ElastiCache", "CurrConnections"): {"CacheClusterId"},
    ("AWS/ElastiCache", "DatabaseMemoryUsagePercentage"): {"CacheClusterId"},
    ("AWS/ElastiCache", "EngineCPUUtilization"): {"CacheClusterId"},
    ("AWS/RDS", "CPUUtilization"): {"DBInstanceIdentifier"},
    ("AWS/RDS", "DatabaseConnections"): {"DBInstanceIdentifier"},
    ("AWS/RDS", "FreeStorageSpace"): {"DBInstanceIdentifier"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
}

# What no data means for each alarm; where it is none of these, what is counted happens: notBreaching.
SILENCE = {
    "ConsumerLag": "breaching",  # the stream cannot be read
    "RetryNotRunning": "breaching",  # what the alarm is about
    "DeadRows": "ignore",  # the retry could not find out
    "OldPendingTicket": "ignore",
}
# What every opening rings, and Opening itself: they tell nobody. Nor does what any stranger can ring.
MUTED = {"TooManyRequests", "Throttled", "ApiErrors", "Opening", "ViewFlooded"}
SERVERS = {"HasBrokers", "HasCache", "HasDatabase"}
TOLD = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}


def test_every_metric_of_aws_is_spelled_as_aws_documents_it() -> None:
    """Name and dimensions; and the table has none that nobody looks at."""
    asked = {
        (namespace, name): {dimension for dimension, _ in dimensions}
        for namespace, name, dimensions in dashboard.metrics()
        if namespace.startswith("AWS/")
    }
    assert asked == DOCUMENTED


def test_what_silence_means_was_thought_of() -> None:
    """The default, `missing`, would turn an alarm off by itself. Of a server it neither rings nor ends one."""
    for name, alarm in dashboard.alarms().items():
        of_a_server = dashboard.template["Resources"][name].get("Condition") in SERVERS
        assert alarm["TreatMissingData"] == SILENCE.get(name, "ignore" if of_a_server else "notBreaching"), name


def test_every_alarm_tells_the_topic_and_its_end_too() -> None:
    """Where there is one, and but for those that an opening rings; and the dashboard shows each."""
    every = dashboard.alarms() | dashboard.composites()
    assert {name for name, alarm in every.items() if "AlarmActions" not in alarm} == MUTED
    for name in every.keys() - MUTED:
        assert every[name]["AlarmActions"] == every[name]["OKActions"] == [TOLD], name
    [shown] = [each["properties"]["alarms"] for each in dashboard.widgets() if each["type"] == "alarm"]
    assert sorted(shown) == sorted(f"${{{name}.Arn}}" for name in every)


def test_an_opening_mutes_what_every_opening_rings() -> None:
    """And nothing else: what tells of a lost gate, of failing answers or of the promise has actions of its own."""
    [turned_away] = dashboard.composites().values()
    asked = set(re.findall(r'ALARM\("\$\{(\w+)\}"\)', turned_away["AlarmRule"]["Fn::Sub"]))
    assert asked == MUTED - {"Opening", "ViewFlooded"}
    assert turned_away["ActionsSuppressor"] == {"Fn::GetAtt": ["Opening", "Arn"]}
    slowest_s = max(alarm.get("Period", 60) for name, alarm in dashboard.alarms().items() if name in MUTED)
    assert turned_away["ActionsSuppressorWaitPeriod"] > slowest_s, "the opening's own figure comes later than the 429s"


LOGGED = {"status": "$context.status", "api": "$context.apiId", "route": "$context.routeKey"}
VIEW = "GET /events/{event_id}"


@pytest.mark.parametrize(("name", "of_the_view"), [("TooManyRequests", False), ("ViewFlooded", True)])
def test_a_429_is_counted_by_a_line_of_the_access_log(name: str, *, of_the_view: bool) -> None:
    """The metric of the alarm is that of the filter, which reads fields that the log has; the open view's are apart."""
    counted = observability.of_type("AWS::Logs::MetricFilter")[f"{name}InTheLog"]
    log = application.content["Globals"]["HttpApi"]["AccessLogSettings"]["Format"]
    assert all(f'"{field}":"{value}"' in log for field, value in LOGGED.items())
    this, other = ("=", "&&") if of_the_view else ("!=", "||")
    view = f'$.api {this} "${{ApiId}}" {other} $.route {this} "{VIEW}"'
    said = f'{{ $.status = "429" && {view if of_the_view else f"({view})"} }}'
    assert counted["FilterPattern"] == {"Fn::Sub": said}
    method, path = VIEW.split()
    [event] = functions["EventFunction"]["Events"].values()
    assert (event["Properties"]["Method"], event["Properties"]["Path"]) == (method, path)
    [made] = counted["MetricTransformations"]
    asked = {(namespace, metric) for namespace, metric, _ in dashboard.of_alarm(dashboard.alarms()[name])}
    assert (made["MetricNamespace"], made["MetricName"]) in asked


# By function: which alarms ring when it is throttled, and when it fails. What is in none of Lambda's metrics is said.
WATCHED = {
    "Apply": ("Throttled", "ApplyErrors"),
    "Event": ("ViewFlooded", "ApplyErrors"),
    "Consume": ("Throttled", "ConsumerLag"),  # a batch that fails comes again: only its age tells
    "Retry": ("Throttled", "RetryNotRunning"),  # so does its work
    "Operate": ("Throttled", "OperateErrors"),
    "OperatorApi": ("OperatorApiErrors", "OperatorApiErrors"),  # its API's 5xx are both
}
OF_OUR_OWN = {"ConsumerLag": "oldest_unread_age_ms", "RetryNotRunning": "runs", "OperatorApiErrors": "5xx"}


def test_every_function_has_its_alarms() -> None:
    """For what Lambda does not start, and for what fails; the flood of a stranger rings quietly, a failure does not."""
    assert {f"{name}Function" for name in WATCHED} == functions.keys()
    for name, alarms in WATCHED.items():
        for alarm, metric in zip(alarms, ("Throttles", "Errors"), strict=True):
            asked = set(dashboard.of_alarm(dashboard.alarms()[alarm]))
            dimension = ("FunctionName", str({"Ref": f"{name}FunctionName"}))
            own = OF_OUR_OWN.get(alarm)
            of_lambda = ("AWS/Lambda", metric, frozenset({dimension}))
            assert own in {each for _, each, _ in asked} if own else of_lambda in asked, (name, alarm)
        assert alarms[1] not in MUTED
        if f"{name}FunctionName" in observability.parameters:
            assert application.outputs[f"{name}FunctionName"]["Value"] == {"Ref": f"{name}Function"}


def test_alarms_and_entries_of_the_runbook_match() -> None:
    """The description names the heading, and no heading waits for an alarm that was taken away."""
    every = dashboard.alarms() | dashboard.composites()
    named = {re.fullmatch(r'docs/operations\.md, "(.+)"', each["AlarmDescription"]) for each in every.values()}
    assert None not in named
    headings = re.findall(r"^##+ (Alarm: .+)$", RUNBOOK, re.MULTILINE)
    assert {each[1] for each in named if each} == {heading.replace("`", "") for heading in headings}


@pytest.mark.parametrize("entry", [each for each in RUNBOOK.split("\n## ") if each.startswith("Alarm")])
def test_every_entry_of_the_runbook_has_commands_that_exist(entry: str) -> None:
    """Each begins with one, and none names an action that operate does not know."""
    actions = re.findall(r"`?operate ([a-z_]+)", entry)
    assert set(actions) <= ACTIONS.keys()
    assert actions or "$ " in entry, "what does one do?"


def test_the_service_is_the_only_dimension_of_our_own() -> None:
    """Each value of another one would be a metric more, at the price of one; the template's names are the code's."""
    variables = application.content["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == telemetry.NAMESPACE
    ours = {dimensions for namespace, _, dimensions in dashboard.metrics() if namespace == telemetry.NAMESPACE}
    assert ours == {frozenset({("service", variables["POWERTOOLS_SERVICE_NAME"])})}


def test_the_widgets_do_not_overlap() -> None:
    """Otherwise the console moves them about."""
    places = [
        (each["x"] + column, each["y"] + row)
        for each in dashboard.widgets()
        for column in range(each["width"])
        for row in range(each["height"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) == 23
