"""The local cloud takes its values from the template: change the template, and the cloud's change with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# The template is read with SAM CLI's own parser and resolver, where SAM CLI is installed.
yamlhelper = pytest.importorskip("samcli.yamlhelper")

from dev.template import Limit, TemplateError, read  # noqa: E402  after the condition above
from dev.variables import variables  # noqa: E402  after the condition above  # noqa: E402

if TYPE_CHECKING:
    from dev.template import Function

TEMPLATE = Path(__file__).parents[2] / "template.yaml"


def functions(template: Path) -> dict[str, Function]:
    """Return what the local cloud reads, by folder."""
    return {function.name: function for function in read(template)}


@pytest.fixture
def source() -> Any:
    """The template as it is written."""
    return yamlhelper.yaml_parse(TEMPLATE.read_text())


def properties(source: Any, function: str) -> Any:
    """Return the properties of one of its functions."""
    return source["Resources"][f"{function.title().replace('_', '')}Function"]["Properties"]


def test_what_the_local_cloud_uses_is_what_the_template_says(source: Any) -> None:
    """Timeouts, memory, batch size, window, schedule, routes, and the variables with their defaults resolved."""
    found = functions(TEMPLATE)
    assert found.keys() == {"apply", "event", "consume", "retry", "operate", "operator_api"}
    shared = source["Globals"]["Function"]
    for name, function in found.items():
        said = properties(source, name)
        assert function.timeout_s == said["Timeout"]
        assert function.memory_mb == said.get("MemorySize", shared["MemorySize"])
        variables = shared["Environment"]["Variables"] | said["Environment"]["Variables"]
        assert function.environment.keys() == variables.keys()
        assert function.environment["FIRSTCOME_KAFKA_TOPIC"] == source["Parameters"]["KafkaTopic"]["Default"]
    [stream] = found["consume"].streams
    mapping = properties(source, "consume")["Events"]["Stream"]["Properties"]
    assert (stream.batch_size, stream.window_s) == (mapping["BatchSize"], mapping["MaximumBatchingWindowInSeconds"])
    assert (stream.topic, stream.group) == (source["Parameters"]["KafkaTopic"]["Default"], mapping["ConsumerGroupId"])
    [schedule] = found["retry"].schedules
    every = properties(source, "retry")["Events"]["EveryMinute"]["Properties"]
    assert every["ScheduleExpression"] == "rate(1 minute)"
    assert (schedule.every_s, schedule.attempts) == (60, every["RetryPolicy"]["MaximumRetryAttempts"])
    assert ("POST", "/events/{event_id}/applications") in found["apply"].routes


def test_a_changed_template_is_a_changed_cloud(source: Any, tmp_path: Path) -> None:
    """Every value above, and a parameter behind a reference: none of them is written down in dev/ again."""
    for name in ("functions", "layers"):
        (tmp_path / name).symlink_to(TEMPLATE.parent / name)
    properties(source, "apply")["Timeout"] = 7
    properties(source, "apply")["MemorySize"] = 321
    mapping = properties(source, "consume")["Events"]["Stream"]["Properties"]
    mapping |= {"BatchSize": 42, "MaximumBatchingWindowInSeconds": 3, "ConsumerGroupId": "another_group"}
    every = properties(source, "retry")["Events"]["EveryMinute"]["Properties"]
    every |= {"ScheduleExpression": "rate(5 minutes)", "Input": '{"why": "a test"}'}
    every["RetryPolicy"]["MaximumRetryAttempts"] = 9
    source["Parameters"]["KafkaTopic"]["Default"] = "another_topic"
    source["Globals"]["Function"]["Environment"]["Variables"]["FIRSTCOME_SWEEP_BATCH"] = 11
    changed = tmp_path / "template.yaml"
    changed.write_text(yamlhelper.yaml_dump(source))

    found = functions(changed)
    assert (found["apply"].timeout_s, found["apply"].memory_mb) == (7, 321)
    [stream] = found["consume"].streams
    assert (stream.batch_size, stream.window_s) == (42, 3)
    assert (stream.topic, stream.group) == ("another_topic", "another_group")
    [schedule] = found["retry"].schedules
    assert (schedule.every_s, schedule.input, schedule.attempts) == (300, '{"why": "a test"}', 9)
    # What a function sees is that, with nothing of ours before it but what exists on AWS only.
    seen = variables(found["apply"], None, {})
    assert (seen["FIRSTCOME_KAFKA_TOPIC"], seen["FIRSTCOME_SWEEP_BATCH"]) == ("another_topic", "11")
    assert seen["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "321"


def test_the_apis_that_verify_tokens_are_the_templates(source: Any) -> None:
    """The same routes, the same exception, the same CORS; where a route names no authorizer, it asks for a token."""
    found = functions(TEMPLATE)
    [applicants], [anybody], [operators] = (found[name].apis for name in ("apply", "event", "operator_api"))
    assert (applicants.name, anybody.name, operators.name) == ("Api", "Api", "OperatorApi")
    assert {(route.method, route.path): (route.token, route.limit) for route in applicants.routes} == {
        ("POST", "/events/{event_id}/applications"): (True, None),
        ("GET", "/events/{event_id}/applications/{user_id}"): (True, None),
    }
    [view] = anybody.routes
    [limit] = source["Resources"]["Api"]["Properties"]["RouteSettings"].values()
    assert (view.method, view.path, view.token) == ("GET", "/events/{event_id}", False)
    assert view.limit == Limit(limit["ThrottlingRateLimit"], limit["ThrottlingBurstLimit"])
    assert all(route.token for route in operators.routes)
    assert not found["operator_api"].routes + found["event"].routes, "nothing of them is on the back end's address"
    for api in (applicants, operators):
        said = source["Resources"][api.name]["Properties"]["CorsConfiguration"]
        assert api.cors is not None
        assert (list(api.cors.headers), api.cors.max_age_s) == (said["AllowHeaders"], said["MaxAge"])


def test_another_authorizer_beside_a_jwt_one_is_said(source: Any, tmp_path: Path) -> None:
    """It would be a route that is open here and shut there."""
    for name in ("functions", "layers"):
        (tmp_path / name).symlink_to(TEMPLATE.parent / name)
    properties(source, "apply")["Events"]["Status"]["Properties"]["Auth"] = {"Authorizer": "AWS_IAM"}
    changed = tmp_path / "template.yaml"
    changed.write_text(yamlhelper.yaml_dump(source))
    with pytest.raises(TemplateError, match="AWS_IAM"):
        read(changed)


def test_sam_local_shows_an_event_to_applicants() -> None:
    """It serves all APIs as one: of two routes with one path, the later function's is there."""
    named = [name for name in yamlhelper.yaml_parse(TEMPLATE.read_text())["Resources"] if name.endswith("Function")]
    assert named.index("OperatorApiFunction") < named.index("ApplyFunction")
