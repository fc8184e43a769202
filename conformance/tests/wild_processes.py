"""Backends whose process goes wrong: it ends, loops, grows, breeds, or closes what it was given.

Each does so on a grouped convolution, and is right otherwise.
"""

import ctypes
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from wild_backends import Tame

CHILDREN = 20
GROWTH = 400  # MiB


class Wild(Tame):
    """Goes wrong on a grouped convolution."""

    name = "wild"

    def run(self, problem, arrays):
        if problem.groups > 1:
            self.go_wrong()
        return super().run(problem, arrays)


class Segfaulting(Wild):
    """Reads at address 0."""

    def go_wrong(self):
        ctypes.string_at(0)


class Leaving(Wild):
    """Ends its process without unwinding it."""

    def go_wrong(self):
        os._exit(7)


class Looping(Wild):
    """Computes for ever."""

    def go_wrong(self):
        while True:
            pass


class Growing(Wild):
    """Takes more memory and keeps it, without an end of the call."""

    def go_wrong(self):
        self.kept = np.ones(GROWTH * 2**20, np.uint8)
        time.sleep(3600)


class Swelling(Wild):
    """Takes more memory in the midst of a call that answers at once."""

    def go_wrong(self):
        np.ones(GROWTH * 2**20, np.uint8).sum()


class Feeding(Wild):
    """Has a child of its own take the memory."""

    def go_wrong(self):
        text = f"import time; kept = b'1' * {GROWTH * 2**20}; time.sleep(3600)"
        subprocess.run([sys.executable, "-c", text], check=True)


class Breeding(Wild):
    """Leaves processes behind, writes down their ids in the file named by BRED, and answers."""

    def go_wrong(self):
        bred = [subprocess.Popen(["sleep", "3600"]).pid for _ in range(CHILDREN)]
        Path(os.environ["BRED"]).write_text(" ".join(map(str, bred)))


class Orphaning(Wild):
    """Ends while a fork of its own holds all that it was given."""

    def go_wrong(self):
        bred = os.fork()
        if bred == 0:
            time.sleep(3600)
        Path(os.environ["BRED"]).write_text(str(bred))
        os._exit(0)


class ClosingOutput(Wild):
    """Closes standard output, then its descriptor."""

    def go_wrong(self):
        sys.stdout.close()
        os.close(1)


class ClosingAll(Wild):
    """Closes all that it has but the standard streams, and goes on."""

    def go_wrong(self):
        os.closerange(3, 64)
        time.sleep(3600)


class Noisy(Wild):
    """Writes more to standard output than a disk should hold, none of it text, and dies."""

    def go_wrong(self):
        noise = bytes(range(256)) * 4096
        for _ in range(8):
            os.write(1, noise)
        os.abort()


class Chattering(Tame):
    """Writes binary noise to standard output at every call."""

    def run(self, problem, arrays):
        os.write(1, b"\0\xff\xfe\x80" * 2**18)
        return super().run(problem, arrays)


class Doomed(Tame):
    """Dies of every call."""

    name = "doomed"

    def run(self, problem, arrays):
        os.abort()


class Changing(Tame):
    """Overwrites its answer a moment after it gave it."""

    def run(self, problem, arrays):
        y = super().run(problem, arrays).arrays["y"].copy()
        threading.Timer(0.05, y.fill, [77]).start()
        return y


class Sleeping(Tame):
    """Sleeps long over the smallest problem there is, so that nothing smaller is sought."""

    name = "sleeping"

    def run(self, problem, arrays):
        if arrays["x"].size == 1:
            time.sleep(3600)
        return super().run(problem, arrays)
