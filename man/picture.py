"""Draws man/pipeline.svg: README's main pipeline, as a terminal shows it, run for real against the emulators of the tests.

Usage: picture.py ENVPIPE; with the Python environment of the tests, and rich beside it.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

COMMANDS = """
tar c src | envpipe seal -k alias/backup -c app=demo | aws s3 cp - s3://bucket/src.tar.age
aws s3 cp s3://bucket/src.tar.age - | envpipe inspect
aws s3 cp s3://bucket/src.tar.age - | envpipe open -k alias/backup | tar t | tail -3
aws s3 cp s3://bucket/src.tar.age - 2> /dev/null | head -c 100000 | envpipe open -k alias/backup | wc -c
""".strip().splitlines()

here = os.path.dirname(os.path.abspath(__file__))
root = os.path.dirname(here)
emulator = subprocess.Popen(
    [sys.executable, os.path.join(root, "tests/support/emulator.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
)
addresses = json.loads(emulator.stdout.readline())
with tempfile.TemporaryDirectory() as bin:
    os.symlink(os.path.abspath(sys.argv[1]), os.path.join(bin, "envpipe"))
    environment = {
        "PATH": ":".join([bin, os.path.dirname(sys.executable), os.environ["PATH"]]),
        "AWS_ENDPOINT_URL": addresses["s3"],
        "AWS_ENDPOINT_URL_KMS": addresses["kms"],
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }

    def run(command):
        shell = subprocess.run(
            ["bash", "-c", command], cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return shell.stdout

    run("aws s3 mb s3://bucket")
    console = Console(record=True, width=112, file=open(os.devnull, "w"), color_system="truecolor")
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")), soft_wrap=True)
        if printed := run(command).rstrip():
            console.print(Text(printed), soft_wrap=True)
emulator.stdin.close()
emulator.wait()
# A picture that loads no fonts from elsewhere.
template = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
console.save_svg(os.path.join(here, "pipeline.svg"), title="envpipe", code_format=template)
