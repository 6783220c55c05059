"""Pulumi's passphrase secrets provider: AES-256-GCM under a key derived from a passphrase.

The format is that of sdk/go/common/resource/config/crypt.go and pkg/secrets/passphrase/manager.go:
a secret is `v1:<nonce>:<data>`, a salt `v1:<salt>:v1:<nonce>:<"pulumi", encrypted>`, all in base64.
"""

import base64
import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from sandbox.engine.errors import EngineError

_ROUNDS: Final = 1_000_000
_CANARY: Final = "pulumi"


class Crypter:
    """Encrypts and decrypts text for one salt. Deriving the key, on first use, takes a while."""

    def __init__(self, salt: str, passphrase: str) -> None:
        self.salt = salt
        self._passphrase = passphrase

    @functools.cached_property
    def _cipher(self) -> AESGCM:
        _, salt, canary = self.salt.split(":", 2)
        cipher = _derive(self._passphrase, base64.b64decode(salt))
        try:
            _decrypt(cipher, canary)
        except InvalidTag:
            raise EngineError("incorrect passphrase") from None
        return cipher

    def check(self) -> None:
        """Makes sure that the passphrase is the one that the salt was made with.

        Raises:
            EngineError: it isn't.
        """
        _ = self._cipher

    def encrypt(self, text: str) -> str:
        """Encrypts under a fresh nonce."""
        return _encrypt(self._cipher, text)

    def decrypt(self, ciphertext: str) -> str:
        """Decrypts.

        Raises:
            EngineError: the passphrase isn't the one, or the text was tampered with.
        """
        cipher = self._cipher
        try:
            return _decrypt(cipher, ciphertext)
        except (InvalidTag, ValueError):
            raise EngineError("a secret could not be decrypted: it is damaged") from None


def new_salt(passphrase: str) -> str:
    """A salt for a new stack."""
    salt = os.urandom(8)
    canary = _encrypt(_derive(passphrase, salt), _CANARY)
    return f"v1:{base64.b64encode(salt).decode()}:{canary}"


def passphrase(environ: Mapping[str, str] = os.environ) -> str:
    """The passphrase, from PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE.

    Raises:
        EngineError: neither is set, or the file can't be read.
    """
    if "PULUMI_CONFIG_PASSPHRASE" in environ:
        return environ["PULUMI_CONFIG_PASSPHRASE"]
    if file := environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise EngineError(f"the passphrase file can't be read: {error}") from error
    raise EngineError(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE "
        "or PULUMI_CONFIG_PASSPHRASE_FILE environment variables"
    )


@functools.cache
def _derive(passphrase: str, salt: bytes) -> AESGCM:
    kdf = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=salt, iterations=_ROUNDS)
    return AESGCM(kdf.derive(passphrase.encode()))


def _encrypt(cipher: AESGCM, text: str) -> str:
    nonce = os.urandom(12)
    data = cipher.encrypt(nonce, text.encode(), None)
    return f"v1:{base64.b64encode(nonce).decode()}:{base64.b64encode(data).decode()}"


def _decrypt(cipher: AESGCM, ciphertext: str) -> str:
    version, nonce, data = ciphertext.split(":")
    if version != "v1":
        raise ValueError(version)
    return cipher.decrypt(base64.b64decode(nonce), base64.b64decode(data), None).decode()
