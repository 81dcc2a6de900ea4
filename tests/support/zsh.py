"""Types a line and TAB into a zsh on a terminal of its own, and prints what it lists.

Usage: zsh.py BEGIN LINE; BEGIN is run first.
"""

import fcntl
import os
import pty
import re
import struct
import sys
import termios

begin, line = sys.argv[1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("zsh", ["zsh", "-f", "-i"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 200, 300, 0, 0))


def read_until(end):
    text = b""
    while end not in text:
        text += os.read(terminal, 65536)
    return text


# Words that are waited for are split, lest their echo be taken for them. At its prompt, zsh reads key by key.
os.write(terminal, f"unsetopt beep; LISTMAX=-1; {begin}; zstyle ':completion:*' insert-tab false; PS1=pro''mpt\n".encode())
read_until(b"prompt")
# What was completed is given up again.
os.write(terminal, line.encode() + b"\t\x15echo en''ded\n")
listed = read_until(b"ended\r\n").decode()
os.write(terminal, b"exit\n")
os.waitpid(pid, 0)
print(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r|\x07", " ", listed))
