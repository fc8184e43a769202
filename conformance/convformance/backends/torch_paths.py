"""Other paths through PyTorch: the same call in another memory format, context or compiler.

What a path has nothing to say about is unsupported there, for plain torch is asked of it.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import replace

from convformance.backend import Unsupported
from convformance.backends.torch_calls import Call
from convformance.problem import Problem

FORMATS = {4: "channels_last", 5: "channels_last_3d"}
AUTOCAST = ("conv", "conv1x1", "conv_transpose", "depthwise_conv", "separable_conv")
# A compiler takes seconds for a shape: it is asked one problem in as many.
ONE_IN = {"compile": 96, "export": 12}


def channels_last(problem: Problem, call: Call) -> Call:
    """Have every array of four or five axes in the memory format with channels innermost."""
    if problem.layout == "channels_last" or problem.unbatched:
        raise Unsupported("the memory format is of arrays with a batch and channels second")
    if problem.op == "fold":
        raise Unsupported("the columns of a fold have no memory format")
    if problem.rank not in (2, 3):
        raise Unsupported("a memory format with channels last has 2 or 3 spatial axes")
    names = ["x", *["w"] * _has_full_weight(problem), *["dy"] * bool(problem.grad)]
    if problem.op == "max_unpool":
        names.append("indices")
    kind = FORMATS[problem.rank + 2]
    lines = "".join(f"{name} = {name}.contiguous(memory_format=torch.{kind})\n" for name in names)
    return _noted(call, lines + call.source, f"memory format torch.{kind}")


def no_onednn(problem: Problem, call: Call) -> Call:
    """Have none of oneDNN's kernels."""
    return _within("torch.backends.mkldnn.flags(enabled=False)", call, "oneDNN off")


def one_thread(problem: Problem, call: Call) -> Call:
    """Have one thread, from now on in the whole process."""
    return _noted(call, f"torch.set_num_threads(1)\n{call.source}", "one thread")


def autocast(problem: Problem, call: Call) -> Call:
    """Give float32 arrays to a convolution that autocast makes one in bfloat16."""
    if problem.dtype != "bfloat16" or problem.op not in AUTOCAST or problem.grad:
        raise Unsupported("autocast is asked of forward convolutions in bfloat16 alone")
    names = ["x", "w", *["pointwise"] * (problem.op == "separable_conv"), *["bias"] * problem.bias]
    wide = "".join(f"{name} = {name}.float()\n" for name in names)
    cast = _within('torch.autocast("cpu", torch.bfloat16)', call, "autocast from float32")
    return replace(cast, source=wide + cast.source)


def compiled(problem: Problem, call: Call) -> Call:
    """Have torch.compile make the forward call, once for each shape."""
    return _called("compile", problem, call, "torch.compile(call, dynamic=False)")


def exported(problem: Problem, call: Call) -> Call:
    """Have torch.export trace the call, and run the traced program."""
    made = "torch.export.export(Called(), ({arguments})).module()"
    return _called("export", problem, call, made)


Path = Callable[[Problem, Call], Call]
PATHS: Mapping[str, Path] = {
    "channels_last": channels_last,
    "no_onednn": no_onednn,
    "one_thread": one_thread,
    "autocast": autocast,
    "compile": compiled,
    "export": exported,
}


def _has_full_weight(problem: Problem) -> bool:
    return len(problem.w) == problem.rank + 2


def _noted(call: Call, source: str, note: str) -> Call:
    return replace(call, source=source, note=f"{note}; {call.note}" if call.note else note)


def _within(context: str, call: Call, note: str) -> Call:
    body = textwrap.indent(call.source, "    ")
    return _noted(call, f"with {context}:\n{body}", note)


def _called(path: str, problem: Problem, call: Call, made: str) -> Call:
    """Put the call into a function of its arrays, which is made into `run` and called."""
    if problem.grad:
        raise Unsupported(f"torch.{path} is asked of forward calls alone")
    names = [name for name in ("x", "w", "pointwise", "bias", "indices") if _takes(problem, name)]
    arguments = ", ".join(names)
    answers = ", ".join(problem.answers)
    body = textwrap.indent(f"{call.source}return {answers}\n", "    ")
    lines = f"def call({arguments}):\n{body}"
    if path == "export":
        lines += (
            "class Called(torch.nn.Module):\n"
            f"    def forward(self, {arguments}):\n"
            f"        return call({arguments})\n"
        )
    given = made.format(arguments=f"{arguments},")
    source = f"{lines}run = {given}\n{answers} = run({arguments})\n"
    return _noted(call, source, f"torch.{path}")


def _takes(problem: Problem, name: str) -> bool:
    return {
        "x": True,
        "w": bool(problem.w),
        "pointwise": problem.op == "separable_conv",
        "bias": problem.bias,
        "indices": problem.op == "max_unpool",
    }[name]
