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
    ("AWS/Lambda", "Throttles"): {"FunctionName"},
    # At the cluster's DEFAULT level of monitoring, free of charge; OffsetLag per partition is not.
    ("AWS/Kafka", "SumOffsetLag"): {"Cluster Name", "Consumer Group", "Topic"},
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): {"QueueName"},
}

# What no data means for each alarm.
SILENCE = {
    "ConsumerLag": "breaching",  # the stream cannot be read
    "RetryNotRunning": "breaching",  # what the alarm is about
    "DeadRows": "ignore",  # the retry could not find out
    "OldPendingTicket": "ignore",
    "LostGateAnswers": "notBreaching",  # counted when it happens
    "ApiErrors": "notBreaching",
    "BackEndApiErrors": "notBreaching",
    "OperatorApiErrors": "notBreaching",
    "Throttled": "notBreaching",
    "RetryDeadLettersNotEmpty": "notBreaching",
}


def test_every_metric_of_aws_is_spelled_as_aws_documents_it() -> None:
    """Name and dimensions; and the table has none that nobody looks at."""
    asked = {
        (namespace, name): {dimension for dimension, _ in dimensions}
        for namespace, name, dimensions in dashboard.metrics()
        if namespace.startswith("AWS/")
    }
    assert asked == DOCUMENTED


def test_what_silence_means_was_thought_of() -> None:
    """The default, `missing`, would turn an alarm off by itself."""
    assert {name: alarm["TreatMissingData"] for name, alarm in dashboard.alarms().items()} == SILENCE


def test_every_alarm_tells_the_topic_and_its_end_too() -> None:
    """Where there is one; and the dashboard shows each."""
    told = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}
    for name, alarm in dashboard.alarms().items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [told], name
    [shown] = [each["properties"]["alarms"] for each in dashboard.widgets() if each["type"] == "alarm"]
    assert sorted(shown) == sorted(f"${{{name}.Arn}}" for name in dashboard.alarms())


def test_every_alarm_has_its_runbook_entry_and_every_entry_its_alarm() -> None:
    """The description names the heading, and no heading waits for an alarm that was taken away."""
    named = {
        re.fullmatch(r'docs/operations\.md, "(.+)"', each["AlarmDescription"]) for each in dashboard.alarms().values()
    }
    assert None not in named
    headings = {
        line.removeprefix("## ").replace("`", "") for line in RUNBOOK.splitlines() if line.startswith("## Alarm")
    }
    assert {each[1] for each in named if each} == headings


@pytest.mark.parametrize("entry", [each for each in RUNBOOK.split("\n## ") if each.startswith("Alarm")])
def test_every_entry_of_the_runbook_has_commands_that_exist(entry: str) -> None:
    """Each begins with one, and none names an action that operate does not know."""
    actions = re.findall(r"`?operate ([a-z_]+)", entry)
    assert set(actions) <= ACTIONS.keys()
    assert actions or "$ " in entry, "what does one do?"


def test_the_service_is_the_only_dimension_of_our_own() -> None:
    """Each value of another one would be a metric more, at the price of one; the template's names are the code's."""
    variables = dashboard.template["Globals"]["Function"]["Environment"]["Variables"]
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
