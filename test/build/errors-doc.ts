/**
 * Writes docs/errors.md from the table of codes in src/errors.ts: `node dist/test/build/errors-doc.js`.
 *
 * The test of the documents holds the two to be the same.
 */
import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {ERROR_CODES, type ErrorEntry, type Reaction} from '../../src/errors.ts';

const REACTIONS: Readonly<Record<Reaction, {title: string; text: string}>> = {
  halt: {
    title: 'It halts',
    text: 'Replication stands still at the transaction in hand: nothing after it is skipped. The state is `halted`, health is bad, the alert goes out; it looks again by itself and goes on as soon as it can.',
  },
  retry: {
    title: 'It tries again',
    text: 'With exponential backoff and jitter, until it works or an operator stops it. Nothing is lost and nothing is applied twice with effect.',
  },
  reanchor: {
    title: 'It starts anew',
    text: 'From a new position, with a full reconcile, deletes included. By itself, and visible meanwhile as the state `snapshotting`.',
  },
  'dead-letter': {
    title: 'The row waits',
    text: 'One row cannot be written and waits as a dead letter, without its values; the stream goes on. It is tried again by each reconcile, by `laas-sync dead-letters retry`, and when the row changes.',
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
    'Every fault has a code. It stands in logs (`code`), in `reasons` of `GET /sync/status`, in runs and dead letters, in alerts, and before the message of a command that failed. A code never changes its meaning; messages may change their words. What we do about a fault is decided by its code alone. Step by step: [runbook.md](runbook.md).',
    '',
    ...sections,
    '## Exit codes of the commands',
    '',
    '| exit code | meaning |',
    '|---|---|',
    '| 0 | done; `verify`: equal; `doctor`: nothing must be fixed; `plan`: nothing to do; `start`: asked to stop |',
    '| 1 | a fault; `verify`: drift; `plan`: changes; `doctor`: something must be fixed |',
    '| 2 | `verify` or `plan` could not tell |',
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
