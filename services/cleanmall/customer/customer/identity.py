"""The caller of a request, by the internal token that the gateway signs (docs/identity.md)."""

import base64
import binascii
import json
import re
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from .settings import Settings, SettingsError

HEADER = "x-flotilla-pass"
_USERS, _SERVICES = "persons", "services"
# The validity of a token, and the tolerated difference between the clocks of a fleet, in seconds.
_VALID, _LEEWAY = 60, 10


class Rejected(Exception):
    """A token is not valid. The text is the reason, for the log."""


@dataclass(frozen=True)
class Caller:
    """The caller of a request. Without a subject: another service, or anyone while authentication is disabled."""

    subject: str | None = None
    roles: frozenset[str] = frozenset()
    is_anyone: bool = False

    def has(self, *roles: str) -> bool:
        """Whether the caller has one of these roles. While authentication is disabled, everybody has all of them."""
        return self.is_anyone or not self.roles.isdisjoint(roles)


ANYONE = Caller(is_anyone=True)


class Verifier:
    """Verifies tokens with one or more public keys, for one audience."""

    def __init__(self, pems: str, audience: str) -> None:
        self._audience = audience
        found = re.findall(r"-----BEGIN PUBLIC KEY-----.*?-----END PUBLIC KEY-----", pems, re.DOTALL)
        keys = [load_pem_public_key(pem.encode()) for pem in found]
        if not keys or not all(isinstance(key, Ed25519PublicKey) for key in keys):
            raise ValueError("it has no Ed25519 public key in PEM")
        self._keys = keys

    def read(self, token: str, now: float) -> Caller:
        """The caller in a token."""
        try:
            head, claims, signature = token.split(".")
            if _json(head).get("alg") != "EdDSA" or not self._is_signed(f"{head}.{claims}", _bytes(signature)):
                raise Rejected("not signed with a known key")
            fields = _json(claims)
            audience = fields["aud"]
            if self._audience not in ([audience] if isinstance(audience, str) else audience):
                raise Rejected("for another audience")
            left = fields["exp"] - int(now)
            subject, roles = fields["sub"], fields["roles"]
            if not isinstance(subject, str) or not all(isinstance(role, str) for role in roles):
                raise Rejected("its claims have other types")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise Rejected("not a token") from None
        if not -_LEEWAY < left <= _VALID + _LEEWAY:
            raise Rejected("expired or not valid yet")
        return Caller(subject, frozenset(roles))

    def _is_signed(self, text: str, signature: bytes) -> bool:
        for key in self._keys:
            try:
                key.verify(signature, text.encode())
                return True
            except InvalidSignature:
                continue
        return False


def _bytes(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]*", text, re.ASCII):
        raise ValueError("not base64url")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None


def _json(text: str) -> dict:
    return json.loads(_bytes(text))


class Authenticator:
    """Decides who the caller of a request is."""

    def __init__(self, settings: Settings) -> None:
        self._users = _verifier(settings.users_key_file, _USERS)
        self._services = _verifier(settings.services_key_file, _SERVICES)
        if self._users is None and settings.require_identity:
            raise SettingsError(
                "INTERNAL_TOKEN_PUBLIC_KEY_FILE is not set, and REQUIRE_IDENTITY forbids running without authentication")
        if self._users is None and self._services is not None:
            raise SettingsError("SERVICE_PUBLIC_KEY_FILE needs INTERNAL_TOKEN_PUBLIC_KEY_FILE")

    @property
    def is_enabled(self) -> bool:
        """Whether requests need a token."""
        return self._users is not None

    def caller(self, token: str | None) -> Caller:
        """The caller with this token."""
        if self._users is None:
            return ANYONE
        if token is None:
            raise Rejected("there is none")
        try:
            return self._users.read(token, time.time())
        except Rejected:
            if self._services is None:
                raise
            self._services.read(token, time.time())
            return Caller()


def _verifier(file: Path | None, audience: str) -> Verifier | None:
    if file is None:
        return None
    try:
        return Verifier(file.read_text(), audience)
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise SettingsError(f"{file}: {error}") from None
