/**
 * Releases the buffers into which the log was read. Node reads a socket into a new buffer each time, and V8 by itself
 * collects such buffers only once they hold 32 MB. A stream that skips the rows of others creates little else, so
 * that it would keep that much.
 */
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';

/** A collection of the young generation takes a millisecond or two. */
const COLLECT_AFTER_BYTES = 8 * 1024 * 1024;

type Collect = (options: {type: 'minor'}) => void;

export class ReadBuffers {
  readonly #collect = collector();
  #bytes = 0;

  /** Called for what was read from the log. */
  read(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < COLLECT_AFTER_BYTES) return;
    this.#bytes = 0;
    this.#collect?.({type: 'minor'});
  }
}

/** V8 shows its collector only to a context that is created while this flag is set. */
function collector(): Collect | undefined {
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext("typeof gc === 'function' ? gc : undefined") as Collect | undefined;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
