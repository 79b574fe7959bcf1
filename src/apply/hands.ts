/** What one writer works with; each writer has its own. */
import type {SourceReader} from '../source/reader.ts';
import type {Need} from '../source/watermark.ts';
import type {Session} from './session.ts';

export interface Hands {
  readonly session: Session;
  /** For what the log does not tell; over a connection to the source. */
  readonly reader: SourceReader;
  /** Waits until the reader sees what the stream was sent. */
  readonly untilSeen: (need: Need) => Promise<void>;
}
