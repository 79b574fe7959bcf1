/** UUID, INET4 and INET6 of MariaDB: as values and as keys, on every way to the target. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

/** All ways in which words of an IPv6 address are zero, and the addresses of IPv4 in it. */
const WORDS = ['1', 'ab', 'ffff', '20f', '2001', 'ffff', 'c000', '201'];
const ADDRESSES = Array.from({length: 256}, (_, bits) =>
  WORDS.map((word, i) => ((bits >> i) & 1 ? word : '0')).join(':'),
);
/** Of every version, and with zeros at both ends, which the log leaves out. */
const UUIDS = [
  ...['0', '1', '3', '4', '5', '6', '7', '8', 'f'].map(
    version => `0f8fad5b-d9cb-${version}69f-a165-70867728950e`,
  ),
  ...['0', '8', 'c', 'e'].map(variant => `017f22e2-79b0-7cc3-${variant}8c4-dc0c0c07398f`),
  '00000000-0000-0000-0000-000000000000',
  'ffffffff-ffff-ffff-ffff-ffffffffffff',
  '10000000-0000-1000-8000-000000000000',
  '00000000-0000-4000-8000-00000000000a',
];
const TYPES: Readonly<Record<string, readonly string[]>> = {
  UUID: UUIDS,
  INET6: ADDRESSES,
  INET4: ['0.0.0.0', '255.255.255.255', '10.0.0.0', '9.0.0.1', '192.0.2.1'],
};

/** Some of them, as a server prints them. */
const SOME: Readonly<Record<string, readonly string[]>> = {
  UUID: UUIDS.slice(0, 3),
  INET6: ['::', '1::', '0:ab::'],
  INET4: ['0.0.0.0', '9.0.0.1'],
};

describeEachFlavour('#54 an address', places => {
  // MySQL has none of these types.
  it.runIf(places.flavour === 'mariadb').each(Object.keys(TYPES))(
    'in a %s is copied as a value and as a key',
    async type => {
      const values = TYPES[type] ?? [];
      const columns = {k: 'k', v: 'v', n: 'n'};
      const table = (name: string, own: string) =>
        `CREATE TABLE ${name} (k ${own} NOT NULL, v ${own} NULL UNIQUE, n INT, PRIMARY KEY (k)) DEFAULT CHARSET utf8mb4`;
      await using stand = await MappedStand.open(places, {
        tables: {
          same: {from: 's', key: 'k', columns},
          texts: {from: 's', key: 'k', columns},
          pairs: {from: 's', key: ['n', 'k'], columns: {n: 'n', k: 'k'}, where: {k: SOME[type] ?? []}},
        },
        from: `${table('s', type)};
          INSERT INTO s VALUES ${values.map((value, i) => `('${value}', '${values[i + 1] ?? values[0]}', ${i})`).join(', ')}`,
        to: `${table('same', type)}; ${table('texts', 'VARCHAR(45)')};
          CREATE TABLE pairs (n INT, k ${type}, PRIMARY KEY (n, k))`,
      });
      const holds = async (what: string) => {
        const rows = (sql: string, on = stand.target) =>
          query(on, sql).then(found => found.map(row => Object.values(row).map(String).join()).toSorted());
        const source = await rows('SELECT CONCAT(k), CONCAT(v), n FROM s', stand.source);
        for (const name of ['same', 'texts'])
          expect(await rows(`SELECT CONCAT(k), CONCAT(v), n FROM ${name}`), `${what}: ${name}`).toEqual(
            source,
          );
        expect(await rows('SELECT n, CONCAT(k) FROM pairs'), what).toEqual(
          await rows(
            `SELECT n, CONCAT(k) FROM s WHERE k IN ('${(SOME[type] ?? []).join("', '")}')`,
            stand.source,
          ),
        );
        expect(await stand.letters(), what).toEqual([]);
        expect(await stand.verify(), what).toMatchObject({equal: true});
      };
      await stand.started();
      await holds('the first load');
      await stand.source.query('UPDATE s SET n = n + 1');
      await stand.streamed();
      await holds('the stream');
      // Values of a unique key pass from row to row, and every key changes.
      await stand.source.query(
        `CREATE TEMPORARY TABLE old AS SELECT * FROM s; DELETE FROM s;
         INSERT INTO s SELECT a.v, b.v, a.n FROM old a JOIN old b ON b.k = a.v`,
      );
      await stand.streamed();
      await holds('keys that move');
      await stand.source.query(
        'DELETE FROM s WHERE n % 3 = 0; INSERT INTO s SELECT k, v, n FROM old WHERE n % 6 = 2 ON DUPLICATE KEY UPDATE s.n = s.n + 1',
      );
      await stand.streamed();
      await holds('deletes');
      await stand.daemon.pause();
      await stand.source.query('UPDATE s SET n = n + 7; DELETE FROM s WHERE n % 2 = 0');
      await stand.target.query('DELETE FROM texts WHERE n % 2 = 1; UPDATE same SET v = NULL');
      await stand.reconcile();
      await holds('a reconcile');
    },
    60_000,
  );
});
