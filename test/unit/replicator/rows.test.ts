import {describe, expect, it} from 'vitest';
import {decodeRows, type RawRowsEvent} from '../../../replicator/decode/rows.ts';
import {column, membership, plan, sourceSchema, table, unpacked, user} from '../plan-fixture.ts';

const {sources} = plan();
const COLUMNS = [
  'updated_at',
  'password',
  'id',
  'last_name',
  'extra',
  'first_name',
  'email',
  'created_at',
  'is_active',
];
const bitmap = (...present: number[]) => {
  const bytes = new Uint8Array(2);
  for (const index of present) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  return bytes;
};
const ALL = bitmap(...COLUMNS.keys());

const raw = (changes: Record<string, unknown> = {}) => ({
  id: 1,
  first_name: 'Ada',
  last_name: 'L',
  email: 'u1@x.org',
  password: '$2b$',
  is_active: 1,
  extra: 'x',
  created_at: '2024-01-02 03:04:05.000000',
  updated_at: '2024-02-03 04:05:06.000000',
  ...changes,
});

const none = Object.fromEntries(COLUMNS.map(name => [name, null]));

function decoded(event: Partial<RawRowsEvent>, source = sources.users) {
  const outcome = decodeRows(source, {
    kind: 'insert',
    rows: [],
    columnNames: COLUMNS,
    charsets: [],
    presentBefore: ALL,
    presentAfter: ALL,
    unchecked: false,
    ...event,
  });
  if (outcome.tag !== 'changes') throw new Error(outcome.tag);
  return outcome.changes.map(({before, after, ...rest}) => ({
    ...rest,
    before: unpacked(source.table, before),
    after: unpacked(source.table, after),
  }));
}

