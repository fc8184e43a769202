"""The ledger: what ships is whole, an entry matches what it tells of and nothing else."""

import json

import pytest
from packaging.specifiers import SpecifierSet

from convformance.judge import NEEDLESS_NAN
from convformance.laws import LAWS
from convformance.ledger import FACTS, KINDS, Entry, LedgerError, load, load_all, read
from convformance.problem import Case, Problem
from convformance.registry import names, variants_of
from convformance.verdict import FINE, Kind, Verdict
from convoracle import CLAUSES

SHIPPED = load_all()
VALUES = {
    "id": "torch-conv-one",
    "backend": "torch",
    "versions": ">=2.4,<3",
    "op": "conv",
    "clause": "conv.groups",
    "verdict": "refuses a valid problem",
    "kind": "limitation",
    "reason": "It cannot.",
    "case": "conv x=1x2x5 w=2x1x2 groups=2 float32 fill=integers#0",
}
PROBLEM = Case.parse(VALUES["case"]).problem
VERDICT = Verdict(Kind.REFUSES, "conv.groups", "RuntimeError: groups of 2 are not supported")


def toml(**values):
    """Return one entry as TOML; None leaves a line out."""
    lines = {**VALUES, **values}.items()
    return "[[entry]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in lines if v is not None)


def entry(**values):
    (found,) = read([("torch.toml", toml(**values))])
    return found


# What ships.


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_shipped_entry_speaks_of_a_registered_backend_in_its_closed_words(one):
    assert one.backend in names()
    paths = {f"{one.backend}[{variant}]" for variant in one.variants if variant}
    assert paths <= {*variants_of(one.backend)}
    assert one.kind in KINDS
    assert one.verdict in set(Kind) - FINE
    assert one.clause in CLAUSES
    assert set(one.when) <= set(FACTS)
    assert SpecifierSet(one.versions)


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_shipped_entry_speaks_of_its_own_case(one):
    """The rest of a match, the verdict, needs the framework."""
    case = Case.parse(one.case)
    assert case.line == one.case
    assert one.matches(case.problem, Verdict(Kind(one.verdict), one.clause)) or one.message
    assert not one.dtypes or case.problem.dtype in one.dtypes
    assert all(FACTS[fact](case.problem) for fact in one.when)
    assert one.clause not in LAWS or LAWS[one.clause].speaks_of(case.problem)


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_shipped_entry_gives_its_reason_and_an_address_that_is_one(one):
    assert one.reason.endswith(".")
    assert not one.link or one.link.startswith("https://")


@pytest.mark.parametrize("one", SHIPPED, ids=lambda one: one.id)
def test_a_shipped_refusal_is_pinned_by_its_message(one):
    """A clause alone would also hide a refusal for another reason."""
    assert one.message or one.verdict not in (Kind.REFUSES, Kind.CRASHED)


LEAKS = [one for one in SHIPPED if "leak" in one.id]


@pytest.mark.parametrize("one", LEAKS, ids=lambda one: one.id)
def test_an_entry_of_a_leak_covers_nothing_but_nan_where_none_is_due(one):
    """Else it would hide a wrong number under the same op and dtype."""
    problem = Case.parse(one.case).problem
    text = "3 of 5 compared elements differ"
    assert not one.matches(problem, Verdict(Kind.VALUE, one.clause, text))
    assert one.matches(problem, Verdict(Kind.VALUE, one.clause, text + NEEDLESS_NAN))


# Matching.


@pytest.mark.parametrize(
    ("version", "covered"),
    [
        ("2.4", True),
        ("2.13.0+cpu", True),
        ("2.14.0.dev20260101", True),
        ("2.3.1", False),
        ("3.0", False),
        ("unknown", False),
        ("", False),
    ],
)
def test_an_entry_covers_the_releases_of_its_specifier(version, covered):
    assert entry().covers("torch", version) is covered


def test_an_entry_covers_no_other_backend():
    assert not entry().covers("jax", "2.4")


def test_load_gives_the_entries_of_a_backend_in_its_release():
    found = [one for name in names() for one in load(name, "0")]
    assert all(one.covers(one.backend, "0") for one in found)
    assert load("no such backend", "1.0") == ()


