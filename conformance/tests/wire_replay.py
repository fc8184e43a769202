"""A child that says what files hold, at once: FOLDER/hello, then FOLDER/answer or FOLDER/plain.

It imports little, so that a test can start it a hundred times; `plain` is for ungrouped problems.
"""

import sys


def receive():
    size = int.from_bytes(sys.stdin.buffer.read(8), "little")
    message = sys.stdin.buffer.read(size)
    if not message:
        sys.exit()
    return message


def say(name):
    with open(f"{sys.argv[1]}/{name}", "rb") as file:
        sys.stdout.buffer.write(file.read())
    sys.stdout.buffer.flush()


receive()
say("hello")
while True:
    say("answer" if b"groups=2" in receive() else "plain")
