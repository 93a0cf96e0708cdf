"""Keys: read, refused, used, written down and never shown."""

from __future__ import annotations

import pickle
from base64 import b64decode, b64encode, urlsafe_b64encode

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from smtpguard.keys import (
    RECOMMENDED_RSA,
    Keyring,
    LinkKey,
    ReferenceKey,
    SigningKey,
    UnusableKey,
    ed25519_agrees,
    new_rsa,
)

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FORMATS = serialization.PrivateFormat
SHORT = b"""\
-----BEGIN RSA PRIVATE KEY-----
MIIBywIBAAJhALLBKMVlcVi9JTfeT4wm3CXUu8W7TgLsux2BcuNvW+2nFczLyz66
0qF/sR0gExXA1Q5N/Thtf/QE2n/SuEKMHk3xfRJLGCaKWgigkZZRovF2vTAhCvhY
kNCn1JhoUFvJpQIDAQABAmEApRvRgvL+TQ74b7BCHZxPQApNHoixt/Xdp5VH/1d+
u/bXJgEfTGPX5iBCAjr8Jd2j4GUe+4wudk9cJQTsZarEZFbJq19pvzcjXS9QV7wg
53omi2K1wZ9K+AA6y9WB2gZJAjEA7ZGQK9QVYUrBZ1coY0/7YusRN3w8xx2yA6w0
CUs80b7/uLxFM0K0qGB1zNCsPTJnAjEAwJ933T8EPK8TRDTQFUS87ReiJ56ZVoos
KIA619FOFE2ouIHFN/vQrJ3vZNnedxQTAjEAmi/6eWe5xJ6HLfIUhXh4uPfGAdQB
gl4UlmuijlGllKA5SoXvB9kIdau9aQQaddGLAjAFfATjrcmnGK0Jwh8ym9RtQ8EA
M8nV5vU+6ffC8Vixx0xIhJli8K6OW6jXTETDSzUCMHq6TMGCNftGIpkNT0XFsa2X
29tinfXlhi1D9oTvVGrhZ2q8rMF8p9wv4NtY80ytEg==
-----END RSA PRIVATE KEY-----
"""


def pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey,
    form: serialization.PrivateFormat = FORMATS.PKCS8,
    password: bytes = b"",
) -> bytes:
    hidden: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        hidden = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, form, hidden)


def test_a_reference_is_the_one_written_down() -> None:
    key = ReferenceKey("k1", bytes(range(32)))
    # openssl dgst -sha256 -mac hmac -macopt hexkey:000102...1f, over v1|acme|jo@reader.example
    digest = bytes.fromhex("704a6bde0f6d53a69bc20639e806efa0fc1d3098")
    assert key.reference("acme", "jo@reader.example") == urlsafe_b64encode(digest).decode()[:27]
    assert key.reference("acme", "jo@reader.example") != key.reference("other", "jo@reader.example")


def test_a_fingerprint_tells_secrets_apart() -> None:
    one, other = ReferenceKey("k1", b"a" * 32), ReferenceKey("k1", b"b" * 32)
    assert one.fingerprint == ReferenceKey("k2", b"a" * 32).fingerprint
    assert one.fingerprint != other.fingerprint
    assert len(one.fingerprint) == 16


def test_a_link_key_opens_only_what_it_sealed() -> None:
    key = LinkKey(1, b"k" * 64)
    sealed = key.seal(b"jo@reader.example", b"exit")
    assert sealed == key.seal(b"jo@reader.example", b"exit")
    assert len(sealed) == len(b"jo@reader.example") + 16
    assert b"jo" not in sealed
    assert key.open(sealed, b"exit") == b"jo@reader.example"
    assert key.open(sealed, b"entrance") is None
    assert LinkKey(1, b"l" * 64).open(sealed, b"exit") is None
    assert key.open(b"", b"exit") is None
    assert key.open(sealed[:15], b"exit") is None


@pytest.mark.parametrize(("number", "secret"), [(-1, b"k" * 64), (256, b"k" * 64), (1, b"k" * 32)])
def test_a_link_key_that_cannot_work_is_refused(number: int, secret: bytes) -> None:
    with pytest.raises(UnusableKey):
        LinkKey(number, secret)