@pytest.mark.parametrize(
    ("values", "matched"),
    [
        ({}, True),
        ({"op": "max_pool", "case": "max_pool x=1x1x5 kernel=2 float32 fill=integers#0"}, False),
        ({"clause": "conv.bias"}, False),
        ({"clause": "conv.bias", "also": ["conv.groups"]}, True),
        ({"verdict": "differs in value"}, False),
        ({"message": "not supported"}, True),
        ({"message": r"groups of \d are"}, True),
        ({"message": "not supported", "clause": "backend.refusal"}, True),
        ({"message": "bias"}, False),
        ({"dtypes": ["float32", "int8"]}, True),
        ({"dtypes": ["int8"]}, False),
        ({"when": ["grouped", "rank 1"]}, True),
        ({"when": ["grouped", "rank 2"]}, False),
    ],
)
def test_an_entry_matches_by_all_that_it_says(values, matched):
    assert entry(**values).matches(PROBLEM, VERDICT) is matched


POOL, SPREAD = "max_pool x=1x1x5 kernel=2", "conv_transpose x=1x1x5 w=1x1x2"
GRADIENT = Problem.parse("conv x=1x4x5 w=4x2x2 groups=2 grad=x float32")


@pytest.mark.parametrize(
    ("values", "forward", "gradient"),
    [
        ({}, True, False),
        ({"when": ["gradient"]}, False, True),
        ({"when": ["gradient by w"]}, False, False),
        ({"message": "not supported"}, True, True),
    ],
)
def test_an_entry_speaks_of_gradients_if_it_says_so_or_the_refusal_does(values, forward, gradient):
    one = entry(**values)
    assert (one.matches(PROBLEM, VERDICT), one.matches(GRADIENT, VERDICT)) == (forward, gradient)


