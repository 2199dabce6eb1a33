"""The topic and the event source: nothing of what was accepted is given up."""

from __future__ import annotations

import pytest

from firstcome.settings import Settings
from tests.templates import application, deployed, only

LIMITS = {"MaximumRetryAttempts", "MaximumRecordAgeInSeconds"}


@pytest.mark.parametrize("pollers", ["0", "1", "100"])
def test_nothing_caps_the_retries_of_a_batch(pollers: str) -> None:
    """No destination, which would end them after ten; no limit but -1, and that with provisioned pollers only."""
    source = only(deployed(ProvisionedPollers=pollers), "AWS::Lambda::EventSourceMapping")
    assert "DestinationConfig" not in source
    provisioned = pollers != "0"
    assert ("ProvisionedPollerConfig" in source) == provisioned
    assert {key: source[key] for key in LIMITS & source.keys()} == (dict.fromkeys(LIMITS, -1) if provisioned else {})


@pytest.mark.parametrize("pollers", ["0", "12"])
def test_a_batch_succeeds_or_fails_as_a_whole(pollers: str) -> None:
    """The function answers counts, which a partial-batch setting would misread; halves would be written no sooner."""
    source = only(deployed(ProvisionedPollers=pollers), "AWS::Lambda::EventSourceMapping")
    assert not {"FunctionResponseTypes", "BisectBatchOnFunctionError"} & source.keys()


def test_the_event_source_reads_what_it_never_read() -> None:
    """From the beginning, in the name of the group whose offsets the restore reads."""
    source = only(deployed(), "AWS::Lambda::EventSourceMapping")
    assert source["StartingPosition"] == "TRIM_HORIZON"
    assert source["AmazonManagedKafkaEventSourceConfig"] == {"ConsumerGroupId": Settings().kafka_group}


def test_no_poller_waits_for_a_partition() -> None:
    """As many as there are partitions, at most."""
    source = only(deployed(ProvisionedPollers="2"), "AWS::Lambda::EventSourceMapping")
    assert source["ProvisionedPollerConfig"] == {
        "MinimumPollers": {"Ref": "ProvisionedPollers"},
        "MaximumPollers": {"Ref": "KafkaPartitions"},
    }


def test_the_topics_settings_are_left_to_migrate() -> None:
    """AWS's reference, its guide and Terraform show three formats of `Configs`: none of them is relied on."""
    assert "Configs" not in application.of_type("AWS::MSK::Topic")["Topic"]
