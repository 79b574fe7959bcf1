/** Transfers an error from one thread to another: with its code, and without a driver's message. */
import {type ErrorCode, StoppedError, SyncError} from '../../errors.ts';
import {describeError} from '../../logger.ts';
import {CursorError} from '../../status/operations.ts';

export type Fault =
  | {
      readonly kind: 'sync';
      readonly code: ErrorCode;
      readonly message: string;
      readonly errno: number | undefined;
    }
  | {readonly kind: 'cursor' | 'stopped'}
  /** A foreign error, reduced to the parts that may be logged. */
  | {readonly kind: 'foreign'; readonly described: Readonly<Record<string, string | number>>};

export function toFault(error: unknown): Fault {
  if (error instanceof SyncError) {
    const {code, message, errno} = error;
    return {kind: 'sync', code, message, errno};
  }
  if (error instanceof CursorError) return {kind: 'cursor'};
  if (error instanceof StoppedError) return {kind: 'stopped'};
  return {kind: 'foreign', described: describeError(error)};
}

export function fromFault(fault: Fault): Error {
  switch (fault.kind) {
    case 'sync':
      return new SyncError(fault.code, fault.message, {errno: fault.errno});
    case 'cursor':
      return new CursorError();
    case 'stopped':
      return new StoppedError();
    case 'foreign':
      return new ForeignError(fault.described);
  }
}

/** Represents an error of the other thread; it is logged as it would have been there. */
class ForeignError extends Error {
  readonly code: string;
  readonly errno: number | undefined;

  constructor({code, errno, at}: Readonly<Record<string, string | number>>) {
    super('a fault of the other thread');
    this.name = 'ForeignError';
    this.code = String(code);
    if (typeof errno === 'number') this.errno = errno;
    this.stack = String(at ?? '').replace(/ < |^/g, '\n    ');
  }
}
