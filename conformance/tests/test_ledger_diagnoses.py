"""Every entry of the ledger is diagnosed: what is named was read beside the entry's reason."""

import time
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from convformance import ledger
from convformance.diagnosis import CATALOGUE, Diagnosis, diagnose
from convformance.isolation import Limits
from convformance.ledger import Entry
from convformance.problem import Case
from convformance.processor import processor_features
from convformance.registry import parted
from convformance.verdict import Kind
from convformance.worker import Isolated
from convoracle import VARIANTS

TOLD: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("ledger_diagnoses.toml").read_text(encoding="utf-8")
)
DIAGNOSED = {str(one) for one in (Kind.VALUE, Kind.SHAPE, Kind.BOUND)}
SOUGHT = [one for one in ledger.load_all() if one.verdict in DIAGNOSED]
SECONDS = 60.0  # for one that must be named, on a processor that has time for it
COMPILED = 20.0  # the same, where a compiler makes each shape
SHORT = 4.0  # for one that must not be
LEAK = "leak"  # told by one NaN in one cell
UNSTEADY = "unsteady"  # told by asking again


PLAIN = (
    "torch", "tensorflow", "jax", "keras", "onnxruntime", "onnx", "scipy", "openvino", "opencv",
    "litert", "tract", "mlx", "ncnn",
)  # fmt: skip
MODULES = {  # of a backend that has another name, or needs another too
    "opencv": ("cv2", "onnx"),
    "litert": ("ai_edge_litert", "flatbuffers"),
    "tract": ("tract", "onnx"),
}
LIMITS = dict.fromkeys(
    ("opencv", "ncnn"), Limits(10, 10)
)  # some neighbours of its cases never come back
PATHS = sorted({f"{one.backend}[{path}]" for one in SOUGHT for path in one.variants if path})


@pytest.fixture(scope="module", params=[*PLAIN, *PATHS])
def backend(request: pytest.FixtureRequest) -> Iterator[Isolated]:
    framework = request.param.partition("[")[0]
    missing = [one for one in MODULES.get(framework, (framework,)) if find_spec(one) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tensorflow":
            # As they were read, also on a processor where TensorFlow would leave oneDNN off.
            patch.setenv("TF_ENABLE_ONEDNN_OPTS", "1")
        made = Isolated(request.param, LIMITS.get(framework))
        yield made
        made.close()


def told(found: Diagnosis) -> set[str]:
    """Return what a diagnosis names: faults, a leak, or that it hangs on chance."""
    names = {" + ".join(one.name for one in some) for some in found.faults}
    shown = {LEAK: found.leak, UNSTEADY: found.unsteady}
    return names | {name for name, one in shown.items() if one}


def problems_of(backend: Isolated, entry: Entry) -> str:
    """Return what is wrong with the diagnosis of the entry, or nothing."""
    wanted = TOLD.get(entry.id, TOLD.get(entry.like, []))
    must = {one for one in wanted if not one.endswith("?")}
    may = {one.rstrip("?") for one in wanted}
    named = COMPILED if backend.one_in > 1 else SECONDS
    until = time.monotonic() + (named if wanted else SHORT)
    found = diagnose(
        backend,
        Case.parse(entry.case),
        pairs=2500 if any(" + " in one for one in wanted) else 0,
        regions=bool(wanted),
        until=until,
    )
    if found is None:  # chance
        is_chance = UNSTEADY in may
        return "" if is_chance else f"{entry.id}: is not shown"
    got = told(found)
    may |= {LEAK, UNSTEADY}  # what was seen is no claim that can be wrong
    fits = got <= may and (must <= got or time.monotonic() >= until)
    return "" if fits else f"{entry.id}: says {sorted(got)}, where {wanted} was read"


def test_the_diagnosis_of_every_entry_is_the_one_that_was_read(backend: Isolated) -> None:
    entries = ledger.load(backend.name, backend.version)
    # What a flaky one answers hangs on memory that nobody wrote, and may look like anything; on a
    # processor where an entry need not occur its case may show another.
    features = processor_features()
    if backend.name == "tensorflow":
        features |= {"avx512_vnni"}  # as far as its choices go
    must = [one for one in entries if one.must_occur(one.backend, features)]
    sought = [one for one in must if one.verdict in DIAGNOSED]
    if parted(backend.name)[1]:  # what holds of the plain backend too need not occur here
        sought = [one for one in sought if one.variants]
    if backend.one_in > 1:  # a compiler makes each shape: left to the entry that it is like
        sought = [one for one in sought if not one.like]
    assert sought
    assert [text for one in sought if (text := problems_of(backend, one))] == []


def test_what_was_read_is_of_the_ledger_and_of_the_catalogue() -> None:
    names = {one.name for one in CATALOGUE} | {LEAK, UNSTEADY}
    assert set(TOLD) <= {one.id for one in SOUGHT}
    every = {one.rstrip("?") for some in TOLD.values() for one in some}
    choices = {one for one in every if " = " in one}
    assert {name for one in every - choices for name in one.split(" + ")} <= names
    assert {one.partition(" = ")[0] for one in choices} <= set(VARIANTS)
