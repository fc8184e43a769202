"""ncnn on the CPU: a problem is a network of one layer or two, loaded and run once."""

from __future__ import annotations

import importlib.metadata
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from convformance.backend import Array, Arrays, Result, Unsupported
from convformance.backends.ncnn_calls import Layer, text, written
from convformance.backends.source import nested
from convformance.problem import EXTRAS, Problem

# Ways to store and multiply float32 numbers as narrower ones, some of which are on by default.
NARROW = (
    "use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed",
    "use_bf16_storage", "use_int8_packed", "use_int8_storage", "use_int8_arithmetic",
    "use_int8_inference",
)  # fmt: skip
DYNAMIC = {"Convolution": 19, "Deconvolution": 28}  # the parameter dynamic_weight


class NcnnBackend:
    """Layers of ncnn on the CPU, in float32; the options that narrow its numbers are off."""

    name = "ncnn"
    knows: ClassVar[frozenset[str]] = frozenset({*EXTRAS, "padding"})
    accumulators = MappingProxyType({"float32": "float32"})
    variants: ClassVar[dict[str, dict[str, Any]]] = {
        "no_winograd": {"off": ("use_winograd_convolution",)},
        "no_sgemm": {"off": ("use_sgemm_convolution",)},
        "no_packing": {"off": ("use_packing_layout",)},
        "dynamic_weight": {"dynamic": True},
    }

    def __init__(self, *, off: tuple[str, ...] = (), dynamic: bool = False) -> None:
        import ncnn

        self.version = importlib.metadata.version("ncnn")
        self.libraries = {"ncnn": self.version, "numpy": np.__version__}
        self._ncnn: Any = ncnn
        self._options: dict[str, int] = dict.fromkeys((*NARROW, *off), False)
        self._off = off
        self._dynamic = dynamic

    @contextmanager
    def threads(self, n: int) -> Iterator[None]:
        """Have the networks of a `with` block use n threads."""
        before, self._options = self._options, self._options | {"num_threads": n}
        try:
            yield
        finally:
            self._options = before

    def run(self, problem: Problem, arrays: Arrays) -> Result:
        """Return the problem's answer; a status that is not 0 is a refusal."""
        layers = written(problem)
        blobs = self._blobs(layers)
        given = seen(problem, arrays, dynamic=self._dynamic)
        net = self._ncnn.Net()
        for name, value in self._options.items():
            setattr(net.opt, name, value)
        if self._dynamic:
            layers = (as_dynamic(layers[0]),)
        _check("load_param_mem", net.load_param_mem(text(layers, blobs)))
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(model(() if self._dynamic else layers, given))
            file.flush()
            _check("load_model", net.load_model(file.name))
        # An extractor reads blobs that are made of arrays where these lie, as long as it runs.
        extractor = net.create_extractor()
        index = {} if problem.unbatched else {"batch_index": 0}
        x = self._ncnn.Mat(given["x"], **index)
        _check("input", extractor.input("x", x))
        for name in blobs:
            _check("input", extractor.input(name, self._ncnn.Mat(given[name])))
        status, y = extractor.extract("y")
        _check("extract", status)
        found = np.array(y.numpy(**index))
        return Result({"y": laid_out(problem, found)}, self._how(), len(layers) > 1)

    def _blobs(self, layers: tuple[Layer, ...]) -> tuple[str, ...]:
        """Return the names of the weights that are given as blobs."""
        if not self._dynamic:
            return ()
        (layer,) = layers if len(layers) == 1 else (None,)
        if layer is None or not layer.weights or layer.kind.endswith("3D"):
            raise Unsupported("dynamic_weight is a parameter of one convolution of 1 or 2 axes")
        return layer.weights

    def _how(self) -> str:
        said = ["CPU, float32", *(f"{name} off" for name in self._off)]
        return "; ".join([*said, *["dynamic_weight"] * self._dynamic])

    def script(self, problem: Problem, arrays: Arrays) -> str:
        """Return a program that makes the same arrays and repeats the call of `run`."""
        layers = written(problem)
        blobs = self._blobs(layers)
        given = seen(problem, arrays, dynamic=self._dynamic)
        if self._dynamic:
            layers = (as_dynamic(layers[0]),)
        index = "" if problem.unbatched else ", batch_index=0"
        values = [
            f"{name} = np.array({nested(one)}, np.float32).reshape({one.shape})"
            for name, one in given.items()
        ]
        loaded = [] if self._dynamic else [name for one in layers for name in one.weights]
        head = ["from math import inf, nan"] * any("inf" in one or "nan" in one for one in values)
        body = [
            "import ncnn",
            "import numpy as np",
            "",
            *values,
            "net = ncnn.Net()",
            *(f"net.opt.{name} = {value!r}" for name, value in self._options.items()),
            f'print(net.load_param_mem("""{text(layers, blobs)}"""))',
            'with open("script.bin", "wb") as file:',
            *(f"    file.write({_bytes(name)})" for name in loaded),
            *["    pass"] * (not loaded),
            'print(net.load_model("script.bin"))',
            "extractor = net.create_extractor()",
            f"blobs = [ncnn.Mat(x{index}), {', '.join(f'ncnn.Mat({name})' for name in blobs)}]",
            f"for name, blob in zip({['x', *blobs]}, blobs):",
            "    print(extractor.input(name, blob))",
            'status, y = extractor.extract("y")',
            f"print(status, y.numpy({index[2:]}).tolist())",
        ]
        return "\n".join([*head, *body]) + "\n"


def seen(problem: Problem, arrays: Arrays, *, dynamic: bool) -> dict[str, Array]:
    """Return the arrays in ncnn's shapes; loaded weights of a Deconvolution have outputs first."""
    if any(not one.dtype.isnative for one in arrays.values()):  # read as if they were
        raise Unsupported("blobs are in the machine's byte order")
    given = dict(arrays)
    ones = (1,) * problem.rank
    if problem.op == "conv1x1":
        given["w"] = given["w"].reshape(*given["w"].shape, *ones)
    if problem.op == "depthwise_conv":
        C, multiplier, *kernel = given["w"].shape
        given["w"] = given["w"].reshape(C * multiplier, 1, *kernel)
    if problem.op == "conv_transpose" and not dynamic:
        C, M, *kernel = given["w"].shape
        grouped = given["w"].reshape(problem.groups, C // problem.groups, M, *kernel)
        given["w"] = grouped.swapaxes(1, 2)
    return given


def as_dynamic(layer: Layer) -> Layer:
    """Return the layer with its weights as blobs."""
    key = DYNAMIC[layer.kind.removesuffix("1D").removesuffix("DepthWise")]
    return Layer(layer.kind, layer.numbers | {key: 1}, layer.weights)


def model(layers: tuple[Layer, ...], given: Arrays) -> bytes:
    """Return the weights as a file of ncnn's has them: a bias is numbers, others have a tag."""
    return b"".join(
        (b"" if name == "bias" else struct.pack("<I", 0)) + given[name].astype("<f4").tobytes()
        for one in layers
        for name in one.weights
    )


def laid_out(problem: Problem, y: Array) -> Array:
    """Return the answer with its spatial axes, which a global pool drops."""
    if problem.op in ("global_max_pool", "global_avg_pool"):
        return y.reshape(*y.shape, *(1,) * problem.rank)
    return y


def _bytes(name: str) -> str:
    tag = "" if name == "bias" else "bytes(4) + "
    return f"{tag}{name}.tobytes()"


def _check(call: str, status: int) -> None:
    if status:
        raise RuntimeError(f"{call} gives the status {status}")