@pytest.mark.parametrize("form", [FORMATS.PKCS8, FORMATS.TraditionalOpenSSL])
def test_an_rsa_key_is_read_from_either_pem(form: serialization.PrivateFormat) -> None:
    key = SigningKey.load(pem(RSA, form))
    assert (key.algorithm, key.bits) == ("rsa-sha256", 2048)
    public = serialization.load_der_public_key(b64decode(key.public))
    assert public == RSA.public_key()
    assert key.record == b"v=DKIM1; k=rsa; p=" + key.public


def test_a_new_rsa_key_can_be_loaded_and_is_long_enough() -> None:
    key = SigningKey.load(new_rsa())
    assert (key.algorithm, key.bits) == ("rsa-sha256", RECOMMENDED_RSA)


def test_an_ed25519_key_is_read_from_pem_and_from_its_seed() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    seed = private.private_bytes_raw()
    key = SigningKey.load(pem(private))
    assert key == SigningKey.load(b64encode(seed) + b"\n")
    assert (key.algorithm, key.bits) == ("ed25519-sha256", 256)
    assert b64decode(key.public) == private.public_key().public_bytes_raw()
    assert key.record.startswith(b"v=DKIM1; k=ed25519; p=")


def test_an_ed25519_signature_agrees_with_its_key_alone() -> None:
    import hashlib

    key = SigningKey.load(b64encode(b"s" * 32))
    digest = hashlib.sha256(b"data").digest()
    signature = key.sign(b"data")
    assert ed25519_agrees(key.public, signature, digest)
    assert not ed25519_agrees(key.public, signature, hashlib.sha256(b"Data").digest())
    assert not ed25519_agrees(b"no base64", signature, digest)
    assert not ed25519_agrees(key.public, signature[:-1], digest)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"", "neither PEM"),
        (b64encode(b"short"), "neither PEM"),
        (
            b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "no private key",
        ),
        (pem(RSA, password=b"secret"), "passphrase"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "RSA or Ed25519"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(octets: bytes, why: str) -> None:
    with pytest.raises(UnusableKey, match=why):
        SigningKey.load(octets)


def test_a_key_that_verifiers_ignore_is_refused() -> None:
    # 768 bits: too short to be generated here, so it was made once with openssl.
    with pytest.raises(UnusableKey, match="768 bits"):
        SigningKey.load(SHORT)


def test_no_secret_is_shown() -> None:
    secret = b"s" * 64
    key = SigningKey.load(pem(RSA))
    ring = Keyring((ReferenceKey("k1", secret),), (LinkKey(1, secret),))
    shown = repr(key) + repr(ring)
    assert "sss" not in shown
    assert "der" not in shown
    assert b64encode(key.der).decode()[:20] not in shown


def test_keys_travel_to_workers() -> None:
    key = SigningKey.load(pem(RSA))
    assert key.sign(b"data")
    travelled = pickle.loads(pickle.dumps(key))
    assert travelled == key
    assert travelled.sign(b"data") == key.sign(b"data")
    ring = Keyring((ReferenceKey("k1", b"r" * 32),), (LinkKey(7, b"l" * 64),))
    assert pickle.loads(pickle.dumps(ring)) == ring


def test_a_ring_is_written_down_and_read_back() -> None:
    ring = Keyring(
        (ReferenceKey("2026b", b"r" * 32), ReferenceKey("2026a", b"q" * 32)),
        (LinkKey(2, b"l" * 64), LinkKey(1, b"k" * 64)),
    )
    assert Keyring.load(b"# keys\r\n\n" + ring.dump()) == ring
    assert ring.link(1) == ring.links[1]
    assert ring.link(3) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"link 1", "line 2: not KIND ID BASE64"),
        (b"link one " + b64encode(b"l" * 64), "line 2: not KIND"),
        (b"link 1 !!!", "line 2: not KIND"),
        (b"link 1 " + b64encode(b"l" * 63), "line 2: link key 1 has not 64 octets"),
        (b"reference a " + b64encode(b"r" * 31), "line 2: neither"),
        (b"door 1 " + b64encode(b"r" * 32), "line 2: neither"),
    ],
)
def test_a_ring_that_cannot_be_read_names_the_line(line: bytes, why: str) -> None:
    with pytest.raises(UnusableKey, match=why):
        Keyring.load(b"# keys\n" + line + b"\n")


def test_two_keys_of_one_id_are_refused() -> None:
    with pytest.raises(UnusableKey, match="same id"):
        Keyring(links=(LinkKey(1, b"l" * 64), LinkKey(1, b"k" * 64)))
