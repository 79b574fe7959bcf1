/**
 * A batch that was made ready, and its first statements put together, while the one before it is being
 * written: between the two the target waits for one round trip and no more.
 */
import type {ChangeSet} from './change-set.ts';
import type {Session} from './session.ts';
import {writeAtOnce, type Batch, type Outcome} from './transaction.ts';

export class Ahead {
  /** Over which it is written. */
  readonly session: Session;
  readonly changes: ChangeSet;
  readonly batch: Batch;
  /** The applier's, at which it may be written. */
  readonly version: number;
  readonly #outcome: Promise<Outcome>;
  #open: () => void = () => undefined;
  #shut: (reason: Error) => void = () => undefined;

  constructor(session: Session, changes: ChangeSet, batch: Batch, version: number) {
    this.session = session;
    this.changes = changes;
    this.batch = batch;
    this.version = version;
    const gate = new Promise<void>((open, shut) => {
      this.#open = open;
      this.#shut = shut;
    });
    gate.catch(() => undefined);
    this.#outcome = writeAtOnce(session, batch, gate);
    this.#outcome.catch(() => undefined);
  }

  /** @throws SyncError as {@link writeAtOnce} */
  write(): Promise<Outcome> {
    this.#open();
    return this.#outcome;
  }

  /** Nothing of it was sent, nor will be. */
  discard(): void {
    this.#shut(new Error('what was made ready is not needed'));
  }
}
