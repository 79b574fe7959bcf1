/** Foreign keys, cascades, triggers and engines: what the servers do by themselves beside what we do. */
import {queryRows} from '../db/connection.ts';
import {textRows} from '../db/server.ts';
import {joinsSame} from '../mapping/entities.ts';
import {copiedFrom, sourcesOf, type Mapping} from '../mapping/mapping.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {ask, quoteName, type Probe} from './probe.ts';

interface ForeignKey {
  readonly name: string;
  readonly table: string;
  readonly columns: string;
  readonly schema: string;
  readonly referenced: string;
  readonly referencedColumns: string;
  readonly onDelete: string;
  readonly onUpdate: string;
}

const FOREIGN_KEY =
  /CONSTRAINT `((?:[^`]|``)+)` FOREIGN KEY \(([^)]*)\) REFERENCES (?:`((?:[^`]|``)+)`\.)?`((?:[^`]|``)+)` \(([^)]*)\)((?: ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT|NO ACTION|RESTRICT))*)/g;

/** From SHOW CREATE TABLE: on MariaDB, information_schema keeps foreign keys from an account that may only SELECT. */
async function foreignKeysOf(probe: Probe, tables: readonly string[]): Promise<ForeignKey[]> {
  const keys: ForeignKey[] = [];
  for (const table of tables) {
    const {rows} = await ask(probe, `SHOW CREATE TABLE ${quoteName(probe.database)}.${quoteName(table)}`);
    for (const [
      ,
      name = '',
      columns = '',
      schema,
      referenced = '',
      referencedColumns = '',
      actions = '',
    ] of String(rows?.[0]?.[1] ?? '').matchAll(FOREIGN_KEY)) {
      const action = (on: string) =>
        new RegExp(` ON ${on} (CASCADE|SET NULL|SET DEFAULT)`).exec(actions)?.[1] ?? '';
      keys.push({
        name,
        table,
        columns,
        schema: schema ?? probe.database,
        referenced,
        referencedColumns,
        onDelete: action('DELETE'),
        onUpdate: action('UPDATE'),
      });
    }
  }
  return keys;
}

/** MySQL from 9.6 on logs what a cascade does. */
function logsCascades({info}: Probe): boolean {
  const [major, minor] = info.versionParts;
  return info.flavour === 'mysql' && (major > 9 || (major === 9 && minor >= 6));
}

/** What a cascade from a parent of the mapping does is worked out; one that comes from elsewhere is not seen. */
export async function checkCascades(probe: Probe, mapping: Mapping): Promise<Finding[]> {
  const keys = (await foreignKeysOf(probe, sourcesOf(mapping))).filter(
    ({onDelete, onUpdate}) => onDelete !== '' || onUpdate !== '',
  );
  if (logsCascades(probe))
    return [
      ok('source', 'cascades', `${keys.length} foreign keys cascade, and this server logs what they do`),
    ];
  const blind = keys.filter(key => !isFollowed(probe, key, mapping));
  const followed = keys.length - blind.length;
  return [
    ok(
      'source',
      'cascades',
      followed === 0
        ? 'no cascades between the mapped tables'
        : `${followed} foreign keys cascade between mapped tables, which is worked out`,
    ),
    ...blind.map(key =>
      warning('source', 'cascades', {
        message: `${key.table}.${key.name} cascades from ${key.schema}.${key.referenced}, which is no parent in the mapping`,
        why: 'what a cascade does is not in the log: the target shows it after the next reconcile only',
        mend: `ALTER TABLE ${quoteName(key.table)} DROP FOREIGN KEY ${quoteName(key.name)}, ADD FOREIGN KEY (${key.columns}) REFERENCES ${quoteName(key.schema)}.${quoteName(key.referenced)} (${key.referencedColumns}); -- and delete the rows themselves, children first`,
      }),
    ),
  ];
}

/** Whether a foreign key of the source is a reference that the mapping names. */
function isFollowed(probe: Probe, key: ForeignKey, {tables}: Mapping): boolean {
  if (key.schema !== probe.database) return false;
  return tables.some(
    child =>
      child.source === key.table &&
      child.parents.some(({table, columns}) => {
        const parent = tables.find(({target}) => target === table);
        return (
          parent?.source === key.referenced &&
          joinsSame(
            namesOf(key.columns),
            namesOf(key.referencedColumns),
            columns.map(name => copiedFrom(child, name)),
            parent.key.map(name => copiedFrom(parent, name)),
          )
        );
      }),
  );
}

/** The names in a list as SHOW CREATE TABLE prints it. */
function namesOf(list: string): string[] {
  return [...list.matchAll(/`((?:[^`]|``)+)`/g)].map(([, name = '']) => name.replaceAll('``', '`'));
}

