/** A short name for the definitions of the mapped source columns: when it changes, their meaning may have. */
import {createHash} from 'node:crypto';
import type {Plan} from '../mapping/plan.ts';

export function schemaFingerprint(plan: Plan): string {
  const columns = plan.sources.flatMap(({table, actual, schema}) =>
    actual.map(name => {
      const column = schema.columns.find(candidate => candidate.name === name);
      return `${table}.${name ?? '-'}:${column?.definition ?? ''}:${column?.charset ?? ''}`;
    }),
  );
  return createHash('sha256').update(columns.join('\n')).digest('hex').slice(0, 16);
}
