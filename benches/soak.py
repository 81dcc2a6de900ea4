"""Sends a long stream through `envpipe seal | envpipe open`: it must come back as it was, and memory must stay flat.

Usage: soak.py ENVPIPE SIZE

SIZE is in bytes, or with K, M, G or T behind it in powers of 1024. The stream is not kept: it is hashed on its way in and on
its way out. Memory is the most that each process ever had (VmHWM, so Linux only), as seen by the end of the stream.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time

MOST_MEMORY = 16 * 1024  # KiB
MOST_GROWTH = 1024  # KiB, from EARLY on
EARLY = 1 << 28  # bytes, after which every buffer has been used
PIECE = 1 << 20


def pieces(size):
    """Random bytes at another offset each time, so that no two pieces, nor two chunks, are alike."""
    block = memoryview(os.urandom(1 << 24))
    offset = 0
    while size > 0:
        yield block[offset : offset + min(PIECE, size)]
        size -= PIECE
        offset = (offset + 999_983) % (len(block) - PIECE)


def peak(process):
    """In KiB."""
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


def main():
    envpipe, size = os.path.abspath(sys.argv[1]), sys.argv[2].upper()
    power = "KMGT".find(size[-1]) + 1
    size = int(size.rstrip("KMGT")) << 10 * power

    with tempfile.TemporaryDirectory() as folder:
        key = os.path.join(folder, "key")
        subprocess.run([envpipe, "keygen", "-o", key], check=True, capture_output=True)
        start = time.perf_counter()
        seal = subprocess.Popen([envpipe, "seal", "-i", key], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        opened = subprocess.Popen([envpipe, "open", "-i", key], stdin=seal.stdout, stdout=subprocess.PIPE)
        seal.stdout.close()

        came_back = hashlib.sha256()

        def receive():
            buffer = bytearray(PIECE)
            while count := opened.stdout.readinto(buffer):
                came_back.update(memoryview(buffer)[:count])

        receiver = threading.Thread(target=receive)
        receiver.start()
        sent, done, early = hashlib.sha256(), 0, None
        for piece in pieces(size):
            sent.update(piece)
            seal.stdin.write(piece)
            done += len(piece)
            if early is None and done >= EARLY:
                early = [peak(seal), peak(opened)]
        late = [peak(seal), peak(opened)]
        seal.stdin.close()
        receiver.join()
        if seal.wait() or opened.wait():
            sys.exit(f"soak.py: seal ended with {seal.returncode}, open with {opened.returncode}")
        seconds = time.perf_counter() - start

    print(f"{size} bytes in {seconds:.0f} s ({size / seconds / 1e9:.2f} GB/s); SHA-256 {sent.hexdigest()}")
    print(f"peak memory of seal and open: {late} KiB; after the first {EARLY} bytes: {early}")
    if came_back.digest() != sent.digest():
        sys.exit("soak.py: the stream came back otherwise")
    growth = max(after - before for after, before in zip(late, early or late))
    if max(late) > MOST_MEMORY or growth > MOST_GROWTH:
        sys.exit(f"soak.py: memory is not flat, or more than {MOST_MEMORY} KiB")


main()
