/** Values that must never be reported, and a search for them in every output. */
import {expect} from 'vitest';
import type {Stand} from './fault-stand.ts';

export const SECRETS = [
  'Secretfirst',
  'Secretlast',
  'SecretInstitute',
  'secret.mail',
  'SECRETHASH',
  'secret-api-token',
  'secret-read-token',
  'secret-db-word',
  'wrong-token-word',
  'secretpicture',
];

/** All outputs: the log, the bookkeeping tables, the output of commands, and these bodies. */
export async function expectNothingTold(stand: Stand, bodies: readonly string[]): Promise<void> {
  const tables = await Promise.all(
    ['sync_checkpoint', 'sync_owned', 'sync_dead_letter', 'sync_run', 'sync_lease'].map(table =>
      stand.targetRows(`SELECT * FROM ${table}`),
    ),
  );
  const commands = await Promise.all(
    [
      ['verify', '--json'],
      ['dead-letters', 'list'],
      ['doctor', '--json'],
      ['status', '--json'],
    ].map(args => stand.cli(args)),
  );
  const outputs = {
    log: stand.daemon.log(),
    bodies: bodies.join('\n'),
    tables: JSON.stringify(tables),
    commands: JSON.stringify(commands),
  };
  for (const [place, text] of Object.entries(outputs)) {
    for (const secret of SECRETS) {
      const at = text.indexOf(secret);
      expect(at < 0 ? '' : `${place}: …${text.slice(Math.max(0, at - 200), at + 100)}`).toBe('');
    }
  }
}
