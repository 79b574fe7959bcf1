/** The shapes of the API that hold names of tables, labels or codes. They are built from the mapping. */
import {z} from '@hono/zod-openapi';
import type {Mapping} from '../mapping/mapping.ts';
import {deadLetterCodes} from '../status/codes.ts';
import {count, moment, next, paging, replication, tableOutcome, verdictTable} from './schemas.ts';

/** An object with one value of this shape under each of these names. */
function byName<S extends z.ZodType>(names: readonly string[], schema: S) {
  return z.object(Object.fromEntries(names.map(name => [name, schema])) as Record<string, S>);
}

/** The shapes that hold names of tables, labels or codes of the mapping. */
export function apiSchemas(mapping: Pick<Mapping, 'tables' | 'labels'>) {
  const targets = mapping.tables.map(({target}) => target);
  const table = z.enum(targets);
  const tables = byName(targets, tableOutcome).openapi('TableOutcomes');
  const run = runOf(tables);
  return {
    run,
    runPage: z.object({items: z.array(run).readonly(), next}).openapi('RunPage'),
    status: statusOf(mapping, table, run),
    deadLetterPage: z
      .object({items: z.array(deadLetterOf(mapping)).readonly(), next})
      .openapi('DeadLetterPage'),
    deadLettersQuery: z.object({...paging, table: table.optional()}),
    triggerResult: triggerResultOf(tables),
    verdict: z
      .object({equal: z.boolean(), tables: byName(targets, verdictTable), durationMs: z.number()})
      .openapi('Verdict'),
  };
}
export type ApiSchemas = ReturnType<typeof apiSchemas>;

type Outcomes = z.ZodObject<Record<string, typeof tableOutcome>>;

function runOf(tables: Outcomes) {
  return z
    .object({
      runId: z.string(),
      trigger: z.enum(['schedule', 'api', 'cli', 'recovery']),
      mode: z.enum(['diff', 'full']),
      state: z.enum(['running', 'succeeded', 'failed', 'needs-confirmation']),
      startedAt: moment,
      endedAt: moment.nullable(),
      durationMs: z.number().nullable(),
      tables,
      error: z.string().nullable(),
    })
    .openapi('Run');
}

function statusOf(
  {tables, labels}: Pick<Mapping, 'tables' | 'labels'>,
  table: z.ZodType<string>,
  run: ReturnType<typeof runOf>,
) {
  const counts = byName(labels, count).openapi('Counts');
  const progress = z
    .object({
      runId: z.string(),
      table,
      rows: count,
      totalRows: count,
      fraction: z.number().min(0).max(1).openapi({description: 'Of the source rows.'}),
    })
    .openapi('RunProgress');
  const foreign = byName(
    tables.map(({target}) => target),
    count,
  );
  return z
    .object({
      name: z.string().openapi({description: 'SYNC_NAME: which stream this is.'}),
      lastSync: moment.nullable().openapi({description: 'When a reconcile last succeeded.'}),
      organizationService: counts
        .nullable()
        .openapi({description: 'Rows of the target; null until counted.'}),
      sourceDatabase: counts
        .nullable()
        .openapi({description: 'Eligible rows of the source; null until counted.'}),
      countedAt: moment.nullable(),
      isHealthy: z.boolean(),
      timestamp: moment,
      replication,
      lastRun: run.nullable(),
      currentRun: run.nullable(),
      progress: progress.nullable(),
      nextRun: moment.nullable(),
      deadLetters: count,
      foreignRows: foreign.nullable(),
      reasons: z.array(z.string()).readonly().openapi({description: 'Why not healthy.'}),
      warnings: z.array(z.string()).readonly(),
    })
    .openapi('Status');
}

function deadLetterOf(mapping: Pick<Mapping, 'tables'>) {
  return z
    .object({
      // Rows of a table that has left the mapping may wait, too.
      table: z.string(),
      key: z.string(),
      code: z.enum(deadLetterCodes(mapping) as string[]),
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
}

function triggerResultOf(tables: Outcomes) {
  return z
    .object({
      success: z.boolean(),
      message: z.string().openapi({example: 'Data synchronization completed successfully'}),
      timestamp: moment,
      runId: z.string(),
      durationMs: z.number(),
      tables,
      state: z.literal('needs-confirmation').optional().openapi({
        description:
          'Only with `success: false`: the run would have deleted too much, so it stopped deleting. Trigger again with `allowDeletes` if the deletes are wanted.',
      }),
    })
    .openapi('TriggerResult');
}
