"""template.infrastructure.yaml: how the servers are set, when AWS works on them, and which alarms watch them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import pytest

from firstcome.stream.topic import TOPIC_CONFIGS
from tests.templates import ROOT, Resource, application, functions, infrastructure

# --- settings of the servers -----------------------------------------------------------------------------------------


def test_the_brokers_keep_what_they_acknowledged() -> None:
    """On two disks; with a group's offsets for as long as its records; and no topic that nobody made."""
    lines = infrastructure.of_type("AWS::MSK::Configuration")["BrokerConfiguration"]["ServerProperties"].splitlines()
    said = dict(line.split("=") for line in lines)
    assert said["min.insync.replicas"] == "2"
    assert said["auto.create.topics.enable"] == "false"
    assert int(said["offsets.retention.minutes"]) * 60_000 == int(TOPIC_CONFIGS["retention.ms"])
    assert int(said["default.replication.factor"]) == application.parameters["KafkaReplication"]["Default"] == 3


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
    assert count["Default"] == application.parameters["KafkaReplication"]["Default"]


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
    """The template's default for KafkaSecurity is the only way in."""
    brokers = infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]
    iam_only = {"Sasl": {"Iam": {"Enabled": True}}, "Unauthenticated": {"Enabled": False}}
    assert brokers["ClientAuthentication"] == iam_only
    assert brokers["EncryptionInfo"] == {"EncryptionInTransit": {"ClientBroker": "TLS", "InCluster": True}}
    assert application.parameters["KafkaSecurity"]["Default"] == "AWS_MSK_IAM"


def test_the_gate_is_never_evicted() -> None:
    """Full is an error that somebody sees; half a gate is one that nobody sees."""
    [parameters] = infrastructure.of_type("AWS::ElastiCache::ParameterGroup").values()
    assert parameters["Properties"]["maxmemory-policy"] == "noeviction"
    cache = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]
    assert cache["TransitEncryptionMode"] == "required"
    assert cache["AutomaticFailoverEnabled"] is cache["MultiAZEnabled"] is True


def test_the_database_has_connections_for_two_versions_of_everything() -> None:
    """The sum that template.yaml's ApplyConcurrency speaks of; frozen environments of the old version keep theirs."""
    apply = application.parameters["ApplyConcurrency"]["Default"]
    consume = application.parameters["KafkaPartitions"]["Default"]
    retry, operate = functions["RetryFunction"]["ReservedConcurrentExecutions"], 2
    operators = application.parameters["OperatorConcurrency"]["Default"]
    each = apply + consume + retry + operate + operators
    assert f"{apply} + {consume} + {retry} + {operate} + {operators} = {each} connections" in application.text
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


def test_both_servers_are_maintained_and_backed_up_in_the_windows() -> None:
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
    assert not re.search(infrastructure.parameters["MaintenanceWindow"]["AllowedPattern"], window)


def test_every_role_takes_the_boundary() -> None:
    """An account that allows no role without one can make this stack."""
    roles = infrastructure.of_type("AWS::IAM::Role")
    bounded = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    assert [role["PermissionsBoundary"] for role in roles.values()] == [bounded] * len(roles)


# --- alarms ----------------------------------------------------------------------------------------------------------

alarms = infrastructure.of_type("AWS::CloudWatch::Alarm")
Dimensions = frozenset[tuple[str, str]]


def watched(alarm: Resource) -> set[tuple[str, str, Dimensions]]:
    """Return the metrics of one alarm: namespace, name, dimensions as they are written."""
    metrics = [each["MetricStat"]["Metric"] for each in alarm.get("Metrics", []) if "MetricStat" in each] or [alarm]
    return {
        (
            each["Namespace"],
            each["MetricName"],
            frozenset((dimension["Name"], str(dimension["Value"])) for dimension in each["Dimensions"]),
        )
        for each in metrics
    }


def test_every_server_is_watched_in_all_its_parts() -> None:
    """By AWS's own names, letter by letter: an alarm on a metric that does not exist never rings."""
    nodes = infrastructure.of_type("AWS::ElastiCache::ReplicationGroup")["Cache"]["NumCacheClusters"]
    cache = "${Cache}"
    assert {name: watched(alarm) for name, alarm in alarms.items() if name != "BrokersFillingUp"} == {
        "CacheFillingUp": {
            (
                "AWS/ElastiCache",
                "DatabaseMemoryUsagePercentage",
                frozenset({("CacheClusterId", str({"Fn::Sub": f"{cache}-{node:03}"}))}),
            )
            for node in range(1, nodes + 1)
        },
        "DatabaseFillingUp": {
            ("AWS/RDS", "FreeStorageSpace", frozenset({("DBInstanceIdentifier", str({"Ref": "Database"}))}))
        },
    }


def test_all_brokers_are_watched_however_many_there_are() -> None:
    """By a query over the cluster, whose name is the stack's."""
    [query] = alarms["BrokersFillingUp"]["Metrics"]
    assert query["Expression"] == {
        "Fn::Sub": 'SELECT MAX(KafkaDataLogsDiskUsed) FROM SCHEMA("AWS/Kafka", "Broker ID", "Cluster Name") '
        "WHERE \"Cluster Name\" = '${AWS::StackName}'"
    }
    assert query["Period"] == 300, "a query has no period of its own"
    assert infrastructure.of_type("AWS::MSK::Cluster")["Brokers"]["ClusterName"] == {"Ref": "AWS::StackName"}


def test_the_fullest_part_of_a_server_rings() -> None:
    """Not their mean, and not one that was left out of the expression."""
    for name, alarm in alarms.items():
        parts = [each["Id"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
        if parts:
            shown = [each["Expression"] for each in alarm["Metrics"] if each.get("ReturnData", True)]
            assert shown == [f"MAX([{', '.join(parts)}])"], name


def test_silence_neither_rings_nor_ends_an_alarm() -> None:
    """A full server may be too full to say so. And each alarm tells the topic, of its end too."""
    told = {"Fn::If": ["HasAlarmTopic", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]}
    for name, alarm in alarms.items():
        assert alarm["TreatMissingData"] == "ignore", name
        assert alarm["AlarmActions"] == alarm["OKActions"] == [told], name


def test_one_topic_hears_of_both_stacks() -> None:
    """The parameter of one stack takes what that of the other takes."""
    here, there = infrastructure.parameters["AlarmTopicArn"], application.parameters["AlarmTopicArn"]
    said = ("Type", "AllowedPattern", "ConstraintDescription", "Default")
    assert {each: here[each] for each in said} == {each: there[each] for each in said}


def test_the_database_rings_when_growth_did_not_come() -> None:
    """RDS begins to grow at a tenth; of the default size the alarm is half of that, and not for what mends itself."""
    gib = alarms["DatabaseFillingUp"]["Threshold"] / 2**30
    assert gib == infrastructure.parameters["DatabaseStorageGiB"]["Default"] / 10 / 2 == 5


def test_every_alarm_of_a_server_has_its_entry_in_the_runbook() -> None:
    """Under the headings of what only AWS has, and no entry waits for an alarm that was taken away."""
    runbook = (ROOT / "docs" / "operations.md").read_text()
    headings = set(re.findall(r"^### (Alarm: .+)$", runbook, re.MULTILINE))
    assert {each["AlarmDescription"] for each in alarms.values()} == {
        f'docs/operations.md, "{heading}"' for heading in headings
    }
