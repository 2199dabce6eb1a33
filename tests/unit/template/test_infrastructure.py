"""template.infrastructure.yaml: its outputs are template.yaml's parameters, and what holds data stays."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

import pytest
import samcli.cli.types
from samcli.commands.deploy.deploy_context import DeployContext

from firstcome.stream.topic import TOPIC_CONFIGS
from tests.templates import Resource, application, infrastructure, observability

outputs = infrastructure.outputs
parameters = application.parameters | observability.parameters
# What each attribute looks like once it exists, to see that a parameter takes the output made of it.
EXAMPLES = {
    "AWS::StackName": "infra",
    "Cache": "infra-cache-abc",
    "Database": "infra-database-abc",
    "SubnetA": "subnet-0a",
    "SubnetB": "subnet-0b",
    "SubnetC": "subnet-0c",
    "FunctionGroup": "sg-0f",
    "Cache.PrimaryEndPoint.Address": "master.firstcome.abc.use1.cache.amazonaws.com",
    "RedisSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:RedisSecret-AbCdEf",
    "Brokers": "arn:aws:kafka:us-east-1:123456789012:cluster/infra/01234567-89ab-cdef-0123-456789abcdef-2",
    "Bootstrap.Brokers": "b-1.infra.abc.kafka.us-east-1.amazonaws.com:9098,b-2.infra.abc.kafka.amazonaws.com:9098",
    "Database.Endpoint.Address": "infra-database.abc.us-east-1.rds.amazonaws.com",
    "Database.Endpoint.Port": "3306",
    "ApplySecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:ApplySecret-AbCdEf",
    "ConsumeSecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:ConsumeSecret-AbCdEf",
    "RetrySecret": "arn:aws:secretsmanager:us-east-1:123456789012:secret:RetrySecret-AbCdEf",
    "Database.MasterUserSecret.SecretArn": "arn:aws:secretsmanager:us-east-1:123456789012:secret:rds!db-1-AbCdEf",
}


def example(value: Any) -> str:
    """Return an output's value as it will look."""
    match value:
        case {"Ref": name}:
            return EXAMPLES[name]
        case {"Fn::GetAtt": path}:
            return EXAMPLES[".".join(path)]
        case {"Fn::Sub": text}:
            return re.sub(r"\$\{(.*?)}", lambda found: EXAMPLES[found[1]], text)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(example(part) for part in parts)
    raise AssertionError(value)


# --- outputs ---------------------------------------------------------------------------------------------------------


def test_every_output_is_a_parameter() -> None:
    """By name, so that one command carries them over."""
    assert outputs.keys() <= parameters.keys()
    assert all(each["Description"] for each in outputs.values())


def test_what_has_no_default_is_an_output_or_who_may_apply() -> None:
    """After the infrastructure, only the identity provider is left to name."""
    required = {name for name, each in application.parameters.items() if "Default" not in each}
    assert required - outputs.keys() == {"JwtIssuer", "JwtAudience"}


def test_every_password_is_handed_on() -> None:
    """A secret that is made and not named would leave its server locked; the key of the logs opens none."""
    secrets = {name for name in application.parameters if name.endswith("SecretArn")}
    assert secrets - {"LogKeySecretArn"} <= outputs.keys()


@pytest.mark.parametrize("name", list(outputs))
def test_a_parameter_takes_the_output_of_its_name(name: str) -> None:
    """The pattern of the one matches what the other will say."""
    pattern = parameters[name].get("AllowedPattern", r"^\S+$")
    assert re.search(pattern, example(outputs[name]["Value"]))


def test_sam_deploy_takes_the_outputs_as_they_are_printed() -> None:
    """`--parameter-overrides $(aws cloudformation describe-stacks …)`: Name=value, in one line."""
    values = {name: example(each["Value"]) for name, each in outputs.items()}
    line = " ".join(f"{name}={value}" for name, value in values.items())
    assert samcli.cli.types.CfnParameterOverridesType().convert((line,), None, None) == values


def test_a_stack_is_given_the_parameters_that_it_has() -> None:
    """SAM CLI leaves the others out, as AWS CLI does: so each stack may be told the outputs of all before it."""
    values = {name: example(each["Value"]) for name, each in outputs.items()}
    for template in (application, observability):
        given = DeployContext.merge_parameters(template.content, values)
        named = {each["ParameterKey"] for each in given if "ParameterValue" in each}
        assert named == outputs.keys() & template.parameters.keys()
        assert len(given) == len(template.parameters)


# --- who may speak to whom -------------------------------------------------------------------------------------------

PORTS = {"BrokerGroup": 9098, "CacheGroup": 6379, "DatabaseGroup": 3306, "EndpointGroup": 443}


def rules(kind: str, peer: str) -> dict[tuple[str, str, int], str]:
    """Return each rule as (from, to, port), with the condition under which it exists."""
    found = {}
    for each in infrastructure.resources.values():
        if each["Type"] == f"AWS::EC2::SecurityGroup{kind}":
            rule: Resource = each["Properties"]
            assert rule["IpProtocol"] == "tcp"
            assert rule["FromPort"] == rule["ToPort"]
            here, there = rule["GroupId"]["Ref"], rule[peer]["Ref"]  # a group, never a range of addresses
            ends = (there, here) if kind == "Ingress" else (here, there)
            found[(*ends, rule["FromPort"])] = each.get("Condition", "always")
    return found


