/** Which version this is. Apart from the server, whose libraries the daemon's thread does without. */
import {readFileSync} from 'node:fs';
import {z} from 'zod';

/** From package.json, which lies one folder further up from the built files than from the sources. */
export function packageVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const parsed = z
        .object({name: z.literal('laas-sync'), version: z.string()})
        .safeParse(JSON.parse(readFileSync(new URL(up, import.meta.url), 'utf8')));
      if (parsed.success) return parsed.data.version;
    } catch {
      // Not there: the next folder may have it.
    }
  }
  return 'unknown';
}
