// TensorFlow.js as a backend: node adapter.mjs [--backend=cpu|wasm]
import '@tensorflow/tfjs-backend-cpu';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';

import {back, moved} from './axes.mjs';
import {call, Unsupported} from './problems.mjs';
import {messages, written} from './wire.mjs';

console.log = console.error; // standard output belongs to the protocol

const [, engine = 'cpu'] = /^--backend=(cpu|wasm)$/.exec(process.argv[2] ?? '') ?? [];
const CODES = {float32: 'F32', int32: 'I32'};

const HELLO = {
  kind: 'hello',
  protocol: 1,
  name: engine === 'cpu' ? 'tfjs' : `tfjs[${engine}]`,
  version: tf.version_core,
  capabilities: {
    knows: ['unbatched', 'layout'], // the gradients are not in tfjs-core's bundle for Node.js
    libraries: {'tfjs-core': tf.version_core, node: process.versions.node},
  },
};

/** Compute a problem; return its answers by name, as tensors. */
function computed(problem, answers, arrays) {
  const [name, run] = call(problem);
  const given = moved(problem, arrays);
  const inputs = Object.fromEntries(
    Object.entries(given).map(([key, {shape, values}]) => [
      key,
      tf.tensor(values, shape, problem.dtype),
    ]),
  );
  const order = ['x', 'w', 'pointwise', 'bias'].filter((key) => key in inputs);
  const how = `tf.${name}, channels last`;
  const y = run(...order.map((key) => inputs[key]));
  return [how, answers.includes('indices') ? {y: y.result, indices: y.indexes} : {y}];
}

/** An index counts (row * W + column) * C + channel: the channel is the element's own. */
function inPlane({shape, values}) {
  const C = BigInt(Math.max(1, shape.at(-1)));
  return {dtype: 'I64', shape, values: BigInt64Array.from(values, (i) => BigInt(i) / C)};
}

function result({id, problem, answers}, arrays) {
  const [how, tensors] = computed(problem, answers, arrays);
  const found = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const flat = {dtype: CODES[tensor.dtype], shape: tensor.shape, values: tensor.dataSync()};
    found[name] = back(problem, name === 'indices' ? inPlane(flat) : flat);
  }
  return written({kind: 'result', id, how, layout: 'channels last'}, found);
}

function answer(words, arrays) {
  const {id} = words;
  tf.engine().startScope();
  try {
    return result(words, arrays);
  } catch (error) {
    if (error instanceof Unsupported) {
      return written({kind: 'unsupported', id, reason: error.message});
    }
    if (error instanceof WebAssembly.RuntimeError) throw error; // no refusal: its memory is broken
    return written({kind: 'refusal', id, message: `${error.name}: ${error.message}`});
  } finally {
    tf.engine().endScope();
  }
}

await tf.setBackend(engine);
await tf.ready();
for await (const {words, arrays} of messages(process.stdin)) {
  if (words.kind === 'bye') break;
  process.stdout.write(words.kind === 'hello' ? written(HELLO) : answer(words, arrays));
}
process.exit();
