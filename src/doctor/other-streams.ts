/** Which tables other streams write, as their saved mappings say. Pure. */
import {z} from 'zod';
import type {Mapping} from '../mapping/mapping.ts';

const saved = z.array(z.object({target: z.string()}));

/** A stream and the canonical form of the mapping that it last used; null where none was saved. */
export interface SavedMapping {
  readonly stream: string;
  readonly canonical: string | null;
}

/** The target tables of a mapping in its canonical form; null where the text is none. */
export function targetsInCanonical(canonical: string): string[] | null {
  try {
    const parsed = saved.safeParse(JSON.parse(canonical));
    return parsed.success ? parsed.data.map(({target}) => target) : null;
  } catch {
    return null;
  }
}

/** Other streams that write a target table of this mapping, each with those tables. */
export function sharedTables(
  mapping: Pick<Mapping, 'tables'>,
  otherStreams: readonly SavedMapping[],
): {readonly stream: string; readonly tables: readonly string[]}[] {
  const ours = new Set(mapping.tables.map(({target}) => target.toLowerCase()));
  return otherStreams.flatMap(({stream, canonical}) => {
    const theirs = canonical === null ? [] : (targetsInCanonical(canonical) ?? []);
    const tables = theirs.filter(name => ours.has(name.toLowerCase()));
    return tables.length === 0 ? [] : [{stream, tables}];
  });
}
