"""Where the commands act: the cloud of `make up`, or a stack on AWS, whose library is loaded only then."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import httpx

from firstcome_cli.errors import FirstcomeError, NotThere, Refused, Unknown

CLOUD_FILE = "cloud.env"  # what `make up` writes, into .local
API_URL, LAMBDA_URL = "FIRSTCOME_API_URL", "FIRSTCOME_LAMBDA_URL"
INVOKE_PATH = "/2015-03-31/functions/operate/invocations"
# Lambda ends a function after 900 s; the answer needs a moment more.
INVOKE_TIMEOUT = httpx.Timeout(960.0, connect=5.0)

# What the function raises by name, and the code for it: the same request is answered the same, until somebody changes
# what the error's words name. Everything else is not known.
DEFINITE = {"BadInput": "refused", "Forbidden": "forbidden", "Unsuitable": "unsuitable"}
NOT_THERE = ("there is no ", "no such ")  # how its sentence begins where that is the reason


class NowhereError(FirstcomeError):
    """No place is named, or it cannot be used; the text says what to do."""


class Place(Protocol):
    """One deployment: the back end's API, and the operator's function."""

    name: str
    api_url: str

    def auth(self) -> httpx.Auth | None:
        """Return what signs each request to the API; None: it asks for nothing."""

    def invoke(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `operate` answers; raise `Refused`, or `Unknown` where nobody knows whether it was done."""


class Local:
    """The cloud of `make up`."""

    def __init__(self, file: Path) -> None:
        """Read its addresses; raise `NowhereError` where the file has none."""
        try:
            lines = file.read_text().splitlines()
        except (OSError, ValueError) as error:
            raise NowhereError(f"{file} cannot be read ({error}): make up") from error
        values = {name: value for name, equals, value in (line.partition("=") for line in lines) if equals}
        if missing := [name for name in (API_URL, LAMBDA_URL) if not values.get(name)]:
            raise NowhereError(f"{file} does not say {' and '.join(missing)}: make down, then make up")
        self.name = f"the local cloud ({file})"
        self.api_url = values[API_URL]
        self._invoke_url = values[LAMBDA_URL] + INVOKE_PATH

    def auth(self) -> None:
        """Return nothing: on loopback, the back end's API trusts whoever asks."""

    def invoke(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke `operate`, once."""
        try:
            response = httpx.post(self._invoke_url, json=dict(payload), timeout=INVOKE_TIMEOUT)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unknown(f"{self.name} gave no answer ({error}): is it running? make up") from error
        said = answer if isinstance(answer, dict) else {}
        if response.status_code != httpx.codes.OK:
            raise Unknown(f"{self.name} answers HTTP {response.status_code}: {said.get('message', '')}")
        if "x-amz-function-error" in response.headers:
            raise of_error(said)
        return said


def of_error(said: Mapping[str, Any]) -> FirstcomeError:
    """Return what an error of the function means, as Lambda hands it on: `errorType` and `errorMessage`."""
    kind, detail = str(said.get("errorType")), str(said.get("errorMessage"))
    if kind not in DEFINITE:
        return Unknown(f"{detail} ({kind})")
    if detail.startswith(NOT_THERE):
        return NotThere("not_there", detail)
    return Refused(DEFINITE[kind], detail)


def find_cloud(named: Path | None, start: Path) -> Local:
    """Return the local cloud that is named by its file or folder, or whose file is in `start` or above it."""
    folders = [named] if named else [start, *start.parents]
    for folder in folders:
        for file in (folder, folder / CLOUD_FILE, folder / ".local" / CLOUD_FILE):
            if file.is_file():
                return Local(file)
    if named:
        raise NowhereError(f"there is no {CLOUD_FILE} at {named}: make up writes it")
    raise NowhereError(
        f"no {CLOUD_FILE} here or in a folder above: run make up, name it with --cloud, or a stack with --stack-name"
    )


def find(cloud: Path | None, stack_name: str | None, region: str | None, profile: str | None) -> Place:
    """Return the place that the options name."""
    if stack_name and cloud:
        raise NowhereError("--cloud and --stack-name are two places: leave one out")
    if not stack_name:
        return find_cloud(cloud, Path.cwd())
    from firstcome_cli.aws import Stack  # noqa: PLC0415  boto3 takes half a second, and is not always there

    return Stack(stack_name, region, profile)


def as_payload(action: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of an action, without the fields that are None."""
    payload = {"action": action, **{name: value for name, value in fields.items() if value is not None}}
    assert json.dumps(payload)
    return payload