def test_servers_let_in_the_functions_and_no_one_else() -> None:
    """And the event source's pollers, which are in the brokers' own group: to the brokers, and to the endpoints."""
    functions_only = {("FunctionGroup", group, port): "always" for group, port in PORTS.items()}
    pollers = {("BrokerGroup", "BrokerGroup", 9098): "always", ("BrokerGroup", "EndpointGroup", 443): "OnDemand"}
    assert rules("Ingress", "SourceSecurityGroupId") == functions_only | pollers


def test_whatever_may_come_in_may_leave() -> None:
    """Both ends of a way are open, under the same condition, or neither is."""
    assert rules("Egress", "DestinationSecurityGroupId") == rules("Ingress", "SourceSecurityGroupId")


def test_no_group_keeps_the_rule_that_allows_everything() -> None:
    """A group that is made without an outgoing rule has AWS's: anywhere. Rules beside it come too late."""
    for name, group in infrastructure.of_type("AWS::EC2::SecurityGroup").items():
        assert "SecurityGroupIngress" not in group
        assert [each["CidrIp"] for each in group["SecurityGroupEgress"]] == ["127.0.0.1/32"], name


def test_nothing_leads_out_of_the_network() -> None:
    """No gateway, no route, no address that the world could reach."""
    kinds = {each["Type"].removeprefix("AWS::EC2::") for each in infrastructure.resources.values()}
    assert not [kind for kind in kinds if re.search("Gateway|Route|EIP", kind)]
    assert infrastructure.of_type("AWS::RDS::DBInstance")["Database"]["PubliclyAccessible"] is False
    assert not [each for each in infrastructure.of_type("AWS::EC2::Subnet").values() if "MapPublicIpOnLaunch" in each]


def test_everything_is_in_three_zones() -> None:
    """A subnet in each, and every server and endpoint in all of them."""
    subnets = infrastructure.of_type("AWS::EC2::Subnet")
    assert sorted(each["AvailabilityZone"]["Fn::Select"][0] for each in subnets.values()) == [0, 1, 2]
    assert sorted(each["CidrBlock"]["Fn::Select"][0] for each in subnets.values()) == [0, 1, 2]
    everywhere = [{"Ref": name} for name in subnets]
    for kind in ("AWS::EC2::VPCEndpoint", "AWS::ElastiCache::SubnetGroup", "AWS::RDS::DBSubnetGroup"):
        assert all(each["SubnetIds"] == everywhere for each in infrastructure.of_type(kind).values())
    brokers = infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]
    assert brokers["BrokerNodeGroupInfo"]["ClientSubnets"] == everywhere


def test_the_network_has_room_for_its_subnets() -> None:
    """Of the size that is cut; a smaller network would only fail while it is made."""
    subnets = infrastructure.of_type("AWS::EC2::Subnet").values()
    [(_, count, bits), *others] = [each["CidrBlock"]["Fn::Select"][1]["Fn::Cidr"] for each in subnets]
    assert all(other[1:] == [count, bits] for other in others)
    vpc = infrastructure.parameters["VpcCidr"]
    networks = {size: ip_network(f"10.0.0.0/{size}") for size in range(16, 29)}  # the sizes that AWS knows
    roomy = {size for size, each in networks.items() if each.num_addresses >= count * 2**bits}
    assert {size for size, each in networks.items() if re.search(vpc["AllowedPattern"], str(each))} == roomy
    assert f"three subnets take a /{32 - bits} each" in vpc["Description"]
    assert re.search(vpc["AllowedPattern"], vpc["Default"])


# --- what is kept ----------------------------------------------------------------------------------------------------


def test_what_holds_data_outlives_the_stack() -> None:
    """As it is, or as a snapshot; also when a change would replace it."""
    kept = {
        "AWS::MSK::Cluster": "Retain",
        "AWS::ElastiCache::ReplicationGroup": "Snapshot",
        "AWS::RDS::DBInstance": "Snapshot",
    }
    found = {each["Type"] for each in infrastructure.resources.values()}
    assert kept.keys() <= found
    for each in infrastructure.resources.values():
        if each["Type"] in kept:
            assert each["DeletionPolicy"].startswith(kept[each["Type"]])
            assert each["UpdateReplacePolicy"] == kept[each["Type"]]


def test_the_database_is_protected_by_default() -> None:
    """Backups for as long as the stream keeps what would make an older ledger whole again."""
    database = infrastructure.of_type("AWS::RDS::DBInstance")["Database"]
    assert infrastructure.parameters["DeletionProtection"]["Default"] == "true"
    assert database["DeletionProtection"] == {"Ref": "DeletionProtection"}
    assert database["MultiAZ"] is True
    days = int(TOPIC_CONFIGS["retention.ms"]) / 86_400_000
    assert database["BackupRetentionPeriod"] == days
