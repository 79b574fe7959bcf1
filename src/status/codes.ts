/** The codes under which rows of a mapping may wait. */
import {DEAD_LETTER_CODES, type DeadLetterCode} from '../errors.ts';
import {invalidCode} from '../mapping/checks.ts';
import type {Mapping} from '../mapping/mapping.ts';

/** Returns the codes of every mapping, and one for each column with a check. */
export function deadLetterCodes({tables}: Pick<Mapping, 'tables'>): readonly DeadLetterCode[] {
  const checked = tables.flatMap(({columns}) => columns.filter(({checks}) => checks.length > 0));
  return [...new Set([...DEAD_LETTER_CODES, ...checked.map(({target}) => invalidCode(target))])];
}
