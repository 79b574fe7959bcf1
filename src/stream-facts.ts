/** What the daemon knows of the stream, from the leader's events: its state, and what was applied. */
import type {LeaderEvents} from './leader-events.ts';
import type {Logger} from './logger.ts';
import type {SyncError} from './errors.ts';
import {oneMoreUnseen, type Unseen} from './status/health.ts';
import type {ReplicationState, Status} from './status/operations.ts';
import type {StatusFacts} from './status/status.ts';

export class StreamFacts {
  readonly #logger: Logger;
  readonly #onChange: () => void;
  #state: ReplicationState = 'starting';
  #stateSinceMs = Date.now();
  #fault: SyncError | null = null;
  #reconnects = 0;
  #unseen: Unseen | null = null;
  #foreign: Status['foreignRows'] = null;
  #applied: StatusFacts['applied'] = {transactions: 0, rows: 0, atMs: null};

  /** @param onChange called after each change of the state or of its fault */
  constructor(events: LeaderEvents, logger: Logger, onChange: () => void) {
    this.#logger = logger;
    this.#onChange = onChange;
    events
      .on('state', (state, fault) => this.enter(state, fault))
      .on('unseen', reason => (this.#unseen = oneMoreUnseen(this.#unseen, reason, Date.now())))
      .on('foreign', foreign => (this.#foreign = foreign))
      .on('applied', batch => {
        const {transactions, rows} = this.#applied;
        this.#applied = {
          transactions: transactions + batch.transactions,
          rows: rows + batch.rows,
          atMs: Date.now(),
        };
      });
  }

  get state(): ReplicationState {
    return this.#state;
  }

  get fault(): SyncError | null {
    return this.#fault;
  }

  /** These facts as a part of the status. */
  get facts(): Pick<
    StatusFacts,
    'state' | 'stateSinceMs' | 'fault' | 'reconnects' | 'unseen' | 'foreign' | 'applied'
  > {
    return {
      state: this.#state,
      stateSinceMs: this.#stateSinceMs,
      fault: this.#fault,
      reconnects: this.#reconnects,
      unseen: this.#unseen,
      foreign: this.#foreign,
      applied: this.#applied,
    };
  }

  /** Sets what the previous leader had applied. */
  resumeFrom(applied: StatusFacts['applied']): void {
    this.#applied = applied;
  }

  enter(state: ReplicationState, fault: SyncError | null): void {
    const isSameFault = fault?.code === this.#fault?.code && fault?.message === this.#fault?.message;
    if (state === this.#state && isSameFault) return;
    if (state !== this.#state) {
      this.#stateSinceMs = Date.now();
      this.#logger.info({event: 'state', state}, `replication is ${state}`);
      if (state === 'starting' && fault !== null) this.#reconnects++;
    }
    this.#state = state;
    this.#fault = fault;
    this.#onChange();
  }
}
