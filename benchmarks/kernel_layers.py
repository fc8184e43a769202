"""The layers that the kernel is timed on: whole layers of networks that people know."""

from __future__ import annotations

from dataclasses import dataclass

from convformance.problem import Problem


@dataclass(frozen=True)
class Layer:
    """A layer and the kind of work that it is, which has a target of its own."""

    name: str
    kind: str
    line: str  # a problem; N stands for the batch

    def problem(self, batch: int, dtype: str) -> Problem:
        """Return the problem for a batch of samples."""
        return Problem.parse(f"{self.line.replace('N', str(batch))} {dtype}")


SAME = "padding=1+1x1+1"
LAYERS = (
    Layer("VGG-16 conv1_1", "wide", f"conv x=Nx3x224x224 w=64x3x3x3 {SAME}"),
    Layer("VGG-16 conv2_2", "wide", f"conv x=Nx128x112x112 w=128x128x3x3 {SAME}"),
    Layer("VGG-16 conv4_2", "wide", f"conv x=Nx512x28x28 w=512x512x3x3 {SAME}"),
    Layer("ResNet-50 conv1", "stem", "conv x=Nx3x224x224 w=64x3x7x7 stride=2 padding=3+3x3+3"),
    Layer("ResNet-50 conv2 3x3", "wide", f"conv x=Nx64x56x56 w=64x64x3x3 {SAME}"),
    Layer("ResNet-50 conv3 3x3/2", "wide", f"conv x=Nx128x56x56 w=128x128x3x3 stride=2 {SAME}"),
    Layer("ResNet-50 conv5 3x3", "wide", f"conv x=Nx512x7x7 w=512x512x3x3 {SAME}"),
    Layer("ResNet-50 conv2 1x1", "1x1", "conv1x1 x=Nx256x56x56 w=64x256"),
    Layer("ResNet-50 conv5 1x1", "1x1", "conv1x1 x=Nx512x7x7 w=2048x512"),
    Layer("GoogLeNet 3b 5x5", "wide", "conv x=Nx32x28x28 w=96x32x5x5 padding=2+2x2+2"),
    Layer("dilated head", "wide", "conv x=Nx512x28x28 w=512x512x3x3 dilation=2 padding=2+2x2+2"),
    Layer("WaveNet, dilation 64", "1-D and 3-D", "conv x=Nx64x16000 w=128x64x2 dilation=64"),
    Layer("3-D 3x3x3", "1-D and 3-D", "conv x=Nx32x16x28x28 w=64x32x3x3x3 padding=1+1x1+1x1+1"),
    Layer("MobileNet dw2", "depthwise", f"depthwise_conv x=Nx32x112x112 w=32x1x3x3 {SAME}"),
    Layer(
        "MobileNet dw3/2",
        "depthwise",
        f"depthwise_conv x=Nx64x112x112 w=64x1x3x3 stride=2 {SAME}",
    ),
    Layer("MobileNet dw5", "depthwise", f"depthwise_conv x=Nx128x56x56 w=128x1x3x3 {SAME}"),
    Layer("MobileNet dw8", "depthwise", f"depthwise_conv x=Nx512x14x14 w=512x1x3x3 {SAME}"),
    Layer("VGG-16 pool1", "maximum", "max_pool x=Nx64x224x224 kernel=2x2 stride=2"),
    Layer("ResNet-50 pool1", "maximum", f"max_pool x=Nx64x112x112 kernel=3x3 stride=2 {SAME}"),
    Layer("GoogLeNet pool 3x3", "maximum", f"max_pool x=Nx480x14x14 kernel=3x3 {SAME}"),
    Layer("average 3x3/2", "average", f"avg_pool x=Nx64x112x112 kernel=3x3 stride=2 {SAME}"),
    Layer("average 2x2/2", "average", "avg_pool x=Nx256x56x56 kernel=2x2 stride=2"),
    Layer("ResNet-50 global", "global", "global_avg_pool x=Nx2048x7x7"),
    Layer(
        "upsampling 4x4/2",
        "transposed",
        f"conv_transpose x=Nx64x56x56 w=64x32x4x4 stride=2 {SAME}",
    ),
    Layer("upsampling 2x2/2", "transposed", "conv_transpose x=Nx512x28x28 w=512x256x2x2 stride=2"),
    Layer("3x3 by input", "gradient", f"conv x=Nx128x28x28 w=128x128x3x3 {SAME} grad=x"),
    Layer("3x3 by weight", "gradient", f"conv x=Nx128x28x28 w=128x128x3x3 {SAME} grad=w"),
    Layer("tiny 1-D", "tiny", "conv x=Nx3x8 w=4x3x3 padding=1+1"),
    Layer("tiny 2-D", "tiny", f"conv x=Nx3x8x8 w=4x3x3x3 {SAME}"),
    Layer("tiny 3-D", "tiny", "conv x=Nx2x5x5x5 w=3x2x2x2x2"),
)  # fmt: skip
