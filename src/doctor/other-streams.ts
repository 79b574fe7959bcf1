/** Finds the tables that other streams write, from their saved mappings. Pure. */
import {z} from 'zod';
import type {Mapping} from '../mapping/mapping.ts';

const saved = z.array(z.object({target: z.string()}));

/** A stream and the canonical form of its last mapping; null if none was saved. */
export interface SavedMapping {
  readonly stream: string;
  readonly canonical: string | null;
}

/** Returns the target tables of a mapping in its canonical form; null if the text is not a mapping. */
export function targetsInCanonical(canonical: string): string[] | null {
  try {
    const parsed = saved.safeParse(JSON.parse(canonical));
    return parsed.success ? parsed.data.map(({target}) => target) : null;
  } catch {
    return null;
  }
}

/** Returns the other streams that write a target table of this mapping, each with those tables. */
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
