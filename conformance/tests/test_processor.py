"""What the processor can do."""

from convformance import processor


def test_the_processor_tells_features_where_linux_does(monkeypatch, tmp_path):
    told = tmp_path / "cpuinfo"
    told.write_text("processor\t: 0\nflags\t\t: fpu avx2\n\nflags\t\t: fpu avx2\n")
    monkeypatch.setattr(processor, "Path", lambda _: told)
    assert processor.processor_features() == {"fpu", "avx2"}
    told.write_text("processor: 0\n")
    assert processor.processor_features() == frozenset()
    told.unlink()
    assert processor.processor_features() == frozenset()
