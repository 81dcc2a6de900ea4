"""KMS and S3 for the tests: moto, and in front of its KMS a proxy that holds the rules of KMS that moto does not.

Prints one line of JSON when it is ready, and ends when its standard input does, so it never outlives the tests.

The proxy answers at any path. The segments of the path ask for more:
    count-NAME     count these calls; GET the same path for the list of their operations
    hang           never answer
    other-key      answer as if another key had been used
    short-key      answer with a data key, or a shared secret, of 16 bytes
    hashed-secret  answer with a hash of the shared secret
    off-curve      answer with a public key that is no point of its curve
    other-public   answer with the public key of another key
    not-json       answer with a page
    once           answer the first call with ThrottlingException; beside count-NAME
    status-NUMBER  answer with this status and nothing that says why
    reset          break the connection in the middle of the answer
    dead-REGION    never answer for a key in this region
    refused-REGION answer with AccessDeniedException for a key in this region
    clock-NUMBER   be this many seconds ahead, and refuse what is signed more than 5 minutes before or after
    expired        answer that the signature has expired, with a Date that says it has not
    needs-NAME=VALUE
                   refuse what has not this pair in its encryption context, as the policy of a key may
    Error          answer with this error, whose name begins with a capital
    OPERATION-Error
                   answer with it to this operation alone
    only-OPERATION the segments behind it are for this operation alone
GET of disable/NAME and delete/NAME changes the state of a key.
"""

import base64
import datetime
import http.server
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
import urllib.error
import urllib.request

