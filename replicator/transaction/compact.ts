/**
 * Compacts row changes into the last state of each row, so that a batch writes each key once, and keeps flags for
 * what the last state alone does not show.
 */
import {ChangeSet, FRESH, INSERTED, LEFT, REREAD, type EntityChanges} from '../../src/apply/change-set.ts';
import type {EntityPlan} from '../../src/mapping/entities.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import {sourceKey} from '../../src/mapping/row.ts';
import type {RowChange} from '../events.ts';

export class Compactor {
  readonly #changes: ChangeSet;
  /** Several entities may be made of one source table. */
  readonly #entitiesOf: ReadonlyMap<string, readonly EntityPlan[]>;
  readonly #trustsChecks: boolean;
  #sawUnchecked = false;

  /** @param trustsChecks no row of an enforced reference is known to have been written without the checks */
  constructor(plan: Plan, trustsChecks = true) {
    this.#trustsChecks = trustsChecks;
    this.#changes = new ChangeSet(plan);
    this.#entitiesOf = new Map(
      plan.sources.map(source => [
        source.table,
        plan.entities.filter(entity => entity.source.table === source.table),
      ]),
    );
  }

  /** A session without foreign_key_checks wrote some of it, so a new parent may have older children. */
  get sawUnchecked(): boolean {
    return this.#sawUnchecked;
  }

  add(change: RowChange): void {
    const entities = this.#entitiesOf.get(change.table) ?? [];
    // The children of a parent that is deleted without the checks stay, and wait for a parent with its key.
    if (change.unchecked && entities.some(isEnforced)) this.#sawUnchecked = true;
    const trustsChecks = this.#trustsChecks && !this.#sawUnchecked;
    for (const entity of entities) fold(entity, this.#changes.of(entity), change, trustsChecks);
  }

  changes(): ChangeSet {
    return this.#changes;
  }
}

/** Whether the source's foreign keys are trusted for an entity, as a parent or as a child. */
function isEnforced({parents, children}: EntityPlan): boolean {
  return parents.some(edge => edge.isEnforced) || children.some(edge => edge.isEnforced);
}

function fold(
  entity: EntityPlan,
  changes: EntityChanges,
  {before, after, partial}: RowChange,
  trustsChecks: boolean,
): void {
  const oldKey = before === null ? null : sourceKey(entity, before);
  const newKey = after === null ? null : sourceKey(entity, after);
  const moved = oldKey !== null && oldKey !== newKey;
  // If keys repeat, one row does not show which of them counts.
  if (moved) changes.set(oldKey, null, entity.repeats ? LEFT | REREAD : LEFT);
  if (newKey === null) return;
  const reread = partial || entity.repeats ? REREAD : 0;
  const isKnown = changes.has(newKey);
  const fresh = !isKnown && before === null && trustsChecks ? FRESH : 0;
  // If keys repeat, another row may have the key.
  const isInsert = before === null && !entity.repeats;
  const known = isKnown
    ? changes.flagsOf(newKey) & (LEFT | FRESH | INSERTED)
    : fresh | (isInsert ? INSERTED : 0);
  // A row that is inserted twice was deleted in between, by a cascade.
  const hasLeft = moved || (isInsert && isKnown && !changes.isDeleted(newKey));
  changes.set(newKey, after, known | reread | (hasLeft ? LEFT : 0));
}
