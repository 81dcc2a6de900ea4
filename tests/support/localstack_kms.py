"""LocalStack's KMS for the tests, which derives shared secrets.

Usage: localstack_kms.py FOLDER, with an environment that has nothing of LocalStack's in it; FOLDER is for its files. Prints one
line of JSON when it is ready, and ends when its standard input does, so it never outlives the tests.
"""

import json
import os
import socket
import sys
import threading

with socket.create_server(("127.0.0.1", 0)) as listener:
    address = "%s:%d" % listener.getsockname()
os.environ |= {
    "SERVICES": "kms",
    "GATEWAY_LISTEN": address,
    # The other server listens on every interface.
    "GATEWAY_SERVER": "hypercorn",
    "DNS_ADDRESS": "0",
    "DISABLE_EVENTS": "1",
    "LS_LOG": "warning",
    "SKIP_SSL_CERT_DOWNLOAD": "1",
    # In a container, it would write to the system's folders.
    "OVERRIDE_IN_DOCKER": "0",
    "FILESYSTEM_ROOT": sys.argv[1],
    "HOME": sys.argv[1],
}

from localstack.runtime import events, main  # it reads the environment


def serve():
    events.infra_ready.wait()
    print(json.dumps({"kms": f"http://{address}"}), file=to_tests, flush=True)
    sys.stdin.read()
    os._exit(0)


# What LocalStack prints is for whoever reads the tests' output.
to_tests, sys.stdout = sys.stdout, sys.stderr
threading.Thread(target=serve, daemon=True).start()
main.main()
