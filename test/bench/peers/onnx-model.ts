/**
 * The smallest ONNX models that hold products: x -> product -> ... -> y, all square, so that one follows another. Written as the
 * protobuf that they are (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the field numbers), with no library: a message
 * is its fields one after the other, each a tag (number * 8 + wire type) and a varint (type 0) or a length and bytes (type 2).
 */

/** An initializer: a constant input of a node. */
export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | Uint8Array;
}

/** An op with the activation as its first input and these constants after it. */
export interface OnnxProduct {
  readonly op: string;
  /** '' for standard ops. */
  readonly domain: string;
  readonly constants: readonly OnnxTensor[];
  readonly attributes: { readonly [name: string]: number };
}

const VARINT = 0, BYTES = 2;
/** TensorProto.DataType. */
const FLOAT = 1, UINT8 = 2;
/** AttributeProto.AttributeType. */
const INT = 2;

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) { bytes.push(rest); return Uint8Array.from(bytes); }
    bytes.push((rest % 128) | 128);
  }
}

const int = (field: number, value: number): Uint8Array[] => [varint(field * 8 + VARINT), varint(value)];
const bytes = (field: number, parts: readonly Uint8Array[]): Uint8Array[] => [varint(field * 8 + BYTES), varint(parts.reduce((sum, part) => sum + part.length, 0)), ...parts];
const text = (field: number, value: string): Uint8Array[] => bytes(field, [new TextEncoder().encode(value)]);

function tensor(name: string, { dims, data }: OnnxTensor): Uint8Array[] {
  const raw = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return [...dims.flatMap((dim) => int(1, dim)), ...int(2, data instanceof Float32Array ? FLOAT : UINT8), ...text(8, name), ...bytes(9, [raw])];
}

/** A float tensor [any number of rows, columns]. */
function value(name: string, columns: number): Uint8Array[] {
  const shape = [...bytes(1, text(2, 'rows')), ...bytes(1, int(1, columns))];
  return [...text(1, name), ...bytes(2, bytes(1, [...int(1, FLOAT), ...bytes(2, shape)]))];
}

/** The model's bytes: input `x` and output `y`, both [rows, columns]. */
export function onnxChain(columns: number, products: readonly OnnxProduct[]): Uint8Array {
  const graph: Uint8Array[] = [];
  products.forEach(({ op, domain, constants, attributes }, index) => {
    const constantName = (position: number): string => `w${index}_${position}`;
    const activation = (position: number): string => position === 0 ? 'x' : position === products.length ? 'y' : `h${position}`;
    graph.push(...bytes(1, [
      ...text(1, activation(index)), ...constants.flatMap((_, position) => text(1, constantName(position))), ...text(2, activation(index + 1)), ...text(4, op),
      ...Object.entries(attributes).flatMap(([name, setting]) => bytes(5, [...text(1, name), ...int(3, setting), ...int(20, INT)])),
      ...text(7, domain),
    ]));
    constants.forEach((constant, position) => graph.push(...bytes(5, tensor(constantName(position), constant))));
  });
  graph.push(...text(2, 'products'), ...bytes(11, value('x', columns)), ...bytes(12, value('y', columns)));
  const opset = (domain: string, version: number): Uint8Array[] => bytes(8, [...text(1, domain), ...int(2, version)]);
  return Buffer.concat([...int(1, 8), ...opset('', 17), ...opset('com.microsoft', 1), ...bytes(7, graph)]);
}
