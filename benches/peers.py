"""Measures envpipe against its peers, whichever are installed: age, rage, openssl enc, gpg, and plain copies.

Usage: peers.py ENVPIPE [MEBIBYTES [RUNS]]

Every command runs in turn with every other, on the same input, one round uncounted; a cell is the median. Wall seconds are
measured around the shell that runs the command; CPU seconds and peak memory are those of the command, by /usr/bin/time.
The keys are local (an age identity, a passphrase file): KMS costs one round trip whatever the length.
"""

import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

COPY = """
import fcntl, os
for fd in (0, 1):
    try:
        fcntl.fcntl(fd, 1031, 1 << 20)  # F_SETPIPE_SZ
    except OSError:
        pass
buffer = bytearray(1 << 20)
view = memoryview(buffer)
while count := os.readv(0, [buffer]):
    written = 0
    while written < count:
        written += os.write(1, view[written:count])
"""


def peers(envpipe, recipient):
    """For each peer: its format, and how it seals and opens standard input, with the keys in the current folder."""
    gpg = "gpg --homedir gpg-home --batch -q --pinentry-mode loopback --passphrase-file passphrase"
    everyone = {
        "envpipe": ("age", f"{envpipe} seal -i key", f"{envpipe} open -i key"),
        "envpipe -j 1": ("age", f"{envpipe} seal -j 1 -i key", f"{envpipe} open -j 1 -i key"),
        "age": ("age", f"age -r {recipient}", "age -d -i key"),
        "rage": ("age", f"rage -r {recipient}", "rage -d -i key"),
        "openssl enc -aes-256-ctr (no integrity)": (
            "openssl",
            "openssl enc -aes-256-ctr -pbkdf2 -pass file:passphrase",
            "openssl enc -d -aes-256-ctr -pbkdf2 -pass file:passphrase",
        ),
        "gpg --symmetric -z 0": ("gpg", f"{gpg} --cipher-algo AES256 -z 0 -c", f"{gpg} -d"),
    }
    return {name: peer for name, peer in everyone.items() if shutil.which(peer[1].split()[0])}


def measure(commands, runs):
    """For each name: medians of wall seconds, CPU seconds, KiB, and of the wall ratio to the first."""
    results = {name: [] for name in commands}
    for run in range(runs + 1):
        for name, command in commands.items():
            # What the one before left to be written to disk is not this one's to pay for.
            os.sync()
            start = time.perf_counter()
            subprocess.run(["bash", "-o", "pipefail", "-c", command], check=True)
            wall = time.perf_counter() - start
            with open("usage") as file:
                user, system, kibibytes = map(float, file.read().split()[-3:])
            if run:
                results[name].append((wall, user + system, kibibytes))
    first = next(iter(results.values()))
    medians = {}
    for name, rows in results.items():
        ratio = statistics.median(row[0] / base[0] for row, base in zip(rows, first))
        medians[name] = [statistics.median(column) for column in zip(*rows)] + [ratio]
    return medians


def table(title, commands, mebibytes, runs):
    print(f"\n### {title}\n\n| | GB/s | time against envpipe | CPU s/GB | peak MiB |\n|---|---|---|---|---|")
    gigabytes = mebibytes * 1.048576e-3
    for name, (wall, cpu, kibibytes, ratio) in measure(commands, runs).items():
        print(f"| {name} | {gigabytes / wall:.2f} | {ratio:.2f} | {cpu / gigabytes:.2f} | {kibibytes / 1024:.0f} |")
    sys.stdout.flush()


def main():
    if not os.path.exists("/usr/bin/time"):
        sys.exit("peers.py: /usr/bin/time is missing (Debian's package time)")
    envpipe = os.path.abspath(sys.argv[1])
    mebibytes = int(sys.argv[2]) if len(sys.argv) > 2 else 2048
    runs = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        generated = subprocess.run([envpipe, "keygen", "-o", "key"], check=True, capture_output=True, text=True)
        everyone = peers(envpipe, generated.stderr.split()[-1])
        os.mkdir("gpg-home", 0o700)
        with open("passphrase", "w") as file:
            file.write("correct horse battery staple\n")
        with open("copy.py", "w") as file:
            file.write(COPY)
        subprocess.run(f"head -c {mebibytes}M /dev/urandom > plain", shell=True, check=True)
        processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "")
        print(f"{mebibytes} MiB of random bytes, medians of {runs} runs in turn; {os.cpu_count()} cores, "
              f"{processor or platform.processor()}, {platform.system()} {platform.release().split('-')[0]}.")

        timed = "/usr/bin/time -o usage -f '%U %S %M'"
        # Written over in place: making and removing files of gigabytes measures the system's memory, and by chance.
        shutil.copy("plain", "out")
        # One sealed file a format, so that all of them stay in memory.
        for file_format, seal in {peer[0]: peer[1] for peer in everyone.values()}.items():
            subprocess.run(f"{seal} < plain > {file_format}", shell=True, check=True)
        for direction, index in [("seal", 1), ("open", 2)]:
            null, file, pipe = {}, {}, {}
            for name, peer in everyone.items():
                source = "plain" if direction == "seal" else peer[0]
                null[name] = f"{timed} {peer[index]} < {source} > /dev/null"
                file[name] = f"{timed} {peer[index]} < {source} 1<> out"
                pipe[name] = f"cat {source} | {timed} {peer[index]} | cat > /dev/null"
            pipe["cat"] = f"cat plain | {timed} cat | cat > /dev/null"
            pipe["a plain copy, pipes of 1 MiB"] = f"cat plain | {timed} python3 copy.py | cat > /dev/null"
            table(f"{direction}, file to /dev/null", null, mebibytes, runs)
            table(f"{direction}, pipe to pipe", pipe, mebibytes, runs)
            table(f"{direction}, file to file", file, mebibytes, runs)


main()
