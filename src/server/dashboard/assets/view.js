/**
 * The texts of the page for a status: a pure function, called by the server for the first paint and by the
 * browser for every later change, so that the two cannot differ.
 */
import * as f from './format.js';

const STATES = {
  starting: {tone: 'busy', icon: 'busy', label: 'Starting', help: 'Connecting to both servers.'},
  snapshotting: {
    tone: 'busy',
    icon: 'busy',
    label: 'Snapshotting',
    help: 'All rows are being copied or compared; changes are applied meanwhile.',
  },
  streaming: {tone: 'ok', icon: 'ok', label: 'Streaming', help: 'Changes are applied as they happen.'},
  paused: {
    tone: 'warn',
    icon: 'pause',
    label: 'Paused',
    help: 'No change is applied until an operator resumes it.',
  },
  standby: {
    tone: 'idle',
    icon: 'idle',
    label: 'Standby',
    help: 'Another instance leads; this one takes over if it dies. Run, pause and retry there.',
  },
  halted: {
    tone: 'bad',
    icon: 'bad',
    label: 'Halted',
    help: 'Stopped at a transaction; nothing after it is skipped.',
  },
  stopped: {tone: 'bad', icon: 'bad', label: 'Stopped', help: 'Replication is not running.'},
};

const RUNS = {
  running: {tone: 'busy', icon: 'busy', label: 'Running'},
  succeeded: {tone: 'ok', icon: 'ok', label: 'Succeeded'},
  failed: {tone: 'bad', icon: 'bad', label: 'Failed'},
  'needs-confirmation': {tone: 'warn', icon: 'warn', label: 'Needs confirmation'},
};

/** A rate covers at least this long: over a shorter time it would be noise. */
const LEAST_S = 4;

/** Rows and transactions per second over the last few samples; null if there are too few samples. */
function throughput(history, windowSeconds = 15) {
  const last = history.at.length - 1;
  if (last < 1) return {rows: null, transactions: null};
  let first = last;
  while (first > 0 && history.at[last] - history.at[first] < windowSeconds) first -= 1;
  const known = history.at[last] - history.at[first] >= LEAST_S;
  return {
    rows: known ? difference(history.rows, first, last, history.at) : null,
    transactions: known ? difference(history.transactions, first, last, history.at) : null,
  };
}

/** A counter that decreased was reset with its process: there is no rate across the reset. */
function difference(counter, first, last, at) {
  const elapsed = at[last] - at[first];
  const grown = counter[last] - counter[first];
  return elapsed <= 0 || grown < 0 ? null : grown / elapsed;
}

/** The rate at each sample. */
export function ratesOf(at, counter, leastSeconds = LEAST_S) {
  let before = 0;
  return at.map((now, i) => {
    while (before + 1 < i && now - at[before + 1] >= leastSeconds) before += 1;
    return now - at[before] < leastSeconds ? null : difference(counter, before, i, at);
  });
}

export function stateOf(status) {
  return STATES[status.replication.state];
}

export function runStateOf(run) {
  return RUNS[run.state];
}

export function healthOf(status) {
  if (!status.isHealthy) return {tone: 'bad', icon: 'bad', label: 'Not healthy'};
  if (status.warnings.length > 0) return {tone: 'warn', icon: 'warn', label: 'Healthy, with warnings'};
  return {tone: 'ok', icon: 'ok', label: 'Healthy'};
}

/** Every text of the page that changes, by the name in its element's data-text. */
export function textsOf({status, history, nowMs, maxLagSeconds}) {
  const {replication: r} = status;
  const speed = throughput(history);
  const state = stateOf(status);
  return {
    state: state.label,
    stateHelp: state.help,
    health: healthOf(status).label,
    healthNote: healthNote(status, state),
    lag: f.seconds(r.lagSeconds),
    lagNote: r.lagSeconds === null ? unmeasured(r) : `unhealthy past ${f.seconds(maxLagSeconds)}`,
    behind: f.bytes(r.lagBytes),
    behindNote:
      r.lagBytes === null ? unmeasured(r) : r.lagBytes === 0 ? 'at the log’s end' : 'of the log to go',
    rate: speed.rows === null ? '–' : `${f.rate(speed.rows)} /s`,
    rateNote: speed.transactions === null ? 'measuring' : `${f.rate(speed.transactions)} transactions/s`,
    applied: f.ago(r.lastAppliedAt, nowMs),
    appliedNote:
      r.lastContactAt === null ? 'source not heard yet' : `source heard ${f.ago(r.lastContactAt, nowMs)}`,
    deadLetters: f.count(status.deadLetters),
    deadLettersNote: status.deadLetters === 0 ? 'every row could be written' : 'rows need a correction',
    nextRun: f.until(status.nextRun, nowMs),
    nextRunNote:
      status.lastSync === null
        ? 'no reconcile has succeeded yet'
        : `last success ${f.ago(status.lastSync, nowMs)}`,
    position: f.position(r.position),
    sourcePosition: f.position(furthestEnd(r)),
    positionNote: positionNote(r),
    transactionsApplied: f.count(r.transactionsApplied),
    rowsApplied: f.count(r.rowsApplied),
    reconnects: f.count(r.reconnects),
    lastEvent: f.ago(r.lastEventAt, nowMs),
    countedAt: status.countedAt === null ? 'not counted yet' : `counted ${f.ago(status.countedAt, nowMs)}`,
    ...runTexts(status, nowMs),
  };
}

