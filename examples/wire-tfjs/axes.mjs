// TensorFlow.js computes channels last: arrays are moved there and back, and nothing else is done.

/** Return {shape, values} with its axes in another order: axis a of the new one is order[a]. */
export function transposed({shape, values, ...rest}, order) {
  const steps = shape.map((_, a) => shape.slice(a + 1).reduce((one, other) => one * other, 1));
  const turned = order.map((a) => shape[a]);
  const moved = new values.constructor(values.length);
  const at = turned.map(() => 0);
  let from = 0;
  for (let to = 0; to < moved.length; to++) {
    moved[to] = values[from];
    for (let a = turned.length - 1; a >= 0; a--) {
      from += steps[order[a]];
      if (++at[a] < turned[a]) break;
      from -= steps[order[a]] * turned[a];
      at[a] = 0;
    }
  }
  return {...rest, shape: turned, values: moved};
}

const range = (from, to) => Array.from({length: to - from}, (_, a) => from + a);

/** The order that takes the channels of ([N,] C, *spatial) to the end. */
function channelsLast(axes, first) {
  return [...range(0, first), ...range(first + 1, axes), first];
}

/** The order that brings the channels of ([N,] *spatial, C) back. */
function channelsFirst(axes, first) {
  return [...range(0, first), axes - 1, ...range(first, axes - 1)];
}

/** Return the arrays of a problem as TensorFlow.js has them. */
export function moved(problem, arrays) {
  const found = {...arrays};
  const first = problem.unbatched ? 0 : 1;
  const axes = found.x.shape.length;
  if (problem.layout === 'channels_first' && axes > first) {
    found.x = transposed(found.x, channelsLast(axes, first));
  }
  if ('w' in found) found.w = weight(problem, found.w);
  if ('pointwise' in found) {
    found.pointwise = withTaps(transposed(found.pointwise, [1, 0]), problem.kernel_size.length);
  }
  return found;
}

/** ours (M, C, *kernel) -> theirs (*kernel, C, M); of depthwise filters C and multiplier stay. */
function weight(problem, w) {
  if (w.shape.length < 2) return w;
  const taps = range(2, w.shape.length);
  const isByChannel = ['depthwise_conv', 'separable_conv'].includes(problem.op);
  const turned = transposed(w, isByChannel ? [...taps, 0, 1] : [...taps, 1, 0]);
  return problem.op === 'conv1x1' ? withTaps(turned, problem.kernel_size.length) : turned;
}

function withTaps(matrix, rank) {
  return {...matrix, shape: [...Array(rank).fill(1), ...matrix.shape]};
}

/** Return an answer in the problem's own axes. */
export function back(problem, answer) {
  if (problem.layout === 'channels_last') return answer;
  return transposed(answer, channelsFirst(answer.shape.length, problem.unbatched ? 0 : 1));
}