FACT_LINES = {
    "3 x 3 taps": ("conv x=1x1x5x5 w=1x1x3x3", "conv x=1x1x5x5x5 w=1x1x3x3x3"),
    "gaps": ("conv x=1x1x5x5 w=1x1x2x1 stride=1x2", "conv x=1x1x5 w=1x1x2 stride=2"),
    "more than 8 channels": ("conv x=1x2x5 w=18x1x2 groups=2", "conv x=1x2x5 w=16x1x2 groups=2"),
    "no output": (
        "conv_transpose x=1x1x2 w=1x1x1 padding=1",
        "conv_transpose x=1x1x3 w=1x1x1 padding=1",
    ),
    "output padding below 0": (
        f"{SPREAD} output_padding=-1",
        f"{SPREAD} stride=2 output_padding=1",
    ),
    "output padding of a stride": (
        f"{SPREAD} stride=2 dilation=3 output_padding=2",
        f"{SPREAD} stride=3 dilation=3 output_padding=2",
    ),
    "padding left out": (
        "avg_pool x=1x1x5 kernel=2",
        "avg_pool x=1x1x5 kernel=2 count_include_pad",
    ),
    "same_lower": (f"{POOL} padding=same_lower", f"{POOL} padding=same"),
    "padding counted": ("avg_pool x=1x1x5 kernel=2 count_include_pad", "avg_pool x=1x1x5 kernel=2"),
    "batch of 16": ("conv x=16x1x4 w=1x1x1", "conv x=15x1x4 w=1x1x1"),
    "batch grouped": (
        "conv x=2x1x1 w=2x1x1 batch_groups=2 float32",
        "conv x=2x1x1 w=2x1x1 float32",
    ),
    "biased": ("conv x=1x1x5 w=1x1x2 bias", "conv x=1x1x5 w=1x1x2"),
    "broadcast": (f"{POOL} memory=broadcast", f"{POOL} memory=strided"),
    "ceil_mode": ("max_pool x=1x1x5 kernel=2 ceil_mode", "max_pool x=1x1x5 kernel=2"),
    "count_include_pad": (
        "avg_pool x=1x1x5 kernel=2 count_include_pad",
        "avg_pool x=1x1x5 kernel=2",
    ),
    "dilated": ("conv x=1x1x5x5 w=1x1x2x2 dilation=1x2", "conv x=1x1x5 w=1x1x2 stride=2"),
    "grouped": ("conv x=1x2x5 w=2x1x2 groups=2", "conv x=1x2x5 w=2x2x2"),
    "no window": ("conv x=1x1x3x4 w=1x1x2x5", "conv x=1x1x3x4 w=1x1x2x4"),
    "odd channels": ("conv x=1x3x5 w=2x3x2", "conv x=1x2x5 w=3x2x2"),
    "12 samples": ("conv x=1x1x12x13 w=1x1x3x3", "conv x=1x1x12x11 w=1x1x3x3"),
    "3 taps": ("conv x=1x1x5 w=1x1x3", "conv x=1x1x5x5 w=1x1x3x2"),
    "one deep": ("conv x=1x1x1x2x2 w=1x1x1x2x2", "conv x=1x1x2x1x2 w=1x1x2x1x2"),
    "one column": ("conv x=1x1x4x3 w=1x1x2x3 float32", "conv x=1x1x3x4 w=1x1x3x3 float32"),
    "one channel": ("conv x=1x2x5 w=2x1x2 groups=2", "conv x=1x2x5 w=1x2x2"),
    "one output": (
        "adaptive_avg_pool x=1x1x5x5 output=1",
        "adaptive_avg_pool x=1x1x5x5 output=1x2",
    ),
    "one tap": ("max_pool x=1x1x5x5 kernel=1", "max_pool x=1x1x5x5 kernel=1x2"),
    "odd p": ("lp_pool x=1x1x5 kernel=2 p=3", "lp_pool x=1x1x5 kernel=2 p=inf"),
    "p inf": ("lp_pool x=1x1x5 kernel=2 p=inf", "lp_pool x=1x1x5 kernel=2 p=1"),
    "padded": ("conv x=1x1x5 w=1x1x2 padding=same", "conv x=1x1x5 w=1x1x2"),
    "rank 1": ("max_pool x=1x1x5 kernel=2", "max_pool x=1x1x5x5 kernel=2"),
    "rank 2": ("max_pool x=1x1x5x5 kernel=2", "max_pool x=1x1x5 kernel=2"),
    "rank 3": ("max_pool x=1x1x5x5x5 kernel=2", "max_pool x=1x1x5 kernel=2"),
    "rank 4": ("conv x=1x1x1x1x1x1 w=1x1x1x1x1x1", "conv x=1x1x1x1x1 w=1x1x1x1x1"),
    "several axes": ("max_pool x=1x1x5x1 kernel=2x1", "max_pool x=1x1x5 kernel=2"),
    "several channels": (POOL.replace("1x1x5", "1x2x5"), POOL),
    "several items": (POOL.replace("1x1x5", "2x1x5"), POOL),
    "stride 0": ("conv x=1x1x5 w=1x1x2 stride=0", "conv x=1x1x5 w=1x1x2 stride=2"),
    "stride below 0": (f"{POOL} stride=-1", f"{POOL} stride=0"),
    "strided": ("max_pool x=1x1x5x5 kernel=2 stride=1x2", "max_pool x=1x1x5 kernel=2"),
    "byteswapped": (f"{POOL} memory=byteswapped", f"{POOL} memory=reversed"),
    "channels last": (f"{POOL} layout=channels_last", POOL),
    "cropped": ("conv x=1x1x5 w=1x1x2 padding=0+-1", "conv x=1x1x5 w=1x1x2 padding=0+1"),
    "fewer windows than the dilation": (
        "conv x=1x1x3 w=1x1x2 dilation=2",
        "conv x=1x1x4 w=1x1x2 dilation=2",
    ),
    "flipped": ("conv x=1x1x5 w=1x1x2 flip", "conv x=1x1x5 w=1x1x2"),
    "forward": (POOL, f"{POOL} grad=x"),
    "gradient": (f"{POOL} grad=x", POOL),
    "gradient by w": ("conv x=1x1x5 w=1x1x2 grad=w", "conv x=1x1x5 w=1x1x2 grad=x"),
    "gradient by x": ("conv x=1x1x5 w=1x1x2 grad=x", "conv x=1x1x5 w=1x1x2 grad=w"),
    "holes": ("conv x=1x1x5 w=1x1x2 input_dilation=2", "conv x=1x1x5 w=1x1x2 dilation=2"),
    "indexed": (f"{POOL} indices", POOL),
    "no group": ("conv x=1x1x5 w=1x1x2 groups=0", "conv x=1x1x5 w=1x1x2"),
    "kernel longer": ("conv x=1x1x2 w=1x1x3 padding=1", "conv x=1x1x3 w=1x1x3 padding=1"),
    "memory": (f"{POOL} memory=readonly", POOL),
    "output given": (
        "max_unpool x=1x1x2 kernel=2 stride=2 output=5",
        "max_unpool x=1x1x2 kernel=2 stride=2",
    ),
    "output padded": (f"{SPREAD} stride=2 output_padding=1", f"{SPREAD} stride=2"),
    "overrun": (
        "max_pool x=1x1x4 kernel=3 stride=3 ceil_mode",
        "max_pool x=1x1x6 kernel=3 stride=3 ceil_mode",
    ),
    "overlapping": ("max_pool x=1x1x5 kernel=2", "max_pool x=1x1x5 kernel=2 stride=2"),
    "padding mode": ("conv x=1x1x5 w=1x1x2 padding_mode=reflect", "conv x=1x1x5 w=1x1x2"),
    "reversed": (f"{POOL} memory=reversed", f"{POOL} memory=strided"),
    "same": (f"{POOL} padding=same_upper", f"{POOL} padding=1"),
    "unbatched": (f"{POOL} unbatched", POOL),
    "uneven dilation": (
        "conv x=1x1x5x5x5 w=1x1x2x2x2 dilation=1x1x2",
        "conv x=1x1x5x5x5 w=1x1x2x2x2 dilation=2x1x1",
    ),
    "uneven padding": (f"{POOL} padding=0+1", f"{POOL} padding=1"),
    "unit steps": (f"{POOL} padding=1", f"{POOL} dilation=2"),
    "widened": ("conv x=1x1x5 w=1x1x2 output_dtype=int32 int8", "conv x=1x1x5 w=1x1x2 int8"),
    "zero size": ("conv x=1x0x5 w=1x0x2", "conv x=1x1x5 w=1x1x2"),
}


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_holds_of_one_line_and_not_of_the_other(fact):
    assert [FACTS[fact](Problem.parse(line)) for line in FACT_LINES[fact]] == [True, False]


