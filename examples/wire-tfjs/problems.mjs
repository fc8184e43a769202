// Each problem as the one function of tfjs-core that can say it, with the parameters of its types.
import * as tf from '@tensorflow/tfjs-core';

/** Thrown where TensorFlow.js has no way to say the problem. */
export class Unsupported extends Error {}

const needs = (is, reason) => {
  if (!is) throw new Unsupported(reason);
};

/** The value of `pad`: a word, one number for every side, or pairs for batch, axes and channels. */
function pad(problem, {numbers = true, pairs = true, name}) {
  const {padding = 'valid'} = problem; // conv1x1 has none
  if (padding === 'valid' || padding === 'same') return padding;
  if (padding === 'same_upper') return 'same';
  needs(Array.isArray(padding), `TensorFlow.js pads by 'same', 'valid' or numbers: no ${padding}`);
  needs(numbers, `${name} has pad 'same' and 'valid' only`);
  const sides = padding.flat();
  if (sides.length && sides.every((side) => side === sides[0])) return sides[0];
  needs(pairs, `${name} pads every side by one number`);
  return [[0, 0], ...padding, [0, 0]];
}

function plain(problem, name) {
  needs(problem.groups === 1 || problem.groups === undefined, `${name} has no groups`);
}

function convolution(problem) {
  const rank = problem.x.length - 2;
  const name = `conv${rank}d`;
  plain(problem, name);
  const {stride, dilation} = strides(problem);
  if (rank === 2) return convolution2d(problem, stride, dilation);
  needs(!problem.bias, `${name} has no bias`);
  if (rank === 1) {
    const given = pad(problem, {name, pairs: false});
    return ['conv1d', (x, w) => tf.conv1d(x, w, one(stride), given, 'NWC', one(dilation))];
  }
  const given = pad(problem, {name, numbers: false});
  return ['conv3d', (x, w) => tf.conv3d(x, w, stride, given, 'NDHWC', dilation)];
}

function convolution2d(problem, stride, dilation) {
  const given = pad(problem, {name: 'conv2d'});
  if (!problem.bias) {
    return ['conv2d', (x, w) => tf.conv2d(x, w, stride, given, 'NHWC', dilation)];
  }
  const options = {strides: stride, pad: given, dataFormat: 'NHWC', dilations: dilation};
  return [
    'fused.conv2d',
    (x, filter, bias) => tf.fused.conv2d({x, filter, bias, ...options}),
  ];
}

/** conv1x1 has neither: it has one tap, and steps by one. */
function strides(problem) {
  const ones = problem.kernel_size.map(() => 1);
  return {stride: problem.stride ?? ones, dilation: problem.dilation ?? ones};
}

/** The entry of an axis; of an invalid problem that lacks it, what there is. */
const one = (values) => (values.length === 1 ? values[0] : values);

function transposedConvolution(problem) {
  const rank = problem.x.length - 2;
  const name = `conv${rank}dTranspose`;
  needs(rank > 1, 'TensorFlow.js has no transposed convolution of one axis');
  plain(problem, name);
  needs(!problem.bias, `${name} has no bias`);
  needs(problem.dilation.every((step) => step === 1), `${name} has no dilation`);
  const given = pad(problem, {name, numbers: rank === 2});
  const batch = problem.unbatched ? [] : [problem.x[0]];
  const shape = [...batch, ...spreadSizes(problem), problem.w[1]];
  return [name, (x, w) => tf[name](x, w, shape, problem.stride, given)];
}

/** The sizes of the output, which its caller has to know. */
function spreadSizes(problem) {
  const {x, kernel_size: taps, stride, padding, output_padding: more} = problem;
  return taps.map((size, a) => {
    if (typeof padding === 'string' && padding.startsWith('same')) {
      return x[a + 2] * stride[a] + more[a];
    }
    const [before, after] = Array.isArray(padding) ? padding[a] : [0, 0];
    return x[a + 2] ? (x[a + 2] - 1) * stride[a] + size - before - after + more[a] : 0;
  });
}

function byChannel(problem) {
  const name = problem.op === 'depthwise_conv' ? 'depthwiseConv2d' : 'separableConv2d';
  needs(problem.x.length === 4, `${name} has 2 spatial axes`);
  const {stride, dilation} = problem;
  if (name === 'depthwiseConv2d') {
    const given = pad(problem, {name});
    return [name, (x, w) => tf.depthwiseConv2d(x, w, stride, given, 'NHWC', dilation)];
  }
  const given = pad(problem, {name, numbers: false});
  return [name, (x, w, p) => tf.separableConv2d(x, w, p, stride, given, dilation, 'NHWC')];
}

function pool(problem) {
  const rank = problem.x.length - 2;
  needs(rank > 1, 'TensorFlow.js has no pool of one axis');
  needs(!problem.count_include_pad, 'avgPool has no count_include_pad: it never counts padding');
  if (problem.indices) return poolWithArgmax(problem, rank);
  const kind = problem.op === 'max_pool' ? 'max' : 'avg';
  const dilated = problem.dilation.some((step) => step !== 1);
  const name = dilated ? 'pool' : `${kind}Pool${rank === 3 ? '3d' : ''}`;
  needs(!dilated || rank === 2, `${kind}Pool3d has no dilation`);
  const {kernel, stride, dilation} = problem;
  const [given, mode] = rounding(problem, pad(problem, {name, pairs: rank === 2}), name);
  if (dilated) {
    return [name, (x) => tf.pool(x, kernel, kind, given, dilation, stride, mode)];
  }
  return [name, (x) => tf[name](x, kernel, stride, given, mode)];
}

/** How the number of windows is rounded: a mode needs a padding in numbers, and 0 is 'valid'. */
function rounding(problem, given, name) {
  if (!problem.ceil_mode) return [given, undefined];
  needs(given !== 'same', `${name} rounds where pad is a number, not 'same'`);
  return [given === 'valid' ? 0 : given, 'ceil'];
}

function poolWithArgmax(problem, rank) {
  const name = 'maxPoolWithArgmax';
  needs(rank === 2 && !problem.unbatched, `${name} has 2 spatial axes and a batch`);
  needs(!problem.ceil_mode, `${name} has no dimRoundingMode`);
  needs(problem.dilation.every((step) => step === 1), `${name} has no dilation`);
  const given = pad(problem, {name, pairs: false});
  return [name, (x) => tf.maxPoolWithArgmax(x, problem.kernel, problem.stride, given)];
}

const CALLS = {
  conv: convolution,
  conv1x1: convolution,
  conv_transpose: transposedConvolution,
  depthwise_conv: byChannel,
  separable_conv: byChannel,
  max_pool: pool,
  avg_pool: pool,
};

/** Return the name of the function and a call of it on x, w and what else there is. */
export function call(problem) {
  const {op, dtype} = problem;
  needs(op in CALLS, `tfjs-core has no ${op}`);
  needs(dtype === 'float32' || dtype === 'int32', `TensorFlow.js has no ${dtype} layers`);
  const rank = problem.x.length - 2;
  needs(rank <= 3, `TensorFlow.js has layers of 1 to 3 spatial axes, not ${rank}`);
  return CALLS[op](problem);
}