/** The target's own foreign keys: ours want order, others' can hold a row fast or make rows vanish. */
export async function checkTargetRelations(probe: Probe, tables: readonly string[]): Promise<Finding[]> {
  const rows = textRows(
    await queryRows(
      'target',
      probe.connection,
      `SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
        WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IN (?) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3`,
      [probe.database, tables],
    ),
  );
  const strangers = rows.filter(
    ([schema, table = '']) => schema !== probe.database || !tables.includes(table),
  );
  const own = (await foreignKeysOf(probe, tables)).filter(
    ({onDelete, onUpdate}) => onDelete !== '' || onUpdate !== '',
  );
  return [
    ...(strangers.length === 0
      ? [ok('target', 'target-foreign-keys', 'no other table refers to the mapped ones')]
      : strangers.map(([schema = '', table = '', name, referenced = '']) =>
          warning('target', 'target-foreign-keys', {
            message: `${schema}.${table} refers to ${referenced} (${name})`,
            why: 'a row that it refers to cannot be deleted: the delete waits as a dead letter, delete-blocked',
            mend: `delete the rows of ${quoteName(table)} first, as the Organization Service would; or ALTER TABLE ${quoteName(schema)}.${quoteName(table)} DROP FOREIGN KEY ${quoteName(name ?? '')};`,
          }),
        )),
    ...own.map(key =>
      warning('target', 'target-cascades', {
        message: `${key.table}.${key.name} cascades from ${key.referenced}`,
        why: 'a delete by anybody takes rows along that laas-sync answers for; the next reconcile writes them again',
        mend: `ALTER TABLE ${quoteName(key.table)} DROP FOREIGN KEY ${quoteName(key.name)}, ADD FOREIGN KEY (${key.columns}) REFERENCES ${quoteName(key.referenced)} (${key.referencedColumns});`,
      }),
    ),
  ];
}

/** Transactions need InnoDB on the target; on the source, other engines log rows that a snapshot does not hold still. */
export async function checkEngines(probe: Probe, names: readonly string[]): Promise<Finding[]> {
  const rows = textRows(
    await queryRows(
      probe.side,
      probe.connection,
      'SELECT TABLE_NAME, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME IN (?)',
      [probe.database, names],
    ),
  );
  const others = rows.filter(([, engine = '']) => engine.toLowerCase() !== 'innodb');
  if (others.length === 0) return [ok(probe.side, 'engine', 'the mapped tables are InnoDB')];
  const make = probe.side === 'target' ? mustFix : warning;
  return others.map(([table = '', engine]) =>
    engine === ''
      ? viewFault(probe.side, table)
      : make(probe.side, 'engine', {
          message: `${table} is ${engine}`,
          why:
            probe.side === 'target'
              ? 'a batch is one transaction, which this engine cannot take back'
              : 'a read of it shows changes that are under way, so that a reconcile may see a row too early',
          mend: `ALTER TABLE ${quoteName(table)} ENGINE = InnoDB;`,
        }),
  );
}

/** What changes through a view is logged under the name of its table. */
function viewFault(side: 'source' | 'target', table: string): Finding {
  const source = side === 'source';
  return mustFix(side, 'engine', {
    message: `${table} is a view`,
    why: source
      ? 'its changes are logged under the names of its tables, so that none of them reaches us'
      : 'keys, types and what blocks a delete cannot be told of a view',
    mend: source
      ? 'set DB_DATABASE to the schema that holds the tables themselves'
      : `DROP VIEW ${quoteName(table)}; and laas-sync migrate, or a table in its place`,
  });
}

/** Triggers of the target fire for our writes as for anybody's. */
export async function checkTriggers(probe: Probe, tables: readonly string[]): Promise<Finding[]> {
  const {rows} = await ask(
    probe,
    'SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE IN (?)',
    [probe.database, tables],
  );
  return textRows((rows ?? []).map(row => [...row])).map(([name = '', table = '']) =>
    warning('target', 'triggers', {
      message: `the trigger ${name} fires on ${table}`,
      why: 'it also fires for what laas-sync writes; one that changes the row makes it differ for ever',
      mend: `make sure that it leaves mapped columns alone, or DROP TRIGGER ${quoteName(name)};`,
    }),
  );
}
