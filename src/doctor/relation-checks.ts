/** Foreign keys, cascades, triggers and engines: what the servers do by themselves beside what we do. */
import {SOURCE_TABLE_NAMES, TABLE_MAPS} from '../mapping/tables.ts';
import {queryRows} from '../db/connection.ts';
import {textRows} from '../db/server.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {checkHiddenReferences} from './hidden-references.ts';
import {ask, quoteName, type Probe} from './probe.ts';

const TARGET_NAMES: readonly string[] = TABLE_MAPS.map(({target}) => target);

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

const MAPPED: readonly string[] = SOURCE_TABLE_NAMES;

/** Cascades between mapped tables are made up for; one that comes from elsewhere is seen by nobody. */
export async function checkCascades(probe: Probe): Promise<Finding[]> {
  const keys = (await foreignKeysOf(probe, SOURCE_TABLE_NAMES)).filter(
    ({onDelete, onUpdate}) => onDelete !== '' || onUpdate !== '',
  );
  if (logsCascades(probe))
    return [
      ok('source', 'cascades', `${keys.length} foreign keys cascade, and this server logs what they do`),
    ];
  const blind = keys.filter(key => !isFollowed(probe, key));
  const followed = keys.length - blind.length;
  return [
    ok(
      'source',
      'cascades',
      followed === 0
        ? 'no cascades between the mapped tables'
        : `${followed} foreign keys cascade between mapped tables, which is made up for`,
    ),
    ...blind.map(key =>
      warning('source', 'cascades', {
        message: `${key.table}.${key.name} cascades from ${key.schema}.${key.referenced}, which is not mapped`,
        why: 'what a cascade does is not in the log: the target shows it after the next reconcile only',
        mend: `ALTER TABLE ${quoteName(key.table)} DROP FOREIGN KEY ${quoteName(key.name)}, ADD FOREIGN KEY (${key.columns}) REFERENCES ${quoteName(key.schema)}.${quoteName(key.referenced)} (${key.referencedColumns}); -- and delete the rows themselves, children first`,
      }),
    ),
  ];
}

function isFollowed(probe: Probe, {table, schema, referenced}: ForeignKey): boolean {
  return (
    schema === probe.database &&
    table === 'institute_user' &&
    MAPPED.includes(referenced) &&
    referenced !== 'institute_user'
  );
}

/** The target's own foreign keys: ours want order, others' can hold a row fast or make rows vanish. */
export async function checkTargetRelations(probe: Probe): Promise<Finding[]> {
  const rows = textRows(
    await queryRows(
      'target',
      probe.connection,
      `SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
        WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IN (?) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3`,
      [probe.database, TARGET_NAMES],
    ),
  );
  const strangers = rows.filter(
    ([schema, table = '']) => schema !== probe.database || !TARGET_NAMES.includes(table),
  );
  const own = (await foreignKeysOf(probe, TARGET_NAMES)).filter(
    ({onDelete, onUpdate}) => onDelete !== '' || onUpdate !== '',
  );
  return [
    ...strangers.map(([schema = '', table = '', name, referenced = '']) =>
      warning('target', 'target-foreign-keys', {
        message: `${schema}.${table} refers to ${referenced} (${name})`,
        why: 'a row that it refers to cannot be deleted: the delete waits as a dead letter, delete-blocked',
        mend: `delete the rows of ${quoteName(table)} first, as the Organization Service would; or ALTER TABLE ${quoteName(schema)}.${quoteName(table)} DROP FOREIGN KEY ${quoteName(name ?? '')};`,
      }),
    ),
    ...(await checkHiddenReferences(
      probe,
      new Set(strangers.map(([schema = '', table = '']) => `${schema}/${table}`)),
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
export async function checkEngines(probe: Probe): Promise<Finding[]> {
  const names = probe.side === 'target' ? TARGET_NAMES : SOURCE_TABLE_NAMES;
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
export async function checkTriggers(probe: Probe): Promise<Finding[]> {
  const {rows} = await ask(
    probe,
    'SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE IN (?)',
    [probe.database, TARGET_NAMES],
  );
  return textRows((rows ?? []).map(row => [...row])).map(([name = '', table = '']) =>
    warning('target', 'triggers', {
      message: `the trigger ${name} fires on ${table}`,
      why: 'it also fires for what laas-sync writes; one that changes the row makes it differ for ever',
      mend: `make sure that it leaves mapped columns alone, or DROP TRIGGER ${quoteName(name)};`,
    }),
  );
}
