/**
 * Writes docs/errors.md from the table of codes in src/errors.ts: `node dist/test/build/errors-doc.js`.
 *
 * A test compares the document with the table.
 */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {ERROR_CODES, type ErrorEntry, type Reaction} from '../../src/errors.ts';

const REACTIONS: Readonly<Record<Reaction, {title: string; text: string}>> = {
  halt: {
    title: 'It halts',
    text: 'Replication stops at the current transaction and skips nothing after it. The state is `halted`, the status is not healthy, and an alert is sent. Replication checks again automatically, and continues as soon as it can.',
  },
  retry: {
    title: 'It retries',
    text: 'It retries with exponential backoff and jitter, until it succeeds or an operator stops it. Nothing is lost, and applying a change twice has no further effect.',
  },
  reanchor: {
    title: 'It restarts from a new position',
    text: 'Replication restarts automatically from a new position, with a full reconcile that includes deletes. The state is `snapshotting` meanwhile.',
  },
  'dead-letter': {
    title: 'The row waits',
    text: 'One row cannot be written and waits as a dead letter, without its values; the stream continues. Each reconcile retries it, as do `laas-sync dead-letters retry` and a change of the row.',
  },
  stop: {
    title: 'The command ends',
    text: 'A restart alone changes nothing.',
  },
};

/** The whole document. */
export function errorsDocument(): string {
  const sections = Object.entries(REACTIONS).map(([reaction, {title, text}]) => {
    const rows = (Object.entries(ERROR_CODES) as [string, ErrorEntry][]).filter(
      ([, entry]) => entry.reaction === reaction,
    );
    return [
      `## ${title}`,
      '',
      text,
      '',
      '| code | what happened | what to do |',
      '|---|---|---|',
      ...rows.map(([code, {meaning, action}]) => `| \`${code}\` | ${cell(meaning)} | ${cell(action)} |`),
      '',
    ].join('\n');
  });
  return [
    '# Error codes',
    '',
    '<!-- Generated from src/errors.ts by test/build/errors-doc.ts: change it there. -->',
    '',
    'Every fault has a code. The code is in logs (`code`), in `reasons` of `GET /sync/status`, in runs and dead letters, in alerts, and before the message of a command that failed. A code never changes its meaning; the wording of messages may change. The code alone decides the reaction to a fault. [runbook.md](runbook.md) has the steps for an operator.',
    '',
    ...sections,
    '## Exit codes of the commands',
    '',
    '| exit code | meaning |',
    '|---|---|',
    '| 0 | done; `verify`: equal; `doctor`: nothing must be fixed; `plan`: nothing to do; `start`: asked to stop |',
    '| 1 | a fault; `verify`: drift; `plan`: changes; `doctor`: something must be fixed |',
    '| 2 | `verify` or `plan` could not be completed |',
    '| 75 | a daemon leads this stream (`lease-held`) |',
    '| 78 | the configuration, or the mapping file, is not usable (`config-invalid`) |',
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  // From dist/test/build.
  writeFileSync(join(import.meta.dirname, '../../../docs/errors.md'), errorsDocument());
}
