"""A stack on AWS: its outputs say where everything is. The only room that imports boto3."""

import json
from collections.abc import Generator, Mapping
from typing import Any

import httpx

from firstcome_cli.errors import Refused, Unknown
from firstcome_cli.places import NowhereError, of_error

try:
    import boto3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ImportError as missing:
    raise NowhereError("AWS needs boto3: pipx install './cli[aws]'") from missing

OPERATE_OUTPUT, API_OUTPUT = "OperateFunctionArn", "BackEndApiUrl"
INVOKE_TIMEOUT_S = 960  # Lambda ends a function after 900 s
# Who is told so has changed nothing: IAM decides before the function is invoked.
REFUSALS = {"AccessDeniedException", "AccessDenied", "ResourceNotFoundException", "RequestTooLargeException"}


class Stack:
    """One deployed stack."""

    def __init__(self, stack_name: str, region: str | None, profile: str | None) -> None:
        """Read the outputs; raise `NowhereError` where the stack or the credentials are not there."""
        try:
            self._session = boto3.Session(profile_name=profile, region_name=region)
            # Never repeated by the library: a change that may have been made is the caller's to repeat.
            once = Config(read_timeout=INVOKE_TIMEOUT_S, retries={"total_max_attempts": 1})
            found = self._session.client("cloudformation").describe_stacks(StackName=stack_name)
        except (BotoCoreError, ClientError) as error:
            raise NowhereError(f"the stack {stack_name} cannot be read: {error}") from error
        outputs = {one["OutputKey"]: one["OutputValue"] for one in found["Stacks"][0].get("Outputs", [])}
        if missing := [name for name in (OPERATE_OUTPUT, API_OUTPUT) if name not in outputs]:
            raise NowhereError(f"the stack {stack_name} has no output {' and '.join(missing)}: is it firstcome's?")
        self.lambdas = self._session.client("lambda", config=once)
        self.name = f"the stack {stack_name} in {self._session.region_name}"
        self.api_url: str = outputs[API_OUTPUT]
        self._function: str = outputs[OPERATE_OUTPUT]

    def auth(self) -> "Signed":
        """Return what signs each request with the caller's own credentials."""
        return Signed(self._session)

    def invoke(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke `operate`, once."""
        try:
            answer = self.lambdas.invoke(FunctionName=self._function, Payload=json.dumps(dict(payload)).encode())
            said = json.loads(answer["Payload"].read())
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code"))
            if code in REFUSALS:
                raise Refused(code, str(error)) from error
            raise Unknown(str(error)) from error
        except (BotoCoreError, ValueError) as error:
            raise Unknown(f"no answer of {self._function}: {error}") from error
        if "FunctionError" in answer:
            raise of_error(said)
        return dict(said)


class Signed(httpx.Auth):
    """Signs a request with SigV4, as the back end's API wants it: `execute-api:Invoke` decides then."""

    requires_request_body = True

    def __init__(self, session: "boto3.Session") -> None:
        """Keep the session: its credentials are read anew for each request, so that they may expire."""
        self._session = session

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the headers of the signature."""
        credentials = self._session.get_credentials()
        if credentials is None:
            raise NowhereError("there are no AWS credentials: aws configure, or --profile")
        kept = {name: request.headers[name] for name in ("content-type",) if name in request.headers}
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content, headers=kept)
        SigV4Auth(credentials.get_frozen_credentials(), "execute-api", self._session.region_name).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        yield request
