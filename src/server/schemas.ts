/**
 * The shapes of the API, as data: they validate requests, and /openapi.json is built from them.
 * src/status/operations.ts has the types of the answers; the compiler keeps the two consistent. Shapes with names
 * of tables are in mapped-schemas.ts.
 */
import {z} from '@hono/zod-openapi';
import {ERROR_CODE_NAMES} from '../errors.ts';

export const moment = z.string().openapi({format: 'date-time', example: '2026-03-01T02:30:04.512Z'});
export const count = z.number().int().min(0);

const kept = count.openapi({
  description: 'With SYNC_DELETES=keep: owned rows that the source does not have any more, and that stay.',
});

export const tableOutcome = z
  .object({
    compared: count.openapi({description: 'Eligible source rows that the run has checked or written.'}),
    repaired: count,
    deleted: count,
    deadLetters: count,
    kept: kept.optional(),
  })
  .openapi('TableOutcome');

export const verdictTable = z
  .object({
    compared: count.openapi({
      description:
        'Eligible source rows that were compared, those that differ included; dead letters are not counted.',
    }),
    missing: count,
    different: count,
    extra: count,
    deadLetters: count,
    foreign: count,
    kept: kept.optional(),
    differingColumns: z
      .record(z.string(), count)
      .optional()
      .openapi({description: 'The number of different rows in which each column differs.'}),
    sampleKeys: z.array(z.string()).readonly(),
  })
  .openapi('TableVerdict');

const position = z.record(z.string(), z.unknown()).openapi('Position');

export const replication = z.object({
  state: z.enum(['starting', 'snapshotting', 'streaming', 'paused', 'standby', 'halted', 'stopped']),
  lagSeconds: z.number().nullable().openapi({description: 'Null if it is unknown; never a false 0.'}),
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
});

export const next = z
  .string()
  .nullable()
  .openapi({description: 'Pass it as `after` for the next page; null at the end.'});

export const paging = {
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z.string().min(1).max(200).optional(),
};
export const runsQuery = z.object(paging);
export const runParams = z.object({id: z.string().min(1).max(64)});

export const triggerBody = z
  .strictObject({
    mode: z.enum(['diff', 'full']).default('diff').openapi({description: '`full` writes every row again.'}),
    wait: z.boolean().default(true).openapi({description: 'Answer when the run has ended.'}),
    allowDeletes: z
      .boolean()
      .default(false)
      .openapi({description: 'Allow more deletes than SYNC_MAX_DELETE_RATIO.'}),
  })
  .openapi('TriggerRequest');

export const triggerStarted = z
  .object({success: z.literal(true), message: z.string(), timestamp: moment, runId: z.string()})
  .openapi('TriggerStarted');

export const mappingSchema = z
  .object({
    changed: z.boolean().openapi({
      description: 'The last run used another mapping, and no reconcile has ended with this one.',
    }),
    tables: z
      .array(
        z.object({
          table: z.string().openapi({description: 'The target table.'}),
          source: z.string(),
          label: z.string().openapi({description: 'Its name in counts.'}),
          key: z.array(z.string()).readonly(),
          conditions: z.array(z.string()).readonly(),
          parents: z.array(z.object({table: z.string(), columns: z.array(z.string()).readonly()})).readonly(),
          newest: z.string().nullable(),
          columns: z
            .array(
              z.object({
                column: z.string(),
                from: z.array(z.string()).readonly(),
                operator: z.string(),
                detail: z.string().openapi({description: 'The options of the operator; empty without any.'}),
                checks: z.array(z.string()).readonly(),
              }),
            )
            .readonly(),
        }),
      )
      .readonly(),
  })
  .openapi('Mapping');

export const doneSchema = z
  .object({success: z.literal(true), message: z.string(), timestamp: moment})
  .openapi('Done');
export const retriedSchema = doneSchema.extend({retried: count, remaining: count}).openapi('Retried');

export const historySchema = z
  .object({
    at: z.array(z.number()).readonly().openapi({description: 'Seconds since 1970, oldest first.'}),
    lag: z.array(z.number().nullable()).readonly().openapi({description: 'Seconds; null if unknown.'}),
    rows: z.array(z.number()).readonly().openapi({description: 'Total rows applied since the start.'}),
    transactions: z.array(z.number()).readonly(),
  })
  .openapi('LagHistory');

const problemSchema = z
  .object({
    success: z.literal(false),
    error: z.string().openapi({
      description: 'A code: one of docs/errors.md, or one of the HTTP interface.',
      example: 'run-active',
    }),
    message: z.string(),
    timestamp: moment,
    requestId: z.string().openapi({description: 'The id of the request in the log.'}),
    field: z.string().optional().openapi({description: 'The part of the request that is wrong.'}),
    runId: z.string().optional(),
  })
  .openapi('Problem');

const PROBLEMS = {
  400: 'The request is malformed; `field` names the part that is wrong.',
  401: 'The token is missing or wrong.',
  403: 'The token may only read, or another site sent this request.',
  404: 'There is nothing with this name or id.',
  409: 'A run is already active, or another instance leads.',
  413: 'The body is larger than 16 KiB.',
  429: 'Too many wrong tokens from this address.',
  500: 'The request failed; `message` says why.',
  503: 'The request cannot be handled now.',
} as const;

/** Returns the problem answers of a route, for its description. */
export function problems<Status extends keyof typeof PROBLEMS>(...statuses: readonly Status[]) {
  const entry = (status: Status) =>
    [status, {description: PROBLEMS[status], ...json(problemSchema)}] as const;
  return Object.fromEntries(statuses.map(entry));
}

export function json<S extends z.ZodType>(schema: S) {
  return {content: {'application/json': {schema}}};
}
