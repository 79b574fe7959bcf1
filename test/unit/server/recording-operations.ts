/** An Operations in memory that records its calls, and answers as the test says. */
import type {EdgeOperations} from '../../../src/server/context.ts';
import type {
  DeadLetter,
  OperationEvent,
  Operations,
  Page,
  EndedRun,
  Run,
  RunState,
  StartedRun,
  Status,
  TableOutcome,
  TableOutcomes,
  TableVerdict,
  TriggerRequest,
  Verdict,
} from '../../../src/status/operations.ts';

export const NOW = '2026-03-01T12:00:00.000Z';

export function outcomes(change: Partial<TableOutcome> = {}): TableOutcomes {
  const one = () => ({compared: 10, repaired: 0, deleted: 0, deadLetters: 0, ...change});
  return {institute: one(), user: one(), institute_users: one(), user_auth: one()};
}

export function run(runId: string, state: RunState = 'succeeded', change: Partial<Run> = {}): Run {
  const ended = state === 'running' ? null : '2026-03-01T02:30:04.512Z';
  return {
    runId,
    trigger: 'schedule',
    mode: 'diff',
    state,
    startedAt: '2026-03-01T02:30:00.000Z',
    endedAt: ended,
    durationMs: ended === null ? null : 4512,
    tables: outcomes(),
    error: state === 'failed' ? 'the source cannot be reached' : null,
    ...change,
  };
}

export function status(
  change: Partial<Status> = {},
  replication: Partial<Status['replication']> = {},
): Status {
  return {
    name: 'production',
    lastSync: '2026-03-01T02:30:04.512Z',
    organizationService: {users: 1200, institutes: 30, instituteUsers: 1500, userAuth: 1200},
    sourceDatabase: {users: 1200, institutes: 30, instituteUsers: 1500, userAuth: 1200},
    countedAt: '2026-03-01T11:59:30.000Z',
    isHealthy: true,
    timestamp: NOW,
    replication: {
      state: 'streaming',
      lagSeconds: 0.012,
      lagBytes: 0,
      position: {tag: 'mariadb-gtid', gtid: '0-1-4711'},
      sourcePosition: {tag: 'mariadb-gtid', gtid: '0-1-4711'},
      lastEventAt: '2026-03-01T11:59:59.000Z',
      lastContactAt: '2026-03-01T11:59:59.500Z',
      lastAppliedAt: '2026-03-01T11:59:58.000Z',
      transactionsApplied: 420,
      rowsApplied: 1337,
      reconnects: 1,
      fault: null,
      ...replication,
    },
    lastRun: run('run-1'),
    currentRun: null,
    progress: null,
    nextRun: '2026-03-02T02:30:00.000Z',
    deadLetters: 0,
    foreignRows: {institute: 0, user: 3, institute_users: 0, user_auth: 3},
    reasons: [],
    warnings: [],
    ...change,
  };
}

export function deadLetter(key: string, change: Partial<DeadLetter> = {}): DeadLetter {
  return {
    table: 'user',
    key,
    code: 'invalid-email',
    detail: null,
    position: 'mysql-bin.000004:1234',
    firstSeenAt: '2026-02-27T08:00:00.000Z',
    lastSeenAt: '2026-03-01T02:30:02.000Z',
    attempts: 3,
    ...change,
  };
}

/** A table that is equal on both sides. */
export const NO_DRIFT: TableVerdict = {
  compared: 10,
  missing: 0,
  different: 0,
  extra: 0,
  deadLetters: 0,
  foreign: 0,
  sampleKeys: [],
};

export const EQUAL: Verdict = {
  equal: true,
  durationMs: 900,
  tables: Object.fromEntries(
    ['institute', 'user', 'institute_users', 'user_auth'].map(table => [table, NO_DRIFT]),
  ),
};

type Method = Exclude<keyof Operations, 'status' | 'isReady' | 'subscribe'>;

