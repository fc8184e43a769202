"""The wire protocol: a backend in any language, as a process that reads and writes safetensors.

docs/protocol.md describes it; `protocol.schema.json` beside this file is the metadata's schema.
"""

from __future__ import annotations

PROTOCOL = 1
PREFIX = "cmd:"  # of a backend's name that is a command


def is_command(name: str) -> bool:
    """Whether a backend's name is a command that speaks the protocol."""
    return name.startswith(PREFIX)
