/** A hash of the definitions of the mapped source columns: when it changes, their meaning may have changed. */
import {createHash} from 'node:crypto';
import type {Plan} from '../mapping/plan.ts';

export function schemaFingerprint(plan: Plan): string {
  const columns = plan.sources.flatMap(({table, actual, schema}) => [
    ...actual.map(name => {
      const column = schema.columns.find(candidate => candidate.name === name);
      return `${table}.${name ?? '-'}:${column?.definition ?? ''}:${column?.charset ?? ''}`;
    }),
    ...(schema.rowEnd === undefined ? [] : [`${table} versioned by ${schema.rowEnd}`]),
  ]);
  // Another foreign key may have cascaded before it was dropped.
  const cascades = [...plan.cascades.unlogged].map(
    ([table, {deletes, updates}]) =>
      `${table} cascades ${deletes ? 'deletes' : ''} ${updates ? 'updates' : ''}`,
  );
  columns.push(...cascades.sort());
  return createHash('sha256').update(columns.join('\n')).digest('hex').slice(0, 16);
}
