"""The six functions: what they are made of, where they write, and what becomes of a run that fails."""

from __future__ import annotations

import pytest

from tests.templates import (
    FUNCTIONS,
    OPERATORS,
    ROOT,
    application,
    deployed,
    functions,
    infrastructure,
    only,
    statements,
)

# Functions with the code of another, by the folder of that one.
SECOND_DOORS = {"EventFunction": "apply", "OperatorApiFunction": "operate"}
shared = application.content["Globals"]["Function"]


def test_there_are_six_functions_of_the_same_kind() -> None:
    """python3.13 on the processor that the parameter names, all with the layer; two doors in a folder of another."""
    assert sorted(functions) == sorted(FUNCTIONS)
    assert shared["Runtime"] == "python3.13"
    assert shared["Architectures"] == [{"Ref": "Architecture"}]
    assert shared["Layers"] == [{"Ref": "CommonLayer"}]
    for name, properties in functions.items():
        assert not {"Runtime", "Architectures", "Layers"} & properties.keys()
        assert ("Handler" in properties) == (name in SECOND_DOORS)
        module, _, function = (properties.get("Handler") or shared["Handler"]).partition(".")
        source = ROOT / properties["CodeUri"] / f"{module}.py"
        folder = SECOND_DOORS.get(name, name.removesuffix("Function").lower())
        assert source.parent.name == folder
        assert f"def {function}(" in source.read_text()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_function_writes_to_a_log_group_that_forgets(name: str) -> None:
    """Its own group, with a retention, and its role may write there and nowhere else."""
    group = functions[name]["LoggingConfig"]["LogGroup"]["Ref"]
    assert application.of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    role = application.of_type("AWS::IAM::Role")[functions[name]["Role"]["Fn::GetAtt"][0]]
    writing = [each for each in statements(role) if "logs:" in str(each["Action"])]
    assert [each["Resource"] for each in writing] == [{"Fn::GetAtt": [group, "Arn"]}]


def test_what_api_gateway_writes_is_below_vendedlogs() -> None:
    """There its resource policy names no group, and never grows too long; and a next stack finds no name taken."""
    name, puts = application.of_type("AWS::Logs::LogGroup")["AccessLogGroup"]["LogGroupName"]["Fn::Sub"]
    assert name.startswith("/aws/vendedlogs/")
    assert "AWS::StackId" in str(puts["Unique"])


def test_every_log_group_of_both_templates_forgets() -> None:
    """Logs that are kept for ever are what nobody asked for."""
    for template in (application, infrastructure):
        groups = template.of_type("AWS::Logs::LogGroup")
        assert groups
        assert all(each["RetentionInDays"] == {"Ref": "LogRetentionDays"} for each in groups.values())


def test_every_function_says_how_long_it_may_take() -> None:
    """Lambda's own 3 s would end a retry before it began."""
    made = infrastructure.of_type("AWS::Lambda::Function")
    assert all("Timeout" in each for each in (*functions.values(), *made.values()))


def test_apply_cannot_take_all_connections() -> None:
    """How many environments there may be is said, because each holds connections to all servers."""
    assert functions["ApplyFunction"]["ReservedConcurrentExecutions"] == {"Ref": "ApplyConcurrency"}


def test_apply_serves_only_who_has_a_token() -> None:
    """Whatever is open to all has a function of its own, whose environments are few and are not apply's."""
    open_to_all = [
        name
        for name, each in functions.items()
        for event in each.get("Events", {}).values()
        if event["Properties"].get("Auth") == {"Authorizer": "NONE"}
    ]
    assert open_to_all == ["EventFunction"]
    assert len(functions["EventFunction"]["Events"]) == 1
    few = functions["EventFunction"]["ReservedConcurrentExecutions"]
    assert few * 10 <= application.parameters["ApplyConcurrency"]["Default"]


def test_consume_is_never_throttled() -> None:
    """The partitions bound it; a reservation below their number would only make it fail."""
    assert "ReservedConcurrentExecutions" not in functions["ConsumeFunction"]


def test_the_schedule_is_every_minute_and_its_failures_are_kept() -> None:
    """Neither an invocation that Scheduler could not make nor one that failed disappears."""
    resources = deployed()
    schedule = only(resources, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    target, queue = schedule["Target"], {"Fn::GetAtt": ["RetryDeadLetters", "Arn"]}
    assert target["Input"] == (ROOT / "events" / "retry-schedule.json").read_text().strip()
    assert target["DeadLetterConfig"] == {"Arn": queue}
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 60, "the next minute's run does the same work"
    assert only(resources, "AWS::Lambda::EventInvokeConfig")["MaximumRetryAttempts"] == 0


def test_asynchronous_invokes_have_a_failure_destination() -> None:
    """What Scheduler invokes is asynchronous. HTTP, the event source and the operator wait for the answer."""
    asynchronous = {
        name
        for name, each in functions.items()
        for event in each.get("Events", {}).values()
        if event["Type"] not in ("HttpApi", "MSK")
    }
    assert asynchronous == {"RetryFunction"}
    invoke = only(deployed(), "AWS::Lambda::EventInvokeConfig")
    assert invoke["FunctionName"] == {"Ref": "RetryFunction"}
    assert invoke["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["RetryDeadLetters", "Arn"]}


def test_iam_is_the_only_door_of_operate() -> None:
    """No event and no permission of another service: only a principal with lambda:InvokeFunction gets in."""
    assert "Events" not in functions["OperateFunction"]
    permitted = [each["Properties"] for each in deployed().values() if each["Type"] == "AWS::Lambda::Permission"]
    assert {each["FunctionName"]["Ref"] for each in permitted} == {"ApplyFunctionAliaslive", "EventFunction"}


def test_api_gateway_is_the_only_door_of_the_operators_api() -> None:
    """Who acts stands in the payload: whoever else may invoke it could be anybody. No output names it."""
    resources = deployed(**OPERATORS)
    permitted = [each["Properties"] for each in resources.values() if each["Type"] == "AWS::Lambda::Permission"]
    of_it = [each for each in permitted if each["FunctionName"]["Ref"] == "OperatorApiFunction"]
    assert {each["Principal"] for each in of_it} == {"apigateway.amazonaws.com"}
    assert all("${__ApiId__}" in str(each["SourceArn"]) and "OperatorApi" in str(each["SourceArn"]) for each in of_it)
    assert "OperatorApiFunction" not in str(application.outputs)
    assert {each["FunctionName"]["Ref"] for each in permitted} == {
        "ApplyFunctionAliaslive",
        "EventFunction",
        "OperatorApiFunction",
    }


def test_a_console_cannot_starve_an_opening() -> None:
    """It has a share of environments of its own, and a rate that leaves the account's to applicants."""
    assert functions["OperatorApiFunction"]["ReservedConcurrentExecutions"] == 5
    rate = application.of_type("AWS::Serverless::HttpApi")["OperatorApi"]["DefaultRouteSettings"]["ThrottlingRateLimit"]
    assert rate * 40 <= application.parameters["ApiRateLimit"]["Default"]


def test_api_gateway_waits_for_the_operators_api() -> None:
    """30 s, and no longer: nobody would hear of an answer that comes later."""
    assert functions["OperatorApiFunction"]["Timeout"] == 30


def test_the_operators_api_needs_an_issuer() -> None:
    """Nothing of it: no function, no API, no role, no logs; with one, nothing else changes."""
    without, with_ = deployed(), deployed(**OPERATORS)
    assert not [name for name in without if name.startswith("Operator")]
    assert without.keys() <= with_.keys()
    assert all(name.startswith("Operator") for name in with_.keys() - without.keys())