export class RecordingOperations implements EdgeOperations {
  now: Status = status();
  ready = true;
  answering = true;
  /** The status after the next {@link refresh}. */
  unseen: Status | null = null;
  history: Run[] = [run('run-1')];
  letters: DeadLetter[] = [];
  verdict: Verdict = EQUAL;
  readonly asked: {readonly method: Method; readonly argument?: unknown}[] = [];
  /** Thrown by the method of that name. */
  readonly faults = new Map<Method, Error>();
  readonly #listeners = new Set<(event: OperationEvent) => void>();
  #endRun: ((run: EndedRun) => void) | null = null;

  status(): Status {
    return this.now;
  }
  isReady(): boolean {
    return this.ready;
  }
  isAnswering(): boolean {
    return this.answering;
  }
  async refresh(): Promise<void> {
    this.now = this.unseen ?? this.now;
    this.unseen = null;
  }
  get watchers(): number {
    return this.#listeners.size;
  }

  async trigger(request: TriggerRequest): Promise<StartedRun> {
    this.#record('trigger', request);
    const runId = `run-${this.history.length + 1}`;
    const started = run(runId, 'running', {mode: request.mode, trigger: 'api'});
    this.history.unshift(started);
    const ended = new Promise<EndedRun>(resolve => {
      this.#endRun = resolve;
    });
    this.change({currentRun: started});
    this.emit({tag: 'run', run: started});
    return {runId, ended};
  }

  /** Ends the run that `trigger` began. */
  end(state: Exclude<RunState, 'running'>, {failure = null, ...change}: Partial<EndedRun> = {}): void {
    const current = this.history[0];
    if (current === undefined) throw new Error('no run');
    const ended = run(current.runId, state, {mode: current.mode, trigger: current.trigger, ...change});
    this.history[0] = ended;
    this.change({currentRun: null, lastRun: ended, progress: null});
    this.emit({tag: 'run', run: ended});
    this.#endRun?.({...ended, failure});
  }

  async verify(signal: AbortSignal): Promise<Verdict> {
    this.#record('verify', signal);
    return this.verdict;
  }
  async pause(): Promise<void> {
    this.#record('pause');
    this.change({}, {state: 'paused'});
  }
  async resume(): Promise<void> {
    this.#record('resume');
    this.change({}, {state: 'streaming'});
  }
  async runs(page: {after: string | null; limit: number}): Promise<Page<Run>> {
    this.#record('runs', page);
    return pageOf(this.history, page, each => each.runId);
  }
  async run(runId: string): Promise<Run | null> {
    this.#record('run', runId);
    return this.history.find(each => each.runId === runId) ?? null;
  }
  async deadLetters(page: {
    after: string | null;
    limit: number;
    table?: string | undefined;
  }): Promise<Page<DeadLetter>> {
    this.#record('deadLetters', page);
    const wanted = this.letters.filter(each => page.table === undefined || each.table === page.table);
    return pageOf(wanted, page, each => `${each.table}:${each.key}`);
  }
  async retryDeadLetters(): Promise<{retried: number; remaining: number}> {
    this.#record('retryDeadLetters');
    const retried = this.letters.length;
    this.letters = this.letters.slice(0, 1);
    this.change({deadLetters: this.letters.length});
    return {retried, remaining: this.letters.length};
  }

  subscribe(listener: (event: OperationEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  change(change: Partial<Status>, replication: Partial<Status['replication']> = {}): void {
    this.now = {...this.now, ...change, replication: {...this.now.replication, ...replication}};
    this.emit({tag: 'status', status: this.now});
  }
  emit(event: OperationEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #record(method: Method, argument?: unknown): void {
    this.asked.push(argument === undefined ? {method} : {method, argument});
    const fault = this.faults.get(method);
    if (fault !== undefined) throw fault;
  }
}

function pageOf<T>(
  all: readonly T[],
  page: {after: string | null; limit: number},
  cursor: (item: T) => string,
): Page<T> {
  const start = page.after === null ? 0 : all.findIndex(each => cursor(each) === page.after) + 1;
  const items = all.slice(start, start + page.limit);
  const last = items.at(-1);
  return {items, next: last !== undefined && start + page.limit < all.length ? cursor(last) : null};
}
