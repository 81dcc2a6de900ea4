"""Opens a stream that was sealed under KMS. Written from envpipe(5) alone, sharing nothing with envpipe.

Usage: reference.py FILE, with the AWS environment set; the plaintext goes to standard output.
"""

import base64
import re
import sys
from urllib.parse import unquote_to_bytes

import boto3
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KIND = "envpipe/aws-kms"
CHUNK = 65536 + 16


def hkdf(ikm, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(ikm)


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


def main():
    with open(sys.argv[1], "rb") as file:
        stream = file.read()
    stanzas, covered, mac, payload = parse_header(stream)
    file_key = next(unwrap(*stanza) for stanza in stanzas if stanza[0][0] == KIND)
    check = hmac.HMAC(hkdf(file_key, b"", b"header"), hashes.SHA256())
    check.update(covered)
    check.verify(mac)

    nonce, sealed = stream[payload : payload + 16], stream[payload + 16 :]
    cipher = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    count = max(1, -(-len(sealed) // CHUNK))
    for k in range(count):
        last = k == count - 1
        plain = cipher.decrypt(k.to_bytes(11, "big") + bytes([last]), sealed[k * CHUNK : (k + 1) * CHUNK], None)
        assert plain or count == 1
        sys.stdout.buffer.write(plain)


main()
