"""The local cloud keeps Lambda's and API Gateway's rules, shown with a function made for nothing else."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dev.clock import tick
from dev.cloud import OTHER_ENVIRONMENTS, ROOT, Cloud
from dev.invoke import InvocationError, Lambda
from tests.e2e.tiny import BRIEF_S, MEBIBYTE, TIMEOUT_S, Hold, ask, lives, write_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """A cloud of one tiny function and no servers."""
    folder = tmp_path_factory.mktemp("tiny")
    with Cloud(folder, servers=None, template=write_template(folder), environment=child_environment) as cloud:
        yield cloud


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory, child_environment: dict[str, str]) -> Iterator[Cloud]:
    """The same, with so short a timeout that a test may wait for it."""
    folder = tmp_path_factory.mktemp("hasty")
    template = write_template(folder, BRIEF_S)
    with Cloud(folder, servers=None, template=template, environment=child_environment) as cloud:
        yield cloud


@pytest.fixture
def hold() -> Iterator[Hold]:
    with Hold() as hold:
        yield hold


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def test_a_waiting_request_never_waits_behind_a_busy_environment(
    cloud: Cloud, hold: Hold, threads: ThreadPoolExecutor
) -> None:
    """A request goes to an environment that is free, as on Lambda."""
    busy = threads.submit(ask, cloud, f"/x?hold={hold.port}")
    pid = hold.arrived()
    answers = [asked.result() for asked in [threads.submit(ask, cloud, "/x") for _ in range(60)]]
    assert not busy.done()
    assert {answer["pid"] for _, answer in answers} == set(cloud.environments("tiny")) - {pid}
    hold.release()
    assert busy.result() == (200, {**busy.result()[1], "pid": pid})


def test_an_environment_serves_one_request_at_a_time(cloud: Cloud, hold: Hold, threads: ThreadPoolExecutor) -> None:
    """What exceeds the environments waits in the front."""
    asked = [threads.submit(ask, cloud, f"/x?hold={hold.port}") for _ in range(2 * OTHER_ENVIRONMENTS)]
    first = {hold.arrived() for _ in range(OTHER_ENVIRONMENTS)}
    assert first == set(cloud.environments("tiny")), "each environment has one, the others wait in the front"
    hold.release()
    assert {hold.arrived() for _ in range(OTHER_ENVIRONMENTS)} == first
    hold.release()
    assert {request.result()[0] for request in asked} == {200}


def test_a_killed_environment_costs_one_request_and_comes_back(
    cloud: Cloud, hold: Hold, threads: ThreadPoolExecutor, wait_until: Callable[..., None]
) -> None:
    """The request that it served is lost; the next one finds a new environment."""
    busy = threads.submit(ask, cloud, f"/x?hold={hold.port}")
    victim = hold.arrived()
    others = [threads.submit(ask, cloud, "/x") for _ in range(60)]
    os.kill(victim, signal.SIGKILL)
    assert busy.result() == (500, {"message": "Internal Server Error"})
    assert {other.result()[0] for other in others} == {200}
    wait_until(lambda: len(cloud.environments("tiny")) == OTHER_ENVIRONMENTS, "the killed environment is back")
    assert victim not in cloud.environments("tiny")


def test_killing_an_idle_environment_costs_no_request(cloud: Cloud, wait_until: Callable[..., None]) -> None:
    """The next request waits for the process that replaces it."""
    for _ in range(2 * OTHER_ENVIRONMENTS):
        wait_until(lambda: len(cloud.environments("tiny")) == OTHER_ENVIRONMENTS, "all environments are there")
        os.kill(cloud.environments("tiny")[0], signal.SIGKILL)
        assert {ask(cloud, "/x")[0] for _ in range(OTHER_ENVIRONMENTS)} == {200}


def test_a_request_over_the_timeout_ends_its_environment(
    hasty: Cloud, hold: Hold, wait_until: Callable[..., None]
) -> None:
    """The answer comes while the handler is still held."""
    before = set(hasty.environments("tiny"))
    assert ask(hasty, f"/x?hold={hold.port}") == (500, {"message": "Internal Server Error"})
    wait_until(lambda: not before <= set(hasty.environments("tiny")), "the environment that was too slow is gone")


def test_an_invocation_over_the_timeout_says_so(hasty: Cloud, hold: Hold) -> None:
    """The caller is told as Lambda tells it, with the function's timeout."""
    with pytest.raises(InvocationError, match=r"Sandbox\.Timedout: .* timed out after 2\.00 seconds"):
        hasty.invoke("tiny", {"hold": hold.port})


def test_what_a_function_raises_is_told_to_its_invoker_alone(cloud: Cloud) -> None:
    """Who invokes it reads type and message; who asks over HTTP reads 500 and nothing else."""
    assert ask(cloud, "/x?raise=1") == (500, {"message": "Internal Server Error"})
    with pytest.raises(InvocationError, match="tiny: LookupError: as asked") as caught:
        cloud.invoke("tiny", {"raise": 1})
    assert caught.value.said["stackTrace"][0].endswith('    raise LookupError("as asked")\n')


def test_a_function_is_invoked_by_its_folder_or_its_logical_id(cloud: Cloud) -> None:
    """`apply` is `ApplyFunction`: what the template calls it, and what its folder is called."""
    assert cloud.invoke("TinyFunction", {"answer": [1, None]}) == [1, None]
    with pytest.raises(InvocationError, match="Function not found"):
        cloud.invoke("nobody", {})


