/**
 * A batch that is prepared, with its first statements built, while the previous batch is being written. Its rows
 * are sent behind the other's commit, so that the target never waits in between; its own commit is sent when its
 * turn comes.
 */
import type {ChangeSet} from './change-set.ts';
import {StatementPipeline} from './statement-pipeline.ts';
import {rollBack, type Session} from './session.ts';
import {writePipelined, type TargetBatch, type Outcome} from './write-batch.ts';

/** The previous transaction, over the same session. */
export interface Previous {
  /** Resolves once the whole transaction, COMMIT included, has been written to the socket. */
  readonly allLeft: Promise<void>;
  /** Whether rows may be written behind it: no other writer then comes in between. */
  readonly mayFollow: () => boolean;
}

export class PreparedBatch {
  /** The session over which it is written. */
  readonly session: Session;
  readonly changes: ChangeSet;
  readonly batch: TargetBatch;
  readonly pipeline: StatementPipeline;
  /** The version of the applier's state at which it may be written. */
  readonly version: number;
  readonly #outcome: Promise<Outcome>;
  #hasLeft = false;
  #isDiscarded = false;
  #open: () => void = () => undefined;
  #shut: (reason: Error) => void = () => undefined;

  constructor(session: Session, changes: ChangeSet, batch: TargetBatch, version: number, previous: Previous) {
    this.session = session;
    this.changes = changes;
    this.batch = batch;
    this.version = version;
    const opened = new Promise<void>((open, shut) => {
      this.#open = open;
      this.#shut = shut;
    });
    const followed = new Promise<void>(leave => {
      void previous.allLeft.then(() => {
        if (this.#isDiscarded || !previous.mayFollow()) return;
        this.#hasLeft = true;
        leave();
      });
    });
    this.pipeline = new StatementPipeline(session, {
      left: Promise.race([followed, opened]),
      answered: opened,
    });
    this.#outcome = writePipelined(this.pipeline, batch);
    this.#outcome.catch(() => undefined);
  }

  /** @throws SyncError as {@link writePipelined} */
  write(): Promise<Outcome> {
    this.#open();
    return this.#outcome;
  }

  /** Sends no more of it. What was sent is in a transaction that is still open: roll it back with {@link takeBack}. */
  discard(): void {
    this.#isDiscarded = true;
    this.#shut(new Error('the prepared batch is not needed'));
  }

  /** Rolls back what was discarded. */
  async takeBack(): Promise<void> {
    if (this.#hasLeft) await rollBack(this.session);
  }
}
