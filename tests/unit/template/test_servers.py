"""template.infrastructure.yaml: how the servers are set, and when AWS works on them."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath

import pytest

from firstcome.stream.topic import TOPIC_CONFIGS
from tests.templates import application, functions, infrastructure

# --- settings of the servers -----------------------------------------------------------------------------------------


def test_the_brokers_keep_what_they_acknowledged() -> None:
    """On two disks; with a group's offsets for as long as its records; and no topic that nobody made."""
    lines = infrastructure.of_type("AWS::MSK::Configuration")["BrokerConfiguration"]["ServerProperties"].splitlines()
    said = dict(line.split("=") for line in lines)
    assert said["min.insync.replicas"] == "2"
    assert said["auto.create.topics.enable"] == "false"
    assert int(said["offsets.retention.minutes"]) * 60_000 == int(TOPIC_CONFIGS["retention.ms"])
    assert (
        int(said["default.replication.factor"])
        == application.of_type("AWS::MSK::Topic")["Topic"]["ReplicationFactor"]
        == 3
    )


def test_the_cluster_defaults_are_what_the_topic_must_have() -> None:
    """Under the brokers' names for them: a topic that was made without its settings has them all the same."""
    lines = infrastructure.of_type("AWS::MSK::Configuration")["BrokerConfiguration"]["ServerProperties"].splitlines()
    said = dict(line.split("=") for line in lines)
    the_same_name = {"unclean.leader.election.enable", "min.insync.replicas"}  # the others have log. before them
    named = {name if name in the_same_name else f"log.{name}": value for name, value in TOPIC_CONFIGS.items()}
    assert {name: said.get(name) for name in named} == named


def test_each_zone_has_as_many_brokers() -> None:
    """CloudFormation compares no numbers: only multiples of the zones may be chosen."""
    brokers = infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]
    assert brokers["NumberOfBrokerNodes"] == {"Ref": "BrokerCount"}
    zones = len(brokers["BrokerNodeGroupInfo"]["ClientSubnets"])
    count = infrastructure.parameters["BrokerCount"]
    assert count["AllowedValues"] == list(range(zones, 61, zones))
    assert count["Default"] == application.of_type("AWS::MSK::Topic")["Topic"]["ReplicationFactor"]


@pytest.mark.parametrize(
    ("size", "taken"), [("kafka.m7g.large", True), ("kafka.m5.24xlarge", True), ("kafka.t3.small", False)]
)
def test_a_broker_is_of_a_size_that_kraft_takes(size: str, taken: bool) -> None:
    """MSK refuses kafka.t3.small for a cluster with KRaft, half an hour after the parameter was typed."""
    assert infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]["KafkaVersion"].endswith(".kraft")
    assert bool(re.search(infrastructure.parameters["BrokerType"]["AllowedPattern"], size)) is taken


def test_no_version_expires() -> None:
    """A stack of next year is made of a patch level of then: MySQL and Kafka are named without one."""
    assert infrastructure.of_type("AWS::RDS::DBInstance")["Database"]["EngineVersion"] == "8.4"
    assert re.fullmatch(r"4\.\d\.x\.kraft", infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]["KafkaVersion"])
    cache = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]
    assert float(cache["EngineVersion"]) >= 8.1
    [parameters] = infrastructure.of_type("AWS::ElastiCache::ParameterGroup").values()
    assert parameters["CacheParameterGroupFamily"] == f"valkey{cache['EngineVersion'].partition('.')[0]}"


