import {previewMapping, type Preview, type TablePreview} from '../../reconciler/preview.ts';
import type {CommandContext} from './program.ts';
import {connect, queryRows, type Connection} from '../db/connection.ts';
import type {Config} from '../config.ts';
import {targetsInCanonical} from '../doctor/other-streams.ts';
import {targetsOf} from '../mapping/mapping.ts';

/**
 * Prints what a start with this mapping would do, and writes nothing.
 *
 * @returns 0 if there is nothing to do, 1 if there is; throws if that cannot be found out
 */
export async function planCommand({config, signal}: CommandContext, json: boolean): Promise<number> {
  const left = await tablesThatLeft(config);
  const preview = await previewMapping(config, signal);
  if (json) process.stdout.write(`${JSON.stringify({...preview, tablesThatLeft: left}, null, 2)}\n`);
  else for (const line of describe(preview, left)) process.stdout.write(`${line}\n`);
  return preview.nothingToDo ? 0 : 1;
}

/** The target tables that the stream's last mapping has and this one lacks. */
async function tablesThatLeft(config: Config): Promise<readonly string[]> {
  const target = await connect('target', config.target);
  try {
    if (!(await hasSavedMapping(target, config))) return [];
    const [row] = await queryRows('target', target, 'SELECT mapping FROM sync_checkpoint WHERE stream = ?', [
      config.name,
    ]);
    const before = typeof row?.[0] === 'string' ? (targetsInCanonical(row[0]) ?? []) : [];
    const now = targetsOf(config.mapping);
    return before.filter(table => !now.includes(table));
  } finally {
    target.destroy();
  }
}

async function hasSavedMapping(target: Connection, {target: {database}}: Config): Promise<boolean> {
  const [row] = await queryRows(
    'target',
    target,
    "SELECT COUNT(*) FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'sync_checkpoint' AND COLUMN_NAME = 'mapping'",
    [database],
  );
  return Number(row?.[0]) > 0;
}

function* describe({tables, nothingToDo}: Preview, left: readonly string[]): Generator<string> {
  for (const [table, preview] of Object.entries(tables)) {
    const {insert, change, delete: deleted, setAside} = preview;
    yield `${table.padEnd(16)} ${insert} to insert, ${change} to change, ${deleted} to delete, ${setAside} to set aside`;
    yield* samples(preview);
  }
  for (const table of left) yield `${table.padEnd(16)} has left the mapping: its rows stay as they are`;
  yield nothingToDo ? 'nothing to do' : 'changes';
}

function* samples({sampleKeys, differingColumns}: TablePreview): Generator<string> {
  const words = {insert: 'insert', change: 'change', delete: 'delete', setAside: 'set aside'} as const;
  for (const kind of ['insert', 'change', 'delete', 'setAside'] as const)
    if (sampleKeys[kind].length > 0) yield `  ${words[kind]}, such as ${sampleKeys[kind].join(' ')}`;
  const columns = Object.entries(differingColumns);
  if (columns.length > 0)
    yield `  columns that differ: ${columns.map(([name, rows]) => `${name} in ${rows}`).join(', ')}`;
}
