// The wire protocol: frames and safetensors blobs. docs/protocol.md describes both.

const TYPES = {
  F32: Float32Array,
  F64: Float64Array,
  I8: Int8Array,
  I32: Int32Array,
  I64: BigInt64Array,
  U8: Uint8Array,
  F16: Uint16Array, // as bits: JavaScript has no numbers of these two
  BF16: Uint16Array,
};

/** Yield each message of the input: its words, and its arrays as {dtype, shape, values}. */
export async function* messages(input) {
  let bytes = Buffer.alloc(0);
  let parts = [];
  let due = 8;
  for await (const part of input) {
    parts.push(part);
    if (bytes.length + parts.reduce((sum, one) => sum + one.length, 0) < due) continue;
    bytes = Buffer.concat([bytes, ...parts]);
    parts = [];
    for (;;) {
      due = bytes.length < 8 ? 8 : 8 + Number(bytes.readBigUInt64LE());
      if (bytes.length < due) break;
      yield read(bytes.subarray(8, due));
      bytes = bytes.subarray(due);
    }
  }
}

function read(blob) {
  const start = 8 + Number(blob.readBigUInt64LE());
  const header = JSON.parse(blob.toString('utf8', 8, start));
  const {__metadata__: metadata, ...entries} = header;
  const words = JSON.parse(metadata.convformance);
  const arrays = {};
  for (const [name, {dtype, shape, data_offsets: [begin, end]}] of Object.entries(entries)) {
    const own = blob.subarray(start + begin, start + end); // copied, so that it is aligned
    arrays[name] = {dtype, shape, values: new TYPES[dtype](new Uint8Array(own).buffer)};
  }
  return {words, arrays};
}

/** Return the bytes of a message. */
export function written(words, arrays = {}) {
  const header = {__metadata__: {convformance: JSON.stringify(words)}};
  const parts = [];
  let begin = 0;
  for (const [name, {dtype, shape, values}] of Object.entries(arrays)) {
    const end = begin + values.byteLength;
    header[name] = {dtype, shape, data_offsets: [begin, end]};
    parts.push(Buffer.from(values.buffer, values.byteOffset, values.byteLength));
    begin = end;
  }
  const text = Buffer.from(JSON.stringify(header));
  const data = Buffer.concat(parts);
  return Buffer.concat([length(8 + text.length + data.length), length(text.length), text, data]);
}

function length(number) {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(number));
  return bytes;
}