def test_the_brokers_speak_tls_and_iam_only() -> None:
    """The one way in is the one that the functions take."""
    brokers = infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]
    iam_only = {"Sasl": {"Iam": {"Enabled": True}}, "Unauthenticated": {"Enabled": False}}
    assert brokers["ClientAuthentication"] == iam_only
    assert brokers["EncryptionInfo"] == {"EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True}}
    variables = application.content["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["FIRSTCOME_KAFKA_SECURITY"] == "AWS_MSK_IAM"


def test_the_gate_is_never_evicted() -> None:
    """Full is an error that somebody sees; half a gate is one that nobody sees."""
    [parameters] = infrastructure.of_type("AWS::ElastiCache::ParameterGroup").values()
    assert parameters["Properties"]["maxmemory-policy"] == "noeviction"
    cache = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]
    assert cache["TransitEncryptionMode"] == "required"
    assert cache["AutomaticFailoverEnabled"] is cache["MultiAZEnabled"] is True


def test_the_database_has_connections_for_two_versions() -> None:
    """The sum that template.yaml's ApplyConcurrency speaks of; frozen environments of the old version keep theirs."""
    apply = application.parameters["ApplyConcurrency"]["Default"]
    consume = application.parameters["KafkaPartitions"]["Default"]
    event, retry = (functions[f"{name}Function"]["ReservedConcurrentExecutions"] for name in ("Event", "Retry"))
    operate = 2
    operators = functions["OperatorApiFunction"]["ReservedConcurrentExecutions"]
    shares = (apply, event, consume, retry, operate, operators)
    each = sum(shares)
    assert f"{' + '.join(map(str, shares))} = {each} connections" in application.text
    said = infrastructure.of_type("AWS::RDS::DBParameterGroup")["DatabaseParameters"]["Parameters"]
    assert said["max_connections"] == {"Ref": "DatabaseConnections"}
    assert infrastructure.parameters["DatabaseConnections"]["Default"] >= 2 * each
    assert said["require_secure_transport"] == "1"


def test_no_password_is_written_down() -> None:
    """Each is made by AWS and named by its secret."""
    assert infrastructure.of_type("AWS::RDS::DBInstance")["Database"]["ManageMasterUserPassword"] is True
    [user] = infrastructure.of_type("AWS::ElastiCache::User").values()
    [password] = user["Passwords"]
    assert password == {"Fn::Sub": "{{resolve:secretsmanager:${RedisSecret}:SecretString:password}}"}
    secret = infrastructure.of_type("AWS::SecretsManager::Secret")["RedisSecret"]["GenerateSecretString"]
    assert f'"username": "{user["UserName"]}"' in secret["SecretStringTemplate"]


def test_each_function_has_a_user_of_its_own() -> None:
    """A name that MySQL takes (32 characters), nobody else's, and not the owner's; `migrate` sets its password."""
    secrets = infrastructure.of_type("AWS::SecretsManager::Secret")
    made = [secrets[f"{name}Secret"]["GenerateSecretString"] for name in ("Apply", "Consume", "Retry")]
    names = [json.loads(each["SecretStringTemplate"])["username"] for each in made]
    assert names == ["firstcome_apply", "firstcome_consume", "firstcome_retry"]
    owner = infrastructure.of_type("AWS::RDS::DBInstance")["Database"]["MasterUsername"]
    assert owner not in names
    assert all(len(name) <= 32 for name in names)
    assert all(each["GenerateStringKey"] == "password" for each in made)


def test_pollers_on_demand_have_their_endpoints() -> None:
    """STS and Lambda, for Lambda alone; provisioned pollers need none, and then there are none."""
    endpoints = {
        PurePosixPath(each["Properties"]["ServiceName"]["Fn::Sub"].replace(".", "/")).name: each.get("Condition")
        for each in infrastructure.resources.values()
        if each["Type"] == "AWS::EC2::VPCEndpoint"
    }
    assert endpoints == {"secretsmanager": None, "sts": "OnDemand", "lambda": "OnDemand"}


# --- when AWS works on them ------------------------------------------------------------------------------------------

MINUTES_A_DAY = 24 * 60


def minutes(time: str) -> int:
    """Return hh:mm as minutes of the day."""
    return int(time[:2]) * 60 + int(time[3:])


def test_both_servers_are_maintained_in_the_windows() -> None:
    """No change of a minor version, and no failover of AWS's, at an hour that nobody chose."""
    cache = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]
    database = infrastructure.of_type("AWS::RDS::DBInstance")["Database"]
    maintained = {"Ref": "MaintenanceWindow"}
    assert cache["PreferredMaintenanceWindow"] == database["PreferredMaintenanceWindow"] == maintained
    assert cache["SnapshotWindow"] == database["PreferredBackupWindow"] == {"Ref": "BackupWindow"}


def test_the_windows_are_an_hour_and_apart() -> None:
    """ElastiCache takes no shorter one, and RDS none of which one begins in the other."""
    parameters = infrastructure.parameters
    for name in ("MaintenanceWindow", "BackupWindow"):
        assert re.search(parameters[name]["AllowedPattern"], parameters[name]["Default"])
    begins, ends = (each[4:] for each in parameters["MaintenanceWindow"]["Default"].split("-"))
    backup_begins, backup_ends = parameters["BackupWindow"]["Default"].split("-")
    for first, last in ((begins, ends), (backup_begins, backup_ends)):
        assert (minutes(last) - minutes(first)) % MINUTES_A_DAY >= 60
    assert minutes(backup_ends) <= minutes(begins) or minutes(backup_begins) >= minutes(ends)


@pytest.mark.parametrize("window", ["Tue:08:00-Tue:09:00", "tue:08:00", "08:00-09:00", "day:08:00-day:09:00"])
def test_a_mistyped_window_is_refused_at_once(window: str) -> None:
    """The parameter's pattern refuses it, before a server is made."""
    assert not re.search(infrastructure.parameters["MaintenanceWindow"]["AllowedPattern"], window)


def test_every_role_takes_the_boundary() -> None:
    """An account that allows no role without one can make this stack."""
    roles = infrastructure.of_type("AWS::IAM::Role")
    bounded = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert [role["PermissionsBoundary"] for role in roles.values()] == [bounded] * len(roles)
