"""Fills the corpora that fuzzing starts from, FOLDER/TARGET/, out of age's test vectors in the published `age` crate.

Usage: seeds.py FOLDER
"""

import json
import os
import subprocess
import sys
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
KMS_STANZA = b"""\
-> envpipe/aws-kms arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab \
oKGio6SlpqeoqaqrrK2urw app=backup team=db%20ops
JDIyOp5rq9Ou3sBSPwfQZjPUZRLnmM+CsQ64OcKocFcAAQIDBAUGBwgJCgsMDQ4P
EBES
"""
P256TAG_STANZA = b"""\
-> p256tag J0YzSw BHeMzLJQiSUX5FsGOQESNdVwvqPsZy2R/LHHH/SJZxWlJep1/oCC8I7XX3AMThg66GjG9r+1UD/DUGsSxNoW/bg
5N05uPcAraPD82WVP9OYI0b3TzulfSY8gwFLXb4U+po
"""
RECIPIENTS = b"""\
# of each kind
age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj
age1tag1qwe0kafsjrar4txm6heqnhpfuggzr0gvznz7fvygxrlq90u5mq2pysxtw6h
"""
LONGEST = 256 * 1024  # more is slow, and shows nothing new
# The known answers of envpipe(5).
PLUGIN_RECIPIENT = b"age1envpipe1q9shym36v9mhxwntd4en5et494mk2um595cn5vf3xycnyv3jxgenxven8f4k27f0xyerxdrpvf3kgtf3xfskytfnx33kgtf4xejkvtf3xgengdfkxuurjvrpvgsxzurs843xzcmtw4czqar9v9kn6erzy5erqmmswvvmz80m\n"
PLUGIN_IDENTITY = b"AGE-PLUGIN-ENVPIPE-1Q9SHYM36V9MHXWNTD4EN5ET494MK2UM595CN5VF3XYCNYV3JXGENXVEN8F4K27F0XYERXDRPVF3KGTF3XFSKYTFNX33KGTF4XEJKVTF3XGENGDFKXUURJVRPVGP80AGS\n"
COMMAND_LINES = [
    "\nseal\n-k\nalias/backup\n-c\ndb=main\n-o\nmain.age\n--\npg_dump\nmain",
    "alias/a alias/b\nopen\n-i\nkey\n--context\ndb=main\n-omain.dump\nmain.age",
    "any\nseal\n-ak\narn:aws:kms:eu-west-1:111122223333:alias/a\n-kalias/b\n--min-keys=1\n-j\n2\n-r\nage1x\n-R\nfile",
    "\nkeygen\n--output=key",
    "alias/a\nrecipient\n-kalias/b\n--key=alias/c",
    "\nhelp\nopen",
]


def vectors():
    """Name, fields and file of every vector."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", f"--manifest-path={HERE}/../Cargo.toml"]
    packages = json.loads(subprocess.check_output(command))["packages"]
    manifest = next(package["manifest_path"] for package in packages if package["name"] == "age")
    folder = os.path.join(os.path.dirname(manifest), "tests/testdata/testkit")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            head, _, body = file.read().partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        yield name, fields, zlib.decompress(body) if "compressed" in fields else body


def main():
    def seed(target, name, content):
        os.makedirs(os.path.join(sys.argv[1], target), exist_ok=True)
        with open(os.path.join(sys.argv[1], target, name), "wb") as file:
            file.write(content)

    identities = set()
    for name, fields, file in vectors():
        if "identity" in fields:
            identities.add(fields["identity"])
        if len(file) > LONGEST:
            continue
        # How it arrives is the first byte: here, whole, and to one worker.
        seed("open", name, b"\0" + file)
        if fields.get("armored") == "yes":
            seed("armor", name, b"\x10" + file)
        elif b"\n---" in file:
            mac = file.index(b"\n---") + 1
            header = file[: file.index(b"\n", mac) + 1] if b"\n" in file[mac:] else file
            seed("header", name, header)
            seed("stanza", name, header[header.index(b"\n") + 1 : mac])
    seed("stanza", "aws-kms", KMS_STANZA)
    seed("stanza", "p256tag", P256TAG_STANZA)
    seed("keys", "recipients", RECIPIENTS)
    seed("keys", "plugin-recipient", PLUGIN_RECIPIENT)
    seed("keys", "plugin-identity", PLUGIN_IDENTITY)
    for i, identity in enumerate(sorted(identities)):
        seed("keys", f"identity-{i}", f"# comment\r\n\n{identity}\n".encode())
    for i, line in enumerate(COMMAND_LINES):
        seed("command_line", str(i), line.encode())


main()
