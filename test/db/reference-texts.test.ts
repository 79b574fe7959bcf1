/** References that a server takes for the key of their parent, though they are written otherwise. */
import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';
import {worst} from './doctor-stand.ts';

/** Keys of parents, and references that are alike by a collation that ignores case, accents and padding. */
const PAIRS = [
  ['Aa', 'aA'],
  ['bb', 'bb  '],
  ['éé', 'EE'],
  ['Straße', 'STRASSE'],
  ['closed', 'CLOSED'],
] as const;

describeEachFlavour('#56 a reference that is written otherwise than its parent’s key', places => {
  it.each(['one column', 'two columns'])(
    'is missing, and doctor has the SQL that fixes it: %s',
    async form => {
      const isPair = form === 'two columns';
      const collation = 'utf8mb4_unicode_ci';
      const parent = `CREATE TABLE p (n INT, k VARCHAR(20), is_open INT, PRIMARY KEY (${isPair ? 'n, ' : ''}k)) COLLATE ${collation}`;
      const child = `CREATE TABLE c (id INT PRIMARY KEY, n INT, ref VARCHAR(20), KEY (${isPair ? 'n, ' : ''}ref)) COLLATE ${collation}`;
      const values = (rows: readonly string[]) => rows.map(row => `(${row})`).join(', ');
      await using stand = await MappedStand.open(places, {
        tables: {
          p: {
            from: 'p',
            key: isPair ? ['n', 'k'] : 'k',
            columns: {n: 'n', k: 'k'},
            where: {is_open: 1},
          },
          c: {
            from: 'c',
            key: 'id',
            columns: {id: 'id', n: 'n', ref: 'ref'},
            parents: {p: isPair ? ['n', 'ref'] : 'ref'},
          },
        },
        from: `${parent}; ${child};
        INSERT INTO p VALUES ${values(PAIRS.map(([key]) => `1, '${key}', ${key === 'closed' ? 0 : 1}`))};
        INSERT INTO c VALUES ${values(PAIRS.flatMap(([key, other], i) => [`${i}, 1, '${key}'`, `${i + 10}, 1, '${other}'`]))}, (30, 1, 'nobody'), (31, 1, NULL)`,
        to: `${parent.replace('is_open INT', 'is_open INT NULL')}; ${child}`,
      });
      const ids = async () =>
        (await query(stand.target, 'SELECT id FROM c ORDER BY id')).map(({id}) => Number(id));
      await stand.started();
      expect(await ids()).toEqual([0, 1, 2, 3, 31]);
      expect(await stand.verify()).toMatchObject({
        equal: false,
        tables: {
          p: {missing: 0},
          c: {missing: 4, different: 0, extra: 0, sampleKeys: ['10', '11', '12', '13']},
        },
      });
      const found = async () =>
        (await examine(stand.config)).filter(({check}) => check === 'reference-texts');
      const {level, fix} = worst(await found(), 'reference-texts');
      expect(level).toBe('must-fix');
      await stand.source.query(fix ?? '');
      await stand.streamed();
      expect(await ids()).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 31]);
      expect(await stand.verify()).toMatchObject({equal: true});
      expect(await found()).toEqual([]);
    },
  );
});