/** Which blocks are shown, by the name in their data-show. */
export function shownOf(status) {
  return {
    running: status.currentRun !== null,
    idle: status.currentRun === null,
    pause: status.replication.state !== 'paused',
    resume: status.replication.state === 'paused',
    'confirm-deletes': status.currentRun === null && status.lastRun?.state === 'needs-confirmation',
    'mapping-changed': status.warnings.some(warning => warning.startsWith('mapping-changed')),
  };
}

/** Which operations would be refused now: a standby leaves them to the leader. */
export function refusedOf(status) {
  const standby = status.replication.state === 'standby';
  return {
    trigger: standby,
    'confirm-deletes': standby,
    pause: standby,
    resume: standby,
    retry: standby || status.deadLetters === 0,
  };
}

/** The appearance of the tile or row with that name. */
export function tonesOf(status, maxLagSeconds) {
  const lag = status.replication.lagSeconds;
  const late =
    status.replication.state === 'standby'
      ? 'plain'
      : lag === null
        ? 'warn'
        : lag > maxLagSeconds
          ? 'bad'
          : 'plain';
  return {
    state: stateOf(status).tone,
    health: healthOf(status).tone,
    lag: late,
    deadLetters: status.deadLetters > 0 ? 'warn' : 'plain',
    lastRun: status.lastRun === null ? 'idle' : runStateOf(status.lastRun).tone,
  };
}

/** Explains the colours in one line that changes only when they do. */
export function announcement(status) {
  const because = status.reasons.length === 0 ? '' : `: ${status.reasons.join('; ')}`;
  return `${stateOf(status).label}. ${healthOf(status).label}${because}.`;
}

/** What the state means, if the reasons do not say it. */
function healthNote(status, state) {
  if (status.isHealthy && status.warnings.length === 0) return `${state.help} Nothing needs you.`;
  return status.replication.state === 'streaming' ? '' : state.help;
}

function unmeasured(replication) {
  return replication.state === 'standby' ? 'known to the leader' : 'not measurable now';
}

/**
 * The end of the source's log is read at intervals: the applied position may be past it, and then it counts as
 * the end.
 */
function furthestEnd({position, sourcePosition, lagBytes}) {
  if (lagBytes !== 0 || position?.file === undefined || sourcePosition?.file === undefined)
    return sourcePosition;
  return {...sourcePosition, file: position.file, offset: position.offset};
}

function positionNote(replication) {
  if (replication.lagBytes === null) return 'Distance unknown';
  return replication.lagBytes === 0
    ? 'Equal: everything is applied'
    : `${f.bytes(replication.lagBytes)} apart`;
}

function runTexts({currentRun, lastRun, progress}, nowMs) {
  const done = progress === null || currentRun === null ? 0 : progress.fraction;
  return {
    runTitle:
      currentRun === null
        ? 'No run in progress'
        : `${kind(currentRun)}, started ${f.ago(currentRun.startedAt, nowMs)}`,
    runPercent: `${Math.floor(done * 100)} %`,
    runRows:
      progress === null
        ? 'preparing'
        : `${progress.table}: ${f.count(progress.rows)} of ${f.count(progress.totalRows)} rows in all`,
    lastRun: lastRun === null ? 'No run yet' : runStateOf(lastRun).label,
    lastRunNote:
      lastRun === null
        ? ''
        : `${kind(lastRun)}, ${f.ago(lastRun.startedAt, nowMs)}, took ${f.duration(lastRun.durationMs)}`,
  };
}

function kind(run) {
  const by = {
    schedule: 'scheduled',
    api: 'by API',
    cli: 'by command line',
    recovery: 'recovery',
  };
  return `${run.mode === 'full' ? 'Full' : 'Diff'} run, ${by[run.trigger]}`;
}
