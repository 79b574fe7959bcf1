/** The version of the program. It is separate from the server, whose libraries the daemon's thread does not load. */
import {readFileSync} from 'node:fs';
import {z} from 'zod';

/** From package.json, which is one folder further up from the built files than from the sources. */
export function packageVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const parsed = z
        .object({name: z.literal('laas-sync'), version: z.string()})
        .safeParse(JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')));
      if (parsed.success) return parsed.data.version;
    } catch {
      // It is not there; try the next folder.
    }
  }
  return 'unknown';
}
