/**
 * Folds row changes into the last state of each row, so that a batch writes each key once, whatever
 * happened to it, and remembers what cannot be seen from the last state alone.
 */
import {ChangeSet, FRESH, LEFT, REREAD, type EntityChanges} from '../../src/apply/change-set.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import {sourceKey} from '../../src/mapping/row.ts';
import type {RowChange} from '../events.ts';

export class Compactor {
  readonly #changes: ChangeSet;
  /** Several entities may be made of one source table. */
  readonly #entitiesOf: ReadonlyMap<string, readonly EntityPlan[]>;

  constructor(plan: Plan) {
    this.#changes = new ChangeSet(plan);
    this.#entitiesOf = new Map(
      plan.sources.map(source => [
        source.table,
        plan.entities.filter(entity => entity.source.table === source.table),
      ]),
    );
  }

  add(change: RowChange): void {
    for (const entity of this.#entitiesOf.get(change.table) ?? [])
      fold(entity, this.#changes.of(entity), change);
  }

  changes(): ChangeSet {
    return this.#changes;
  }
}

function fold(
  entity: EntityPlan,
  changes: EntityChanges,
  {before, after, partial, unchecked}: RowChange,
): void {
  const oldKey = before === null ? null : sourceKey(entity, before);
  const newKey = after === null ? null : sourceKey(entity, after);
  const moved = oldKey !== null && oldKey !== newKey;
  // Where keys repeat, one row does not tell which of them counts.
  if (moved) changes.set(oldKey, null, entity.repeats ? LEFT | REREAD : LEFT);
  if (newKey === null) return;
  const reread = partial || entity.repeats ? REREAD : 0;
  const isKnown = changes.has(newKey);
  const fresh = !isKnown && before === null && !unchecked ? FRESH : 0;
  const known = isKnown ? changes.flagsOf(newKey) & (LEFT | FRESH) : fresh;
  changes.set(newKey, after, known | reread | (moved ? LEFT : 0));
}