def test_a_function_knows_how_long_it_may_take(cloud: Cloud) -> None:
    """The context counts down from the template's timeout."""
    assert BRIEF_S * 1000 < cloud.invoke("tiny", {})["left_ms"] <= TIMEOUT_S * 1000


def test_who_asks_the_api_cannot_invoke(cloud: Cloud) -> None:
    """The path of direct invokes is on another address."""
    assert ask(cloud, "/2015-03-31/functions/tiny/invocations", method="POST", body=b"{}")[0] == 404


def test_a_request_becomes_an_event_as_an_http_api_makes_it(cloud: Cloud) -> None:
    """The event has format 2.0, field by field."""
    body = '{"user_id": "…"}'.encode()
    before_ms = int(time.time() * 1000)
    _, answer = ask(
        cloud, "/one/a%7Cb?q=1&q=%20", body=body, content_type="application/json", cookie="a=1; b=2", x_many="1"
    )
    event = answer["event"]
    context = event.pop("requestContext")
    headers = event.pop("headers")
    assert event == {
        "version": "2.0",
        "routeKey": "GET /one/{name}",
        "rawPath": "/one/a|b",  # an HTTP API decodes it, and leaves the query as it came
        "rawQueryString": "q=1&q=%20",
        "queryStringParameters": {"q": "1, "},
        "pathParameters": {"name": "a|b"},
        "cookies": ["a=1", "b=2"],
        "body": body.decode(),
        "isBase64Encoded": False,
    }
    assert headers["x-many"] == "1"
    assert context["http"]["method"] == "GET"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["stage"] == "$default"
    assert before_ms <= context["timeEpoch"] <= time.time() * 1000


def test_a_body_that_is_not_text_arrives_as_base64(cloud: Cloud) -> None:
    """As API Gateway does it, by the bytes and not by the content type."""
    _, answer = ask(cloud, "/x", method="POST", body=b"\xff", content_type="application/json")
    assert (answer["event"]["body"], answer["event"]["isBase64Encoded"]) == ("/w==", True)


@pytest.mark.parametrize(("mebibytes", "status"), [(10, 200), (11, 413)])
def test_a_body_may_have_ten_mebibytes(cloud: Cloud, mebibytes: int, status: int) -> None:
    """API Gateway's limit: more is 413."""
    chunks = iter([b"x" * MEBIBYTE] * mebibytes)
    assert ask(cloud, "/x", method="POST", body=chunks, content_type="text/plain")[0] == status


def test_a_body_announced_as_too_large_is_refused_unsent(cloud: Cloud) -> None:
    """The announced length decides: nobody waits for the rest."""
    assert ask(cloud, "/x", method="POST", body=b"x" * MEBIBYTE, content_length=str(11 * MEBIBYTE))[0] == 413


def test_the_front_comes_back_on_the_same_port(cloud: Cloud, wait_until: Callable[..., None]) -> None:
    """A haproxy that was killed is started again, and answers."""
    assert cloud.front.pid is not None
    os.kill(killed := cloud.front.pid, signal.SIGKILL)
    wait_until(lambda: cloud.front.pid not in (None, killed), "haproxy is back")
    assert ask(cloud, "/x")[0] == 200


def test_the_file_names_the_processes_that_live_now(cloud: Cloud, wait_until: Callable[..., None]) -> None:
    """cloud.env is written anew when an environment is replaced."""
    os.kill(cloud.environments("tiny")[0], signal.SIGKILL)

    def named() -> set[str]:
        lines = cloud.env_file.read_text().splitlines()
        return {line.partition("=")[2] for line in lines if line.startswith("TINY_")}

    wait_until(lambda: named() == set(map(str, cloud.environments("tiny"))) and len(named()) == 2, "cloud.env is new")


def test_everything_ends_with_a_starter_that_is_killed(tmp_path: Path, wait_until: Callable[..., None]) -> None:
    """No process of the cloud outlives the one that started it."""
    write_template(tmp_path)
    script = (
        "import pathlib, signal, sys; from dev.cloud import Cloud\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "with Cloud(folder, servers=None, template=folder / 'template.yaml'): signal.pause()\n"
    )
    starter = subprocess.Popen([sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], cwd=ROOT)
    try:
        file = tmp_path / "cloud.env"
        wait_until(file.exists, "the cloud is up")
        pids = [line.partition("=")[2] for line in file.read_text().splitlines() if "_PID=" in line]
        assert len(pids) == 1 + OTHER_ENVIRONMENTS + 1, "starter, environments, front"
    finally:
        starter.kill()
        starter.wait()
    wait_until(lambda: not any(map(lives, pids)), "all processes have ended")


def test_the_clock_tries_again_as_often_as_the_template_says(cloud: Cloud) -> None:
    """And no longer than until the next run is due."""
    pauses: list[float] = []
    schedule = {"every_s": 60, "input": '{"raise": 1}', "attempts": 2}
    with closing(Lambda(cloud.lambda_url)) as client:
        assert not tick(client, "tiny", schedule, math.inf, pauses.append)
        assert pauses == [1, 2]
        assert not tick(client, "tiny", schedule, time.monotonic() + 0.5, pauses.append)
        assert pauses == [1, 2], "the next one is due before the pause is over"
        assert tick(client, "tiny", {**schedule, "input": "{}"}, 0, pauses.append)
