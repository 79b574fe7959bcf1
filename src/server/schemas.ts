/**
 * The shapes of the API, as data: requests are validated by them, and /openapi.json is made from them.
 * What the server answers is typed by src/status/operations.ts; the compiler holds the two together.
 */
import {z} from '@hono/zod-openapi';
import {DEAD_LETTER_CODES, ERROR_CODE_NAMES} from '../errors.ts';
import {TARGET_TABLES} from '../status/operations.ts';

const moment = z.string().openapi({format: 'date-time', example: '2026-03-01T02:30:04.512Z'});
const count = z.number().int().min(0);
const table = z.enum(TARGET_TABLES);

function byTable<S extends z.ZodType>(schema: S) {
  return z.object({institute: schema, user: schema, institute_users: schema, user_auth: schema});
}

const kept = count.openapi({
  description: 'With SYNC_DELETES=keep: rows of ours that the source does not have any more, and that stay.',
});
const tableOutcome = z
  .object({
    compared: count.openapi({description: 'Eligible source rows that the run vouches for.'}),
    repaired: count,
    deleted: count,
    deadLetters: count,
    kept: kept.optional(),
  })
  .openapi('TableOutcome');
const tableOutcomes = byTable(tableOutcome).openapi('TableOutcomes');

export const runSchema = z
  .object({
    runId: z.string(),
    trigger: z.enum(['schedule', 'api', 'cli', 'recovery']),
    mode: z.enum(['diff', 'full']),
    state: z.enum(['running', 'succeeded', 'failed', 'needs-confirmation']),
    startedAt: moment,
    endedAt: moment.nullable(),
    durationMs: z.number().nullable(),
    tables: tableOutcomes,
    error: z.string().nullable(),
  })
  .openapi('Run');

const counts = z
  .object({users: count, institutes: count, instituteUsers: count, userAuth: count})
  .openapi('Counts');
const progress = z
  .object({
    runId: z.string(),
    table,
    rows: count,
    totalRows: count,
    fraction: z.number().min(0).max(1).openapi({description: 'Of the source rows.'}),
  })
  .openapi('RunProgress');
const position = z.record(z.string(), z.unknown()).openapi('Position');

export const statusSchema = z
  .object({
    name: z.string().openapi({description: 'SYNC_NAME: which stream this is.'}),
    lastSync: moment.nullable().openapi({description: 'When a reconcile last succeeded.'}),
    organizationService: counts.nullable().openapi({description: 'Rows of the target; null until counted.'}),
    sourceDatabase: counts
      .nullable()
      .openapi({description: 'Eligible rows of the source; null until counted.'}),
    countedAt: moment.nullable(),
    isHealthy: z.boolean(),
    timestamp: moment,
    replication: z.object({
      state: z.enum(['starting', 'snapshotting', 'streaming', 'paused', 'standby', 'halted', 'stopped']),
      lagSeconds: z
        .number()
        .nullable()
        .openapi({description: 'Null where it is not known; never a false 0.'}),
      lagBytes: z.number().nullable(),
      position: position.nullable(),
      sourcePosition: position.nullable(),
      lastEventAt: moment.nullable(),
      lastContactAt: moment.nullable(),
      lastAppliedAt: moment.nullable(),
      transactionsApplied: count,
      rowsApplied: count,
      reconnects: count,
      fault: z
        .object({code: z.enum(ERROR_CODE_NAMES), action: z.string()})
        .nullable()
        .openapi({description: 'What keeps it from streaming, and what an operator does about it.'}),
    }),
    lastRun: runSchema.nullable(),
    currentRun: runSchema.nullable(),
    progress: progress.nullable(),
    nextRun: moment.nullable(),
    deadLetters: count,
    foreignRows: byTable(count).nullable(),
    reasons: z.array(z.string()).readonly().openapi({description: 'Why not healthy.'}),
    warnings: z.array(z.string()).readonly(),
  })
  .openapi('Status');

const deadLetterSchema = z
  .object({
    table,
    key: z.string(),
    code: z.enum(DEAD_LETTER_CODES),
    detail: z
      .string()
      .nullable()
      .openapi({description: "The server's error number or the other key; never a value."}),
    position: z.string().nullable(),
    firstSeenAt: moment,
    lastSeenAt: moment,
    attempts: count,
  })
  .openapi('DeadLetter');

