"""Every liar: their modules, imported, register them in the order in which documents list them."""

from importlib import import_module

from liars import LIARS, table

for name in (
    "windows",
    "convolution",
    "pools",
    "numbers",
    "answers",
    "data",
    "ops",
    "modes",
    "padding",
    "forms",
    "elements",
    "gradients",
    "handed",
    "odd",
):
    import_module(f"liars_{name}")

__all__ = ["LIARS", "table"]