def test_an_entry_is_stale_only_where_it_had_to_occur():
    here = frozenset({"avx2", "fma"})
    assert entry().must_occur("torch", here)
    assert entry(processor=["fma"]).must_occur("torch", here)
    assert not entry(processor=["fma", "amx_tile"]).must_occur("torch", here)
    assert entry(processor=["fma", "not amx_tile"]).must_occur("torch", here)
    assert not entry(processor=["not fma"]).must_occur("torch", here)
    assert entry(processor=["amx_tile or fma"]).must_occur("torch", here)
    assert not entry(processor=["amx_tile or avx_vnni"]).must_occur("torch", here)
    assert not entry(flaky="it reads memory that nobody wrote").must_occur("torch", here)


def test_an_entry_speaks_of_every_variant_or_of_those_that_it_names():
    one = entry(variants=["fast"])
    here = frozenset()
    assert entry().covers("torch[fast]", "2.4")
    assert entry().covers("torch", "2.4")
    assert one.covers("torch[fast]", "2.4")
    assert not one.covers("torch[slow]", "2.4")
    assert not one.covers("torch", "2.4")
    assert not entry().must_occur("torch[fast]", here)
    assert one.must_occur("torch[fast]", here)


def test_an_entry_may_speak_of_the_backend_without_its_variants():
    one = entry(variants=[""])
    assert one.covers("torch", "2.4")
    assert not one.covers("torch[fast]", "2.4")
    assert one.must_occur("torch", frozenset())


# Entries that are like another.

ABOVE = {
    "id": "above-conv-one",
    "like": "torch-conv-one",
    "backend": "above",
    "versions": ">=1",
    "case": "conv x=1x2x6 w=2x1x2 groups=2 float32 fill=integers#0",
}


def alike(values, told=None, order=1):
    """Return the entries of two files, of which the second is like one of the first."""
    lines = "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items() if v is not None)
    files = [("torch.toml", toml(**(told or {}))), ("above.toml", f"[[entry]]\n{lines}")]
    return read(files[::order])


def test_an_entry_like_another_has_its_words_and_its_own_name_release_and_case():
    below, above = alike(ABOVE, {"when": ["grouped"], "dtypes": ["float32"], "flaky": "chance"})
    own = {name: ABOVE[name] for name in ("id", "like", "backend", "versions", "case")}
    assert above.to_json() == {**below.to_json(), **own}
    assert above.covers("above", "1.0")
    assert not above.covers("torch", "2.4")


def test_an_entry_may_be_like_one_of_a_later_file():
    above, below = alike(ABOVE, order=-1)
    assert above.reason == below.reason