import boto3
import moto.kms.utils
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.kms.models import kms_backends
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
OTHER_ARN = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/00000000-0000-0000-0000-000000000000"
REFUSALS = {
    "Disabled": ("DisabledException", "{} is disabled."),
    "PendingDeletion": ("KMSInvalidStateException", "{} is pending deletion."),
}
TIME = "%Y%m%dT%H%M%SZ"
VALIDITY = datetime.timedelta(minutes=5)
calls = {}
keys = {}


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ahead = 0

    def do_GET(self):
        match self.path.strip("/").split("/"):
            case ["disable", name]:
                client("eu-west-1").disable_key(KeyId=key_id(name))
                self.answer(200, {})
            case ["delete", name]:
                client("eu-west-1").schedule_key_deletion(KeyId=key_id(name), PendingWindowInDays=7)
                self.answer(200, {})
            case [count]:
                self.answer(200, calls.get(count, []))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        operation = self.headers["X-Amz-Target"].split(".")[-1]
        asked = [segment for segment in self.path.split("/") if segment]
        for i, segment in enumerate(asked):
            if segment.startswith("only-") and segment != f"only-{operation}":
                asked = asked[:i]
                break
        for segment in asked:
            if segment.startswith("count-"):
                calls.setdefault(segment, []).append(operation)
            elif segment == "hang" or segment == "dead-" + self.region():
                threading.Event().wait(60)
                return
            elif segment == "refused-" + self.region():
                self.refuse("AccessDeniedException", "because the test asked for it in this region")
                return
            elif segment == "once":
                if len(calls[asked[0]]) == 1:
                    self.refuse("ThrottlingException", "Rate exceeded")
                    return
            elif segment.startswith("status-"):
                self.answer(int(segment.removeprefix("status-")), b"")
                return
            elif segment == "reset":
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                return
            elif segment == "not-json":
                self.answer(200, b"<html>Log in to the hotel's network</html>")
                return
            elif segment.startswith("clock-"):
                self.ahead = int(segment.removeprefix("clock-"))
                if abs(self.now() - self.signed()) > VALIDITY:
                    self.refuse_as_expired(self.now())
                    return
            elif segment == "expired":
                self.refuse_as_expired(self.signed() + datetime.timedelta(hours=1))
                return
            elif segment.startswith("needs-"):
                name, value = segment.removeprefix("needs-").split("=")
                if json.loads(body).get("EncryptionContext", {}).get(name) != value:
                    self.refuse("AccessDeniedException", f"because its encryption context has not {name}={value}")
                    return
            elif segment[0].isupper():
                *only, error = segment.split("-")
                if only in ([], [operation]):
                    self.refuse(error, "because the test asked for it")
                    return
        request = json.loads(body)
        if operation in ("CreateKey", "CreateAlias"):
            self.answer(*self.forward(operation, request))
            return
        status, key = self.forward("DescribeKey", {"KeyId": request["KeyId"]})
        if status != 200:
            self.answer(status, key)
            return
        key = key["KeyMetadata"]
        if operation == "DescribeKey":
            # moto leaves out what is the default.
            key["KeyUsage"] = key["KeyUsage"] or "ENCRYPT_DECRYPT"
            if "other-key" in asked:
                key["Arn"] = OTHER_ARN
            self.answer(200, {"KeyMetadata": key})
            return
        # Of a disabled key, KMS still gives the public half.
        if key["KeyState"] in REFUSALS and not (operation == "GetPublicKey" and key["KeyState"] == "Disabled"):
            code, message = REFUSALS[key["KeyState"]]
            self.refuse(code, message.format(key["Arn"]))
            return
        symmetric = key["KeySpec"] == "SYMMETRIC_DEFAULT"
        if operation == "GetPublicKey" and symmetric:
            self.refuse("UnsupportedOperationException", f"{key['Arn']} is not valid for GetPublicKey.")
            return
        if operation in ("GenerateDataKey", "Decrypt") and not symmetric or (
            operation == "DeriveSharedSecret" and key["KeyUsage"] != "KEY_AGREEMENT"
        ):
            message = f"{key['Arn']} key usage is {key['KeyUsage']} which is not valid for {operation}."
            self.refuse("InvalidKeyUsageException", message)
            return
        if operation == "Decrypt":
            # Without it, moto decrypts under whatever key it was, as KMS could.
            del request["KeyId"]
        if operation == "DeriveSharedSecret":
            status, answer = 200, derive_shared_secret(key["Arn"], request)
        else:
            status, answer = self.forward(operation, request)
        if operation == "GetPublicKey":
            # moto gives the id, and the spec under its former name.
            answer |= {"KeyId": key["Arn"], "KeySpec": key["KeySpec"]}
            if "off-curve" in asked:
                point = bytearray(base64.b64decode(answer["PublicKey"]))
                point[-1] ^= 1
                answer["PublicKey"] = base64.b64encode(point).decode()
            if "other-public" in asked:
                other = {"KeyId": keys["p256-other"]}
                answer["PublicKey"] = self.forward("GetPublicKey", other)[1]["PublicKey"]
        if status == 200 and operation == "Decrypt" and answer["KeyId"] != key["Arn"]:
            self.refuse("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
            return
        if "other-key" in asked:
            answer["KeyId"] = OTHER_ARN
        if "short-key" in asked:
            answer["SharedSecret" if operation == "DeriveSharedSecret" else "Plaintext"] = base64.b64encode(bytes(16)).decode()
        if "hashed-secret" in asked:
            digest = hashes.Hash(hashes.SHA256())
            digest.update(base64.b64decode(answer["SharedSecret"]))
            answer["SharedSecret"] = base64.b64encode(digest.finalize()).decode()
        self.answer(status, answer)

    def region(self):
        """The region that the request is signed for."""
        return self.headers["Authorization"].split("/")[2]

    def signed(self):
        """When the request was signed."""
        return datetime.datetime.strptime(self.headers["X-Amz-Date"], TIME).replace(tzinfo=datetime.UTC)

    def now(self):
        return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=self.ahead)

    def refuse_as_expired(self, now):
        """In the words of KMS."""
        signed, earliest, now = (moment.strftime(TIME) for moment in (self.signed(), now - VALIDITY, now))
        message = f"Signature expired: {signed} is now earlier than {earliest} ({now} - 5 min.)"
        self.refuse("InvalidSignatureException", message)

    def date_time_string(self, timestamp=None):
        return super().date_time_string(time.time() + self.ahead)

    def forward(self, operation, request):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "content-length")}
        headers["X-Amz-Target"] = f"TrentService.{operation}"
        forwarded = urllib.request.Request(MOTO, json.dumps(request).encode(), headers)
        try:
            with urllib.request.urlopen(forwarded, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def refuse(self, code, message):
        self.answer(400, {"__type": code, "message": message})

    def answer(self, status, content):
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("x-amzn-RequestId", "11112222-3333-4444-5555-666677778888")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def black_hole():
    """An address that takes no connection and refuses none: its queue is full, and never served."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    address = listener.getsockname()
    queue = []
    while True:
        queue.append(socket.socket())
        queue[-1].settimeout(0.5)
        try:
            queue[-1].connect(address)
        except TimeoutError:
            return "http://%s:%d" % address, listener, queue


def client(region):
    return boto3.client("kms", region_name=region, endpoint_url=MOTO)


def private_key(arn):
    """The private half of an asymmetric key, which moto holds."""
    _, _, _, region, account, key = arn.split(":")
    return kms_backends[account][region].keys[key.removeprefix("key/")].private_key.private_key


def derive_shared_secret(arn, request):
    """What moto lacks: the x-coordinate, and nothing made of it."""
    assert request["KeyAgreementAlgorithm"] == "ECDH"
    peer = serialization.load_der_public_key(base64.b64decode(request["PublicKey"]))
    secret = private_key(arn).exchange(ec.ECDH(), peer)
    return {
        "KeyId": arn,
        "SharedSecret": base64.b64encode(secret).decode(),
        "KeyAgreementAlgorithm": "ECDH",
        "KeyOrigin": "AWS_KMS",
    }


def key_id(name):
    """What moto wants where KMS takes the ARN too."""
    return keys[name].split("/")[1]


def make_keys():
    """The keys that the tests use, by name; their aliases are the same with alias/ before it."""
    for name, region, multi_region in [
        ("backup", "eu-west-1", False),
        ("other", "eu-west-1", False),
        ("disabled", "eu-west-1", False),
        ("deleted", "eu-west-1", False),
        ("far", "us-east-1", False),
        ("multi", "eu-west-1", True),
    ]:
        kms = client(region)
        keys[name] = kms.create_key(MultiRegion=multi_region)["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=keys[name])
    for name, region, spec, usage in [
        ("p256", "eu-west-1", "ECC_NIST_P256", "KEY_AGREEMENT"),
        ("p256-other", "eu-west-1", "ECC_NIST_P256", "KEY_AGREEMENT"),
        ("p256-disabled", "eu-west-1", "ECC_NIST_P256", "KEY_AGREEMENT"),
        ("p256-far", "us-east-1", "ECC_NIST_P256", "KEY_AGREEMENT"),
        ("p256-signing", "eu-west-1", "ECC_NIST_P256", "SIGN_VERIFY"),
        ("p384", "eu-west-1", "ECC_NIST_P384", "KEY_AGREEMENT"),
        ("rsa", "eu-west-1", "RSA_2048", "ENCRYPT_DECRYPT"),
    ]:
        kms = client(region)
        keys[name] = kms.create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["Arn"]
        kms.create_alias(AliasName=f"alias/{name}", TargetKeyId=keys[name])
    client("eu-west-1").replicate_key(KeyId=key_id("multi"), ReplicaRegion="us-east-1")
    keys["replica"] = keys["multi"].replace("eu-west-1", "us-east-1")


def points():
    """The public halves of the P-256 keys, compressed, by name."""
    compressed = (serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    names = [name for name in keys if name.startswith("p256")]
    return {name: private_key(keys[name]).public_key().public_bytes(*compressed).hex() for name in names}


os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", MOTO_ACCOUNT_ID=ACCOUNT)
for name in ["AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CA_BUNDLE", "http_proxy", "HTTP_PROXY"]:
    os.environ.pop(name, None)
# moto's blobs have room for 36 characters of a key's id, and its multi-Region ids have 40.
utils = moto.kms.utils
utils.HEADER_LEN += 40 - utils.KEY_ID_LEN
utils.CIPHERTEXT_HEADER_FORMAT = utils.CIPHERTEXT_HEADER_FORMAT.replace("36s", "40s")
read_blob = utils._deserialize_ciphertext_blob
utils._deserialize_ciphertext_blob = lambda **blob: (
    read := read_blob(**blob))._replace(key_id=read.key_id.rstrip("\0"))
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
MOTO = "http://%s:%d" % server.get_host_and_port()
proxy = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
proxy.daemon_threads = True
threading.Thread(target=proxy.serve_forever, daemon=True).start()
make_keys()
hole, *held = black_hole()
addresses = {"s3": MOTO, "kms": f"http://127.0.0.1:{proxy.server_port}", "black_hole": hole}
print(json.dumps({**addresses, "keys": keys, "points": points()}), flush=True)
sys.stdin.read()
os._exit(0)
