import {describe, expect, it} from 'vitest';
import {Ownership, type OwnershipView, type Want} from '../../../src/apply/ownership.ts';
import {chunkEnd} from '../../../src/apply/owned-chunks.ts';
import type {EntityPlan} from '../../../src/mapping/entities.ts';
import {closed, entityOf, plan} from '../plan-fixture.ts';

interface OwnedKey {
  readonly entity: EntityPlan;
  readonly key: string;
}
const plans = plan();
const ownedUser = (key: string): OwnedKey => ({entity: entityOf(plans, 'user'), key});
const ownedInstitute = (key: string): OwnedKey => ({entity: entityOf(plans, 'institute'), key});
const ownedMembership = (institute: string, user: string): OwnedKey => ({
  entity: entityOf(plans, 'institute_users'),
  key: `${institute}:${user}`,
});
const wanting = (keys: readonly OwnedKey[]) => (want: Want) => {
  for (const {entity, key} of keys) want(entity, key);
};
const isOwned = (view: OwnershipView, {entity, key}: OwnedKey) => view.has(entity, key);
const own = (view: OwnershipView, {entity, key}: OwnedKey) => view.add(entity, key);

const nothingStored = () => Promise.resolve(closed([]));

/** A table sync_owned in memory, as far as ownership speaks to it. */
function storage() {
  const rows = new Map<string, [string, string, string, Buffer]>();
  return {
    rows,
    store(statements: readonly string[]) {
      for (const sql of statements) {
        for (const [, kind = '', scope = '', chunk = '', members = ''] of sql.matchAll(
          /\('s','(\w+)','(-?\d*)',(-?\d+),\d+,x'([0-9a-f]*)'\)/g,
        )) {
          rows.set(`${kind}/${scope}/${chunk}`, [kind, scope, chunk, Buffer.from(members, 'hex')]);
        }
      }
    },
    query: () => Promise.resolve(closed([...rows.values()])),
  };
}

describe('the end of a chunk', () => {
  it.each([
    ['0', '65535'],
    ['65535', '65535'],
    ['65536', '131071'],
    ['-1', '-1'],
    ['-65536', '-1'],
    ['-65537', '-65537'],
    ['999999999999999', '1000000000032767'],
    ['9223372036854775807', '9223372036854775807'],
    ['-9223372036854775808', '-9223372036854710273'],
    ['18446744073709551615', '18446744073709551615'],
  ])('of %s is %s', (id, end) => {
    expect(chunkEnd(id)).toBe(end);
  });
});

describe('ownership', () => {
  const keys: OwnedKey[] = [
    ownedUser('0'),
    ownedUser('-1'),
    ownedUser('-65536'),
    ownedUser('-65537'),
    ownedUser('999999999999999'),
    ownedUser('1000000000000000'),
    ownedUser('-99999999999999'),
    ownedUser('-999999999999999'),
    ownedUser('9007199254740993'),
    ownedUser('9007199254740992'),
    ownedUser('9223372036854775807'),
    ownedUser('18446744073709551615'),
    ownedUser('18446744073709551614'),
    ownedUser('-9223372036854775808'),
    ownedInstitute('0'),
    ownedMembership('3', '7'),
    ownedMembership('-3', '7'),
  ];

  it('does not replace committed changes by an older read', async () => {
    const ownership = new Ownership('s');
    let answer: (rows: unknown[][]) => void = () => undefined;
    const early = ownership.view(wanting([ownedUser('1')]), () => new Promise(resolve => (answer = resolve)));
    const writer = await ownership.view(wanting([ownedUser('1')]), nothingStored);
    own(writer, ownedUser('1'));
    writer.commit();
    answer(closed([]));
    await early;
    expect(isOwned(await ownership.view(wanting([ownedUser('1')]), nothingStored), ownedUser('1'))).toBe(
      true,
    );
  });

  it('counts changes of an open transaction as committed on request', async () => {
    const ownership = new Ownership('s');
    const writer = await ownership.view(wanting([ownedUser('1'), ownedUser('2')]), nothingStored);
    own(writer, ownedUser('1'));
    const after = await ownership.view(wanting([ownedUser('1'), ownedUser('2')]), nothingStored, writer);
    expect(isOwned(after, ownedUser('1'))).toBe(true);
    own(after, ownedUser('2'));
    expect(isOwned(writer, ownedUser('2'))).toBe(false);
    expect(isOwned(await ownership.view(wanting([ownedUser('1')]), nothingStored), ownedUser('1'))).toBe(
      false,
    );
  });

  it('distinguishes any two 64-bit ids, before and after they are stored', async () => {
    for (const key of keys) {
      const stored = storage();
      const view = await new Ownership('s').view(wanting(keys), stored.query);
      own(view, key);
      expect(keys.filter(other => isOwned(view, other))).toEqual([key]);
      stored.store(view.statements());
      expect(stored.rows.size).toBe(1);
      const reopened = await new Ownership('s').view(wanting(keys), stored.query);
      expect(keys.filter(other => isOwned(reopened, other))).toEqual([key]);
    }
  });

  it('is private to a transaction until it commits', async () => {
    const ownership = new Ownership('s');
    const first = await ownership.view(wanting([ownedUser('1')]), nothingStored);
    own(first, ownedUser('1'));
    expect(isOwned(await ownership.view(wanting([ownedUser('1')]), nothingStored), ownedUser('1'))).toBe(
      false,
    );
    first.rollback();
    expect(isOwned(first, ownedUser('1'))).toBe(false);
    expect(first.statements()).toEqual([]);
    own(first, ownedUser('1'));
    first.commit();
    expect(isOwned(await ownership.view(wanting([ownedUser('1')]), nothingStored), ownedUser('1'))).toBe(
      true,
    );
    ownership.clear();
    expect(isOwned(await ownership.view(wanting([ownedUser('1')]), nothingStored), ownedUser('1'))).toBe(
      false,
    );
  });

  it('writes nothing for rows that it owned already', async () => {
    const view = await new Ownership('s').view(wanting([ownedUser('1')]), nothingStored);
    view.delete(entityOf(plans, 'user'), '1');
    expect(view.statements()).toEqual([]);
  });

  it('reads a chunk once', async () => {
    const ownership = new Ownership('s');
    let queries = 0;
    const query = () => {
      queries++;
      return Promise.resolve(closed([]));
    };
    for (let i = 0; i < 3; i++) await ownership.view(wanting([ownedUser('1'), ownedUser('2')]), query);
    expect(queries).toBe(1);
    await ownership.view(wanting([ownedUser('65536')]), query);
    expect(queries).toBe(2);
  });
});
