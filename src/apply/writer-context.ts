/** A writer's own session on the target and reader of the source. */
import type {SourceReader} from '../source/reader.ts';
import type {RequiredPosition} from '../source/watermark.ts';
import type {Session} from './session.ts';

export interface WriterContext {
  readonly session: Session;
  /** Reads what the log does not show, over a connection to the source. */
  readonly reader: SourceReader;
  /** Waits until the reader's server has the transactions that the stream has seen. */
  readonly waitUntilVisible: (need: RequiredPosition) => Promise<void>;
}