def test_an_entry_like_another_speaks_of_its_own_variants():
    _, above = alike(ABOVE, {"variants": ["fast"]})
    assert above.variants == ()
    _, above = alike({**ABOVE, "variants": ["slow"]}, {"variants": ["fast"]})
    assert above.variants == ["slow"]


def test_what_an_entry_says_itself_is_not_borrowed():
    _, above = alike({**ABOVE, "reason": "It cannot either.", "message": "no groups"})
    assert (above.reason, above.message, above.clause) == (
        "It cannot either.", "no groups", "conv.groups",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"like": "torch-conv-two"}, "like 'torch-conv-two', and there is no such entry"),
        ({"like": ["torch-conv-one"]}, "like ['torch-conv-one'], and there is no such entry"),
        ({"like": "above-conv-one"}, "above-conv-one is itself like above-conv-one"),
        ({"case": None}, "is like torch-conv-one and needs its own case"),
        (
            {"versions": None, "case": None},
            "is like torch-conv-one and needs its own versions, case",
        ),
        ({"case": "max_pool x=1x1x5 kernel=2 float32 fill=integers#0"}, "of a case of conv"),
    ],
)
def test_a_bad_entry_like_another_is_told_with_file_and_entry(values, message):
    with pytest.raises(LedgerError) as caught:
        alike({**ABOVE, **values})
    assert str(caught.value).startswith("above.toml, entry above-conv-one")
    assert message in str(caught.value)


def test_an_entry_is_json():
    found = entry(when=["grouped"])
    assert Entry(**json.loads(json.dumps(found.to_json()))).reason == found.reason


# Bad entries.


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "feature"}, "kind 'feature' is none of bug, limitation, documented difference"),
        ({"verdict": "wrong"}, "verdict 'wrong' is none of agrees,"),
        ({"verdict": ["wrong"]}, "verdict ['wrong'] is none of agrees,"),
        ({"versions": "newer than 2"}, "Invalid specifier: 'newer than 2'"),
        ({"versions": 2}, "'int' object is not iterable"),
        ({"message": "a("}, "missing ), unterminated subpattern at position 1"),
        ({"clause": "conv.grops"}, "there is no clause 'conv.grops'"),
        ({"also": ["conv.grops"]}, "there is no clause 'conv.grops'"),
        ({"dtypes": ["float8"]}, "dtype 'float8' is none of float16,"),
        ({"when": ["gruoped"]}, "fact 'gruoped' is none of 3 x 3 taps, 3 taps, 12 samples,"),
        ({"case": "conv x=1x1x5"}, "conv needs w"),
        (
            {"case": VALUES["case"].replace(" float32", "")},
            "is not the canonical line of a case of conv",
        ),
        ({"op": "max_pool"}, "is not the canonical line of a case of max_pool"),
        ({"versoins": ">=2"}, "unexpected keyword argument 'versoins'"),
        ({"reason": None}, "missing 1 required positional argument: 'reason'"),
    ],
)
def test_a_bad_entry_is_told_with_file_and_entry(values, message):
    with pytest.raises(LedgerError) as caught:
        entry(**values)
    assert str(caught.value).startswith("torch.toml, entry torch-conv-one: ")
    assert message in str(caught.value)


def test_an_entry_without_a_name_is_told_with_its_file():
    with pytest.raises(LedgerError, match=r"^torch\.toml, entry \?: .*'id'"):
        entry(id=None)


@pytest.mark.parametrize("text", ["entry = 3", "entry = [3]", "[entry]\nid = 'a'", "[[entries]]"])
def test_anything_but_a_list_of_entries_is_told_with_its_file(text):
    with pytest.raises(LedgerError, match=r"^torch\.toml: entries are written under \[\[entry\]\]"):
        read([("torch.toml", text)])


def test_text_that_is_no_toml_is_told_with_its_file():
    with pytest.raises(LedgerError, match=r"^torch\.toml: .*line 1"):
        read([("torch.toml", "[[entry]")])


def test_two_entries_of_one_name_are_told():
    with pytest.raises(LedgerError, match="two entries are called torch-conv-one"):
        read([("torch.toml", toml()), ("jax.toml", toml(backend="jax"))])


def test_an_empty_file_has_no_entries():
    assert read([("torch.toml", ""), ("jax.toml", "# nothing yet\n")]) == ()
