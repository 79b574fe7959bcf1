import {describe, expect, it} from 'vitest';
import {correctCharsets, type DescribedTable} from '../../../replicator/decode/charsets.ts';

/** Of a later MariaDB: what a source lists, much shortened. */
const COLLATIONS = new Map([
  [8, 'latin1'],
  [10, 'swe7'],
  [35, 'ucs2'],
  [45, 'utf8mb4'],
  [63, 'binary'],
  [1032, 'latin1'],
  [2560, 'ucs2'],
]);
/** As zongji has it: what it does not know is utf8mb4. */
const assumed = (id: number | undefined) =>
  id === undefined || id === 63
    ? null
    : id === 8
      ? 'latin1'
      : id === 10
        ? 'swe7'
        : id === 35
          ? 'ucs2'
          : 'utf8mb4';

class FakeEvent {
  _columnCharsetIds: readonly (number | undefined)[];
  constructor(ids: readonly (number | undefined)[]) {
    this._columnCharsetIds = ids;
  }
  buildColumnSchemas() {
    return this._columnCharsetIds.map(id => ({
      CHARACTER_SET_NAME: assumed(id),
      ENUM_VALUES: [`a member in ${String(assumed(id))}`],
    }));
  }
}

function tableOf(event: FakeEvent): DescribedTable {
  const columnSchemas = event.buildColumnSchemas();
  const columns = columnSchemas.map((schema, i) => ({name: `c${i}`, charset: schema.CHARACTER_SET_NAME}));
  return {columns, columnSchemas};
}

describe('character sets of a table', () => {
  it('are those of the source, members included', () => {
    const event = new FakeEvent([2560, 1032, 45, 63, undefined]);
    const table = tableOf(event);
    expect(correctCharsets(event, table, COLLATIONS)).toEqual([]);
    expect(table.columns.map(({charset}) => charset)).toEqual(['ucs2', 'latin1', 'utf8mb4', null, null]);
    expect(table.columnSchemas[0]?.ENUM_VALUES).toEqual(['a member in ucs2']);
  });

  it('are those of bytes where zongji would print a warning for each value', () => {
    const event = new FakeEvent([10, 45]);
    const table = tableOf(event);
    expect(correctCharsets(event, table, COLLATIONS)).toEqual([]);
    expect(table.columns.map(({charset}) => charset)).toEqual(['binary', 'utf8mb4']);
  });

  it('are not touched where they were right', () => {
    const event = new FakeEvent([35, 8, 45, 63, undefined]);
    const table = tableOf(event);
    const before = structuredClone(table);
    expect(correctCharsets(event, table, COLLATIONS)).toEqual([]);
    expect(table).toEqual(before);
  });

  it('are unknown where the source does not list the collation', () => {
    const event = new FakeEvent([2560, 9999, 45]);
    const table = tableOf(event);
    expect(correctCharsets(event, table, COLLATIONS)).toEqual(['c1']);
    expect(table.columns[0]?.charset).toBe('ucs2');
  });
});
