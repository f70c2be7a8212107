/** Lines of a stream, each of a bounded length, read only as they are asked for: who writes faster than we read waits. */

/** A line is longer than what is read. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
  readonly longestBytes: number;
  constructor(longestBytes: number) {
    super(`wrote a line of more than ${longestBytes} bytes`);
    this.longestBytes = longestBytes;
  }
}

const NEWLINE = 10;

/** Without their ends; a last line that was not ended is none. Throws LineTooLong. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, longestBytes: number): AsyncGenerator<string> {
  let pieces: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      pieces.push(chunk.subarray(from, end));
      if (held + end - from > longestBytes) throw new LineTooLong(longestBytes);
      yield Buffer.concat(pieces).toString('utf8');
      pieces = [];
      held = 0;
      from = end + 1;
    }
    pieces.push(chunk.subarray(from));
    held += chunk.length - from;
    if (held > longestBytes) throw new LineTooLong(longestBytes);
  }
}
