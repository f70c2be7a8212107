/** A token that shows itself to nobody by accident: printing it, or an object that holds it, gives three dots. */
import { inspect } from 'node:util';

export class Secret {
  readonly #value: string;
  /** Where it comes from, for people: 'HF_TOKEN'. */
  readonly from: string;

  constructor(value: string, from: string) {
    this.#value = value;
    this.from = from;
  }

  /** The value itself, for the one header that it goes into. */
  reveal(): string {
    return this.#value;
  }

  /** Text of others that may repeat it (a server's message), without it. */
  hideIn(text: string): string {
    return text.replaceAll(this.#value, '…');
  }

  toString(): string {
    return '…';
  }

  toJSON(): string {
    return '…';
  }

  [inspect.custom](): string {
    return '…';
  }
}
