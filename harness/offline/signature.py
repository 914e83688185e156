"""A bundle's signature: Ed25519 over an in-toto statement of all its files, in a DSSE envelope.

https://github.com/secure-systems-lab/dsse/blob/master/protocol.md
https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
"""

import base64
import binascii
import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.offline.manifest import Manifest

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:rai-harness:bundle:v1"
PAYLOAD = "application/vnd.in-toto+json"


def sign(manifest: Manifest, key: Path) -> bytes:
    """The envelope that a bundle carries. Raises UsageError for a file that is no private Ed25519 key in PEM."""
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(_read(key), None)
    except (ValueError, TypeError):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{key} is no private Ed25519 key; `openssl genpkey -algorithm ed25519 -out {key}` makes one")
    payload = statement(manifest)
    signature = private.sign(_encoded(payload))
    raw = private.public_key().public_bytes_raw()
    signed = {"keyid": hashlib.sha256(raw).hexdigest(), "sig": base64.b64encode(signature).decode()}
    envelope = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD, "signatures": [signed]}
    return json.dumps(envelope, sort_keys=True, separators=(",", ":")).encode()


def require_signature(manifest: Manifest, envelope: bytes | None, key: Path, name: str) -> None:
    """Raises UsageError unless the owner of the public ``key`` has signed exactly this manifest."""
    _require_cryptography()
    from cryptography.exceptions import InvalidSignature

    public = _public(key)
    if envelope is None:
        raise UsageError(f"{name} is not signed")
    try:
        page = json.loads(envelope)
        payload = base64.b64decode(page["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in page["signatures"]]
    except (ValueError, TypeError, KeyError, RecursionError, binascii.Error):
        raise UsageError(f"{name}: its signature is damaged") from None
    for signature in signatures:
        try:
            public.verify(signature, _encoded(payload))
        except InvalidSignature:
            continue
        if payload != statement(manifest):
            raise UsageError(f"{name}: what {key} has signed is another bundle")
        return
    raise UsageError(f"{name} is not signed by {key}")


def statement(manifest: Manifest) -> bytes:
    """The in-toto statement: every file and the manifest itself with their hashes."""
    subjects = [{"name": "manifest.json", "digest": {"sha256": manifest.id}}]
    subjects += [{"name": entry.path, "digest": {"sha256": entry.sha256}} for entry in manifest.entries]
    page = {
        "_type": STATEMENT,
        "subject": subjects,
        "predicateType": PREDICATE,
        "predicate": {"harness": manifest.harness, "format": manifest.format},
    }
    return json.dumps(page, sort_keys=True, separators=(",", ":")).encode()


def _encoded(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def _public(key: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key(_read(key))
    except (ValueError, TypeError):
        public = None
    if not isinstance(public, Ed25519PublicKey):
        raise UsageError(f"{key} is no public Ed25519 key; `openssl pkey -in PRIVATE -pubout -out {key}` writes one")
    return public


def _require_cryptography() -> None:
    if find_spec("cryptography") is None:
        raise UsageError("signatures need the extra sign: pip install 'rai-harness[sign]'")


def _read(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the key {key}: {error.strerror}") from None