describe('row events', () => {
  it('become rows in the mapping’s order, whatever the table’s', () => {
    expect(decoded({kind: 'insert', rows: [raw()]})).toEqual([
      {table: 'users', before: null, after: user('1'), partial: false, unchecked: false},
    ]);
    expect(decoded({kind: 'delete', rows: [raw()]})).toMatchObject([{before: user('1'), after: null}]);
    expect(decoded({kind: 'update', rows: [{before: raw(), after: raw({first_name: 'B'})}]})).toMatchObject([
      {before: user('1'), after: user('1', {first_name: 'B'}), partial: false},
    ]);
  });

  it('find columns in another case, and under their other spelling', () => {
    const columnNames = COLUMNS.map(name => name.toUpperCase());
    const upper = Object.fromEntries(
      Object.entries(raw()).map(([name, value]) => [name.toUpperCase(), value]),
    );
    expect(decoded({columnNames, rows: [upper]})[0]?.after).toEqual(user('1'));
  });

  it('of MINIMAL images are completed from before, and read anew', () => {
    const event: Partial<RawRowsEvent> = {
      kind: 'update',
      rows: [{before: {...none, id: 1}, after: {...none, email: 'new@x'}}],
      presentBefore: bitmap(2),
      presentAfter: bitmap(6),
    };
    const [change] = decoded(event);
    expect(change?.partial).toBe(true);
    expect(change?.after?.slice(0, 4)).toEqual(['1', null, null, 'new@x']);
  });

  it('of MINIMAL images tell of a key that moves', () => {
    const [change] = decoded({
      kind: 'update',
      rows: [{before: {id: 1}, after: {id: 2}}],
      presentBefore: bitmap(2),
      presentAfter: bitmap(2),
    });
    expect([change?.before?.[0], change?.after?.[0], change?.partial]).toEqual(['1', '2', true]);
  });

  it('of a delete need no more than the key', () => {
    expect(decoded({kind: 'delete', rows: [{id: 7}], presentBefore: bitmap(2)})).toMatchObject([
      {after: null, partial: false},
    ]);
  });

  it('without a key cannot be told', () => {
    const event = {
      kind: 'update' as const,
      rows: [{before: {email: 'a'}, after: {email: 'b'}}],
      presentBefore: bitmap(6),
      presentAfter: bitmap(6),
    };
    expect(
      decodeRows(sources.users, {...event, columnNames: COLUMNS, charsets: [], unchecked: false}),
    ).toEqual({
      tag: 'keyless',
    });
    expect(
      decodeRows(sources.users, {
        kind: 'insert',
        rows: [{}],
        columnNames: ['email'],
        charsets: [],
        presentBefore: bitmap(0),
        presentAfter: bitmap(0),
        unchecked: false,
      }),
    ).toEqual({tag: 'keyless'});
  });

  it('with text that could not be decoded are read anew', () => {
    expect(decoded({rows: [raw({first_name: 'a\ufffdb'})]})[0]?.partial).toBe(true);
    expect(decoded({rows: [raw({first_name: Buffer.from([0xe9, 0x74])})]})[0]?.partial).toBe(true);
    expect(decoded({rows: [raw({first_name: Buffer.from('été')})]})[0]).toMatchObject({partial: false});
    expect(decoded({kind: 'delete', rows: [raw({first_name: 'a\ufffdb'})]})[0]?.partial).toBe(false);
  });

  it('give numbers exactly', () => {
    expect(decoded({rows: [raw({id: '18446744073709551615'})]})[0]?.after?.[0]).toBe('18446744073709551615');
    expect(decoded({rows: [raw({id: 9007199254740993n})]})[0]?.after?.[0]).toBe('9007199254740993');
  });

  it('of BIT columns give their number, and of BINARY ones the zeros that the log leaves out', () => {
    const columns = sourceSchema().users.columns.map(known => {
      if (known.name === 'is_active') return column('is_active', 'bit');
      return known.name === 'password'
        ? column('password', 'binary', {charset: null, collation: null, maxLength: 4})
        : known;
    });
    const users = plan({users: table([['id']], ...columns)}).sources.users;
    const of = (changes: Record<string, unknown>) => decoded({rows: [raw(changes)]}, users)[0]?.after;
    expect(of({is_active: Buffer.from([1])})?.[5]).toBe('1');
    expect(of({is_active: Buffer.from([0, 255])})?.[5]).toBe('255');
    expect(of({password: Buffer.from('\n')})?.[4]).toBe('\n\0\0\0');
  });

  it('in a charset that the server alone knows well are read anew, unless they are plain', () => {
    const isPartial = (charset: string, first_name: string) => {
      const charsets = COLUMNS.map(name => (name === 'first_name' ? charset : null));
      return decoded({charsets, rows: [raw({first_name})]})[0]?.partial;
    };
    const of = (charset: string, ...values: string[]) => values.map(value => isPartial(charset, value));
    expect(of('sjis', 'Ada', '', 'Ada-1', 'a@b')).toEqual([false, false, false, false]);
    expect(of('sjis', 'Ω', '\\', '~')).toEqual([true, true, true]);
    expect(of('binary', 'Ada', 'a@b')).toEqual([false, true]);
  });

  it('of sessions that checked no foreign keys say so', () => {
    expect(decoded({rows: [raw()], unchecked: true})[0]?.unchecked).toBe(true);
  });

  it('of memberships need no id of their own', () => {
    const names = ['institute_id', 'user_id', 'user_type', 'status', 'created_at', 'updated_at'];
    const values = {
      institute_id: 1,
      user_id: 2,
      user_type: 'teacher',
      status: 'active',
      created_at: '2024-01-02 03:04:05.000000',
      updated_at: '2024-02-03 04:05:06.000000',
    };
    const present = bitmap(0, 1, 2, 3, 4, 5);
    const event = {columnNames: names, rows: [values], presentBefore: present, presentAfter: present};
    expect(decoded(event, sources.institute_user)[0]).toMatchObject({
      after: membership('1', '2'),
      partial: false,
    });
    const surrogate = plan({
      institute_user: table([['id']], column('id', 'bigint'), ...sourceSchema().institute_user.columns),
    });
    expect(decoded(event, surrogate.sources.institute_user)[0]?.partial).toBe(true);
  });
});
