"""Opens a stream that was sealed under KMS. Written from envpipe(5) alone, sharing nothing with envpipe.

Usage: reference.py FILE [KEY], with the AWS environment set; the plaintext goes to standard output. KEY is the ARN of the
P-256 key of a p256tag stanza.
"""

import base64
import re
import sys
from urllib.parse import unquote_to_bytes

import boto3
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KIND = "envpipe/aws-kms"
CHUNK = 65536 + 16


def hkdf(ikm, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(ikm)


def hmac_sha256(key, text):
    mac = hmac.HMAC(key, hashes.SHA256())
    mac.update(text)
    return mac.finalize()


def unbase64(text):
    decoded = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    assert base64.b64encode(decoded).decode().rstrip("=") == text, "not canonical"
    return decoded


def parse_header(stream):
    """The stanzas, the text that the MAC covers, the MAC, and where the payload begins."""
    end = re.search(rb"\n---(?= )", stream).end()
    payload = stream.index(b"\n", end) + 1
    covered = stream[:end]
    mac = unbase64(stream[end + 1 : payload - 1].decode())
    version, *lines = covered.decode().split("\n")[:-1]
    assert version == "age-encryption.org/v1"
    stanzas = []
    while lines:
        arguments = lines.pop(0)
        assert arguments.startswith("-> ")
        body = b""
        while len(line := lines.pop(0)) == 64:
            body += unbase64(line)
        stanzas.append((arguments.split(" ")[1:], body + unbase64(line)))
    return stanzas, covered, mac, payload


def unwrap(arguments, body):
    _, key, salt, *pairs = arguments
    context = {"envpipe": "v1"}
    for pair in pairs:
        name, value = pair.split("=")
        context[unquote_to_bytes(name).decode()] = unquote_to_bytes(value).decode()
    kms = boto3.client("kms", region_name=key.split(":")[3])
    answer = kms.decrypt(CiphertextBlob=body[32:], KeyId=key, EncryptionContext=context)
    assert answer["KeyId"] == key and len(answer["Plaintext"]) == 32
    wrap_key = hkdf(answer["Plaintext"], unbase64(salt), KIND.encode())
    return ChaCha20Poly1305(wrap_key).decrypt(bytes(12), body[:32], None)


def unwrap_p256tag(key, arguments, body):
    """The file key, or None where the tag is another's."""
    _, tag, enc = arguments
    enc = unbase64(enc)
    kms = boto3.client("kms", region_name=key.split(":")[3])
    recipient = serialization.load_der_public_key(kms.get_public_key(KeyId=key)["PublicKey"])
    x962 = serialization.Encoding.X962
    compressed = recipient.public_bytes(x962, serialization.PublicFormat.CompressedPoint)
    uncompressed = recipient.public_bytes(x962, serialization.PublicFormat.UncompressedPoint)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(compressed)
    info = b"age-encryption.org/p256tag"
    if unbase64(tag) != hmac_sha256(info, enc + digest.finalize()[:4])[:4]:
        return None

    peer = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    dh = kms.derive_shared_secret(KeyId=key, KeyAgreementAlgorithm="ECDH", PublicKey=peer)["SharedSecret"]

    def extract(suite, salt, label, ikm):
        return hmac_sha256(salt or bytes(32), b"HPKE-v1" + suite + label + ikm)

    def expand(suite, prk, label, context, length):
        text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
        return hmac_sha256(prk, text + b"\x01")[:length]

    kem, suite = bytes.fromhex("4b454d0010"), bytes.fromhex("48504b45001000010003")
    shared = expand(kem, extract(kem, b"", b"eae_prk", dh), b"shared_secret", enc + uncompressed, 32)
    context = b"\x00" + extract(suite, b"", b"psk_id_hash", b"") + extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key, nonce = expand(suite, secret, b"key", context, 32), expand(suite, secret, b"base_nonce", context, 12)
    return ChaCha20Poly1305(key).decrypt(nonce, body, None)


def unwrap_any(stanzas, key):
    for arguments, body in stanzas:
        if arguments[0] == KIND:
            return unwrap(arguments, body)
        if key and arguments[0] == "p256tag" and (file_key := unwrap_p256tag(key, arguments, body)):
            return file_key


def main():
    with open(sys.argv[1], "rb") as file:
        stream = file.read()
    stanzas, covered, mac, payload = parse_header(stream)
    file_key = unwrap_any(stanzas, *sys.argv[2:] or [None])
    assert hmac_sha256(hkdf(file_key, b"", b"header"), covered) == mac

    nonce, sealed = stream[payload : payload + 16], stream[payload + 16 :]
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    count = max(1, -(-len(sealed) // CHUNK))
    for k in range(count):
        last = k == count - 1
        plain = cipher.decrypt(k.to_bytes(11, "big") + bytes([last]), sealed[k * CHUNK : (k + 1) * CHUNK], None)
        assert plain or count == 1
        sys.stdout.buffer.write(plain)


main()
