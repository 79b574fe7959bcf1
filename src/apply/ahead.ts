/**
 * A batch that was made ready, and its first statements put together, while the one before it is being
 * written. Its rows leave behind the other's commit, so that the target waits for nothing in between; its own
 * commit leaves when it is its turn.
 */
import type {ChangeSet} from './change-set.ts';
import {Flights} from './flights.ts';
import {rollBack, type Session} from './session.ts';
import {writeAtOnce, type Batch, type Outcome} from './transaction.ts';

/** The transaction that goes before it, over the same session. */
export interface Previous {
  /** Comes about when all of it was sent, its commit too. */
  readonly allLeft: Promise<void>;
  /** Whether rows may be written behind it: then no other writer comes in between. */
  readonly mayFollow: () => boolean;
}

export class Ahead {
  /** Over which it is written. */
  readonly session: Session;
  readonly changes: ChangeSet;
  readonly batch: Batch;
  readonly flights: Flights;
  /** The applier's, at which it may be written. */
  readonly version: number;
  readonly #outcome: Promise<Outcome>;
  #hasLeft = false;
  #isDiscarded = false;
  #open: () => void = () => undefined;
  #shut: (reason: Error) => void = () => undefined;

  constructor(session: Session, changes: ChangeSet, batch: Batch, version: number, previous: Previous) {
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
    this.flights = new Flights(session, {left: Promise.race([followed, opened]), answered: opened});
    this.#outcome = writeAtOnce(this.flights, batch);
    this.#outcome.catch(() => undefined);
  }

  /** @throws SyncError as {@link writeAtOnce} */
  write(): Promise<Outcome> {
    this.#open();
    return this.#outcome;
  }

  /** No more of it is sent. What was is in a transaction that is open still: {@link takeBack} it. */
  discard(): void {
    this.#isDiscarded = true;
    this.#shut(new Error('what was made ready is not needed'));
  }

  /** Of what was discarded. */
  async takeBack(): Promise<void> {
    if (this.#hasLeft) await rollBack(this.session);
  }
}
