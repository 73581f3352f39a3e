"""Who is calling? Sign-in by signed assertion (JWT bearer) or by client credentials, and the sessions that follow."""

import base64
import binascii
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from connectors.sandbox.org.refused import Refused

_JWT_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LEEWAY_S: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectedApp:
    """What an administrator registered: public_key verifies assertions, run_as is the client-credentials user."""

    consumer_key: str
    public_key: str
    client_secret: str
    run_as: str


class SignInRefused(Exception):
    """An OAuth error: code and description."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(description)
        self.code = code


class Sessions:
    """The sign-ins of one org. users: username -> user id. domains: names before .salesforce.com that it answers to."""

    def __init__(self, app: ConnectedApp, *, users: Mapping[str, str], domains: tuple[str, ...]) -> None:
        self._app = app
        self._users = users
        self._audiences = [f"https://{domain}.salesforce.com" for domain in domains]
        self._open: dict[str, str] = {}
        self.sign_ins = 0

    def sign_in(self, form: Mapping[str, str], authorization: str) -> dict[str, Any]:
        """Return the token endpoint's answer, without instance_url. Raises SignInRefused."""
        grant = form.get("grant_type", "")
        if grant == _JWT_GRANT:
            username = self._asserted(form.get("assertion", ""))
        elif grant == "client_credentials":
            username = self._credited(form, authorization)
        else:
            raise SignInRefused("unsupported_grant_type", "grant type not supported")
        self.sign_ins += 1
        token = "00DSandbox!" + secrets.token_urlsafe(32)
        self._open[token] = self._users[username]
        return {
            "access_token": token,
            "token_type": "Bearer",
            "issued_at": str(int(time.time() * 1000)),
            "scope": "api",
        }

    def user_of(self, authorization: str) -> str:
        """Return the id of the user whose bearer token this is. Raises Refused INVALID_SESSION_ID."""
        user = self._open.get(authorization.removeprefix("Bearer "))
        if user is None:
            raise Refused("INVALID_SESSION_ID", "Session expired or invalid", status=401)
        return user

    def expire_all(self) -> None:
        """End every session, as an administrator or a time limit would."""
        self._open.clear()

    def _asserted(self, assertion: str) -> str:
        try:
            claims = jwt.decode(
                assertion,
                self._app.public_key,
                algorithms=["RS256"],
                audience=self._audiences,
                leeway=_LEEWAY_S,
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError as error:
            raise SignInRefused("invalid_grant", "audience is invalid") from error
        except jwt.ExpiredSignatureError as error:
            raise SignInRefused("invalid_grant", "expired authorization code") from error
        except jwt.PyJWTError as error:
            raise SignInRefused("invalid_grant", "invalid assertion") from error
        if claims["iss"] != self._app.consumer_key:
            raise SignInRefused("invalid_client_id", "client identifier invalid")
        if claims["sub"] not in self._users:
            raise SignInRefused("invalid_grant", "user hasn't approved this consumer")
        return str(claims["sub"])

    def _credited(self, form: Mapping[str, str], authorization: str) -> str:
        try:
            basic = base64.b64decode(authorization.removeprefix("Basic "), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            basic = ""
        key, _, secret = basic.partition(":")
        given = (key or form.get("client_id", ""), secret or form.get("client_secret", ""))
        if given[0] != self._app.consumer_key:
            raise SignInRefused("invalid_client_id", "client identifier invalid")
        if not secrets.compare_digest(given[1].encode(), self._app.client_secret.encode()):
            raise SignInRefused("invalid_client", "invalid client credentials")
        return self._app.run_as