const next = z
  .string()
  .nullable()
  .openapi({description: 'Pass it as `after` for the next page; null at the end.'});
export const runPageSchema = z.object({items: z.array(runSchema).readonly(), next}).openapi('RunPage');
export const deadLetterPageSchema = z
  .object({items: z.array(deadLetterSchema).readonly(), next})
  .openapi('DeadLetterPage');

const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().min(1).max(200).optional(),
};
export const runsQuery = z.object(paging);
export const deadLettersQuery = z.object({...paging, table: table.optional()});
export const runParams = z.object({id: z.string().min(1).max(64)});

export const triggerBody = z
  .strictObject({
    mode: z.enum(['diff', 'full']).default('diff').openapi({description: '`full` writes every row again.'}),
    wait: z.boolean().default(true).openapi({description: 'Answer when the run has ended.'}),
    allowDeletes: z
      .boolean()
      .default(false)
      .openapi({description: 'Go ahead with more deletes than SYNC_MAX_DELETE_RATIO allows.'}),
  })
  .openapi('TriggerRequest');

export const triggerResult = z
  .object({
    success: z.boolean(),
    message: z.string().openapi({example: 'Data synchronization completed successfully'}),
    timestamp: moment,
    runId: z.string(),
    durationMs: z.number(),
    tables: tableOutcomes,
    state: z.literal('needs-confirmation').optional().openapi({
      description:
        'Only with `success: false`: the run would have deleted too much, so it stopped deleting. Trigger again with `allowDeletes` if the deletes are wanted.',
    }),
  })
  .openapi('TriggerResult');
export const triggerStarted = z
  .object({success: z.literal(true), message: z.string(), timestamp: moment, runId: z.string()})
  .openapi('TriggerStarted');

const verdictTable = z
  .object({
    compared: count.openapi({
      description:
        'Eligible source rows that were looked for, those that differ included; dead letters apart.',
    }),
    missing: count,
    different: count,
    extra: count,
    deadLetters: count,
    foreign: count,
    kept: kept.optional(),
    sampleKeys: z.array(z.string()).readonly(),
  })
  .openapi('TableVerdict');
export const verdictSchema = z
  .object({equal: z.boolean(), tables: byTable(verdictTable), durationMs: z.number()})
  .openapi('Verdict');

export const doneSchema = z
  .object({success: z.literal(true), message: z.string(), timestamp: moment})
  .openapi('Done');
export const retriedSchema = doneSchema.extend({retried: count, remaining: count}).openapi('Retried');

export const historySchema = z
  .object({
    at: z.array(z.number()).readonly().openapi({description: 'Seconds since 1970, oldest first.'}),
    lag: z.array(z.number().nullable()).readonly().openapi({description: 'Seconds; null where not known.'}),
    rows: z.array(z.number()).readonly().openapi({description: 'Rows applied since the start, so far.'}),
    transactions: z.array(z.number()).readonly(),
  })
  .openapi('LagHistory');

const problemSchema = z
  .object({
    success: z.literal(false),
    error: z.string().openapi({
      description: 'A code: one of docs/errors.md, or one of the HTTP edge.',
      example: 'run-active',
    }),
    message: z.string(),
    timestamp: moment,
    requestId: z.string().openapi({description: 'The log has it under this id.'}),
    field: z.string().optional().openapi({description: 'The part of the request that is at fault.'}),
    runId: z.string().optional(),
  })
  .openapi('Problem');

const PROBLEMS = {
  400: 'The request is malformed; `field` says where.',
  401: 'The token is missing or wrong.',
  403: 'The token may only read, or another site sent this.',
  404: 'There is no such thing.',
  409: 'A run is already going, or another instance leads.',
  413: 'The body is larger than 16 KiB.',
  429: 'Too many wrong tokens from this address.',
  500: 'It failed; `message` says why.',
  503: 'It cannot be done just now.',
} as const;

/** The problem answers of a route, for its description. */
export function problems<Status extends keyof typeof PROBLEMS>(...statuses: readonly Status[]) {
  const entry = (status: Status) =>
    [status, {description: PROBLEMS[status], ...json(problemSchema)}] as const;
  return Object.fromEntries(statuses.map(entry));
}

export function json<S extends z.ZodType>(schema: S) {
  return {content: {'application/json': {schema}}};
}
