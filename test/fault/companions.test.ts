/**
 * Companions that cannot be written while their primary row can, and rows that refer to them. A row with several
 * parents that enter, or leave, in one batch is tried once with each of them.
 */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphSuite} from '../helpers/graph-suite.ts';
import {query} from '../servers/databases.ts';

const FROM = `
  CREATE TABLE areas (k INT PRIMARY KEY, w INT NOT NULL DEFAULT 1);
  CREATE TABLE owners (k INT PRIMARY KEY, w INT NOT NULL DEFAULT 1);
  CREATE TABLE desks (k INT PRIMARY KEY, area INT NULL, owner INT NULL, note VARCHAR(9) NOT NULL DEFAULT 'on', seat INT NULL,
    KEY (area), KEY (owner), FOREIGN KEY (area) REFERENCES areas (k) ON DELETE CASCADE,
    FOREIGN KEY (owner) REFERENCES owners (k) ON DELETE CASCADE);
  CREATE TABLE lamps (k INT PRIMARY KEY, desk INT NOT NULL, KEY (desk),
    FOREIGN KEY (desk) REFERENCES desks (k) ON DELETE CASCADE)`;
const TO = `
  CREATE TABLE area (k INT PRIMARY KEY);
  CREATE TABLE owner (k INT PRIMARY KEY);
  CREATE TABLE desk (k INT PRIMARY KEY, area INT NULL, owner INT NULL, KEY (area), KEY (owner));
  CREATE TABLE desk_note (k INT PRIMARY KEY, area INT NULL, owner INT NULL, note VARCHAR(9) NOT NULL, seat INT NULL,
    KEY (area), KEY (owner), UNIQUE KEY (seat));
  CREATE TABLE lamp (k INT PRIMARY KEY, desk INT NOT NULL, KEY (desk), FOREIGN KEY (desk) REFERENCES desk_note (k));
  CREATE TABLE foreigner (k INT PRIMARY KEY, FOREIGN KEY (k) REFERENCES desk_note (k))`;
const OF_DESK = {area: 'area', owner: 'owner'};
const TABLES = {
  area: {from: 'areas', key: 'k', columns: {k: 'k'}, where: {w: 1}},
  owner: {from: 'owners', key: 'k', columns: {k: 'k'}, where: {w: 1}},
  desk: {from: 'desks', key: 'k', columns: {k: 'k', ...OF_DESK}, parents: OF_DESK},
  desk_note: {
    from: 'desks',
    key: 'k',
    columns: {k: 'k', ...OF_DESK, note: {copy: 'note', check: 'notEmpty'}, seat: 'seat'},
    parents: {desk: 'k', ...OF_DESK},
  },
  lamp: {from: 'lamps', key: 'k', columns: {k: 'k', desk: 'desk'}, parents: {desk_note: 'desk'}},
};

describeEachFlavour('a companion', places => {
  const suite = new GraphSuite(places, {tables: TABLES, from: FROM, to: TO});
  const streamed = (...statements: readonly string[]) => suite.batch(...statements);
  const letters = async (desk: number) =>
    (
      await query(
        suite.stand.target,
        "SELECT target_table AS t, code, attempts FROM sync_dead_letter WHERE target_table LIKE 'desk%' AND row_key = ? ORDER BY 1",
        [String(desk)],
      )
    ).map(({t, code, attempts}) => `${String(t)} ${String(code)} ${String(attempts)}`);
  const keys = async (table: string) =>
    (await query(suite.stand.target, `SELECT k FROM ${table} ORDER BY k`)).map(({k}) => k);

  it('is refused once if both parents of its row enter', async () => {
    await streamed(
      'INSERT INTO areas VALUES (1, 0)',
      'INSERT INTO owners VALUES (1, 0)',
      "INSERT INTO desks VALUES (1, 1, 1, '', NULL)",
      'INSERT INTO lamps VALUES (1, 1)',
    );
    await streamed('UPDATE areas SET w = 1', 'UPDATE owners SET w = 1');
    expect(await letters(1)).toEqual(['desk_note invalid-note 1']);
    expect([await keys('desk'), await keys('desk_note'), await keys('lamp')]).toEqual([[1], [], []]);
    await streamed("UPDATE desks SET note = 'on'");
    expect(await suite.differences()).toEqual([]);
    expect(await keys('lamp')).toEqual([1]);
  });

  it('has no dead letter if it can be written with the second parent', async () => {
    const rows = [
      'INSERT INTO owners VALUES (2, 1)',
      "INSERT INTO desks VALUES (3, NULL, 2, 'on', 8)",
      'INSERT INTO lamps VALUES (3, 3)',
    ];
    const others = ["INSERT INTO desks VALUES (2, 2, 2, 'on', 7)", 'INSERT INTO lamps VALUES (2, 2)'];
    await streamed('INSERT INTO areas VALUES (2, 0)', ...rows, ...others);
    // A retry would remove a dead letter soon.
    await suite.stand.target.query(`CREATE TABLE seen (k VARCHAR(99));
      CREATE TRIGGER seeing AFTER INSERT ON sync_dead_letter FOR EACH ROW INSERT INTO seen VALUES (CONCAT(NEW.target_table, ' ', NEW.row_key))`);
    // The seat becomes free when the second parent's rows are read.
    await streamed(
      'DELETE FROM owners WHERE k = 2',
      ...rows,
      ...others,
      'UPDATE desks SET seat = 15 - seat WHERE owner = 2 ORDER BY k = 2',
      'UPDATE areas SET w = 1 WHERE k = 2',
    );
    await suite.stand.target.query('DROP TRIGGER seeing');
    expect(await keys('seen')).toEqual([]);
    expect(await suite.differences()).toEqual([]);
    expect(await keys('lamp')).toEqual(expect.arrayContaining([2, 3]));
  });

  it('gives way with the rows that refer to it', async () => {
    await streamed("INSERT INTO desks VALUES (5, NULL, NULL, 'on', 5)", 'INSERT INTO lamps VALUES (5, 5)');
    await streamed("UPDATE desks SET note = '', seat = NULL WHERE k = 5");
    expect([await letters(5), await keys('lamp')]).toEqual([
      ['desk_note invalid-note 1'],
      expect.arrayContaining([5]),
    ]);
    await streamed("INSERT INTO desks VALUES (6, NULL, NULL, 'on', 5)");
    expect(await suite.differences()).toEqual([]);
    expect(await keys('lamp')).not.toContain(5);
    await streamed("UPDATE desks SET note = 'on' WHERE k = 5");
    expect(await suite.differences()).toEqual([]);
    expect(await keys('lamp')).toContain(5);
  });

  it('is refused once if both parents leave and it must stay', async () => {
    await streamed(
      'INSERT INTO areas VALUES (4, 1)',
      'INSERT INTO owners VALUES (4, 1)',
      "INSERT INTO desks VALUES (4, 4, 4, 'on', NULL)",
    );
    await suite.stand.target.query('INSERT INTO foreigner VALUES (4)');
    await streamed('UPDATE areas SET w = 0 WHERE k = 4', 'UPDATE owners SET w = 0 WHERE k = 4');
    expect(await letters(4)).toEqual(['desk delete-blocked 1', 'desk_note delete-blocked 1']);
    await suite.stand.target.query('DELETE FROM foreigner');
    await suite.stand.reconcile();
    expect(await letters(4)).toEqual([]);
    expect(await suite.differences()).toEqual([]);
  });
});
