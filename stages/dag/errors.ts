/** Errors that a caller is expected to handle; each message is a sentence for people. */
import type { Failure, Sha256 } from './types.ts';

/** An object's bytes are missing, short, or not what its name says. The cure: set it aside and run its producer again. */
export class DamagedObject extends Error {
  override readonly name = 'DamagedObject';
  readonly sha256: Sha256;
  /** 'missing', '1024 bytes instead of 2048', 'its bytes hash to 1f0c...'. */
  readonly what: string;
  constructor(sha256: Sha256, what: string) {
    super(`object ${sha256.slice(0, 12)} is damaged: ${what}`);
    this.sha256 = sha256;
    this.what = what;
  }
}

/** The disk refused a write. What is stored can still be read; what is computed now is not kept. */
export class StoreUnwritable extends Error {
  override readonly name = 'StoreUnwritable';
  /** 'EROFS', 'ENOSPC', ... */
  readonly code: string;
  /** 'the file system is read-only'. */
  readonly reason: string;
  /** What to do about it. */
  readonly hint: string;
  constructor(code: string, reason: string, hint: string, cause: unknown) {
    super(`the store cannot be written: ${reason}`, { cause });
    this.code = code;
    this.reason = reason;
    this.hint = hint;
  }
}

/** The store was written by a newer version. */
export class StoreTooNew extends Error {
  override readonly name = 'StoreTooNew';
  constructor(found: number, known: number) {
    super(`the store has format ${found}, this version reads up to ${known}: use the version that wrote it or a newer one, or choose another store folder`);
  }
}

/** A module's code identity cannot be determined. `message` begins with file:line:column where there is one. */
export class CodeIdentityError extends Error {
  override readonly name = 'CodeIdentityError';
}

/**
 * What a stage may throw for a failure that it expects, where calling `io.fail` is out of reach. Of several cells the one that it
 * belongs to is found by running them apart.
 */
export class StageFailure extends Error {
  override readonly name = 'StageFailure';
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.sentence);
    this.failure = failure;
  }
}
