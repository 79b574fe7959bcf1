/** Checks foreign keys, cascades, triggers and engines: what the servers do by themselves. */
import {logsCascades, readCascadingKeys} from '../db/cascades.ts';
import {queryRows} from '../db/connection.ts';
import {readDefinitionsOf} from '../db/definitions.ts';
import {foreignKeysIn, SERVER_SCHEMAS, type ForeignKey} from '../db/foreign-keys.ts';
import {cascadeKey, isParentKey, unloggedCascades} from '../mapping/cascades.ts';
import {parentJoins, sourcesOf, type Mapping} from '../mapping/mapping.ts';
import {textRows} from '../db/server.ts';
import {mustFix, ok, warning, type Finding} from './findings.ts';
import {checkHiddenReferences, isOneOf} from './hidden-references.ts';
import {quoteName} from '../mapping/quote.ts';
import {ask, type Probe} from './probe.ts';

async function foreignKeysOf(probe: Probe, tables: readonly string[]): Promise<ForeignKey[]> {
  const {side, connection, database} = probe;
  const definitions = await readDefinitionsOf(side, connection, database, tables);
  return [...definitions].flatMap(
    ([table, definition]) => foreignKeysIn(definition, {schema: database, table}) ?? [],
  );
}

/** Cascades along the references of the mapping are followed; others are noticed, and each costs a reconcile. */
export async function checkCascades(probe: Probe, mapping: Mapping): Promise<Finding[]> {
  const {connection, database} = probe;
  const mapped = await readDefinitionsOf('source', connection, database, sourcesOf(mapping));
  const {keys, hidden} = await readCascadingKeys(connection, database, mapped);
  const joins = parentJoins(mapping);
  const isFollowed = (key: ForeignKey) => isParentKey(key, database, joins);
  const cascading = keys.filter(({onDelete, onUpdate}) => onDelete !== '' || onUpdate !== '');
  if (logsCascades(probe.info))
    return [
      ok('source', 'cascades', `${cascading.length} foreign keys cascade, and this server logs the effects`),
    ];
  const followed = cascading.filter(isFollowed).length;
  const unlogged = unloggedCascades(keys, database, mapping);
  const costly = cascading.filter(
    key => !isFollowed(key) && unlogged.has(cascadeKey(key.referencedSchema, key.referencedTable)),
  );
  return [
    ok(
      'source',
      'cascades',
      followed === 0
        ? 'no cascades between the mapped tables'
        : `${followed} foreign keys cascade between mapped tables, which the stream follows`,
    ),
    ...costly.map(costlyCascade),
    ...hidden.map(table =>
      warning('source', 'cascades', {
        message: `this account cannot see the foreign keys of ${table}`,
        why: 'the log does not show a cascade through it; after a statement that may have caused one, a reconcile runs',
        fix: `GRANT SELECT ON ${table.split('.').map(quoteName).join('.')} TO the account of DB_USERNAME;`,
      }),
    ),
  ];
}

function costlyCascade(key: ForeignKey): Finding {
  const parent = `${quoteName(key.referencedSchema)}.${quoteName(key.referencedTable)}`;
  const list = (names: readonly string[]) => names.map(quoteName).join(', ');
  return warning('source', 'cascades', {
    message: `${key.table}.${key.name} cascades from ${key.referencedSchema}.${key.referencedTable}`,
    why: 'the log does not show what this cascade does: a change there that may cascade needs a reconcile, and the target shows it after that',
    fix: `ALTER TABLE ${quoteName(key.schema)}.${quoteName(key.table)} DROP FOREIGN KEY ${quoteName(key.name)}, ADD FOREIGN KEY (${list(key.columns)}) REFERENCES ${parent} (${list(key.referencedColumns)}); -- and delete the rows themselves, children first`,
  });
}

/**
 * The target's foreign keys: ours dictate write order; others' can block deletes, or cascade into rows we do not
 * own.
 */
export async function checkTargetRelations(probe: Probe, tables: readonly string[]): Promise<Finding[]> {
  const rows = textRows(
    await queryRows(
      'target',
      probe.connection,
      `SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
        WHERE REFERENCED_TABLE_SCHEMA = ? AND REFERENCED_TABLE_NAME IN (?)
          AND TABLE_SCHEMA NOT IN ${SERVER_SCHEMAS}
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3`,
      [probe.database, tables],
    ),
  );
  const strangers = rows.filter(
    ([schema, table = '']) => schema !== probe.database || !isOneOf(tables, table),
  );
  // We never change a row's key, so ON UPDATE has no effect.
  const own = (await foreignKeysOf(probe, tables)).filter(({onDelete}) => onDelete !== '');
  return [
    ...strangers.map(([schema = '', table = '', name, referenced = '']) =>
      warning('target', 'target-foreign-keys', {
        message: `${schema}.${table} refers to ${referenced} (${name})`,
        why: 'a row that it refers to cannot be deleted: the delete waits as a dead letter, delete-blocked',
        fix: `delete the rows of ${quoteName(table)} first, as the Organization Service would; or ALTER TABLE ${quoteName(schema)}.${quoteName(table)} DROP FOREIGN KEY ${quoteName(name ?? '')};`,
      }),
    ),
    ...(await checkHiddenReferences(
      probe,
      tables,
      new Set(strangers.map(([schema = '', table = '']) => `${schema}/${table}`)),
    )),
    ...own.map(key =>
      warning('target', 'target-cascades', {
        message: `${key.table}.${key.name} cascades from ${key.referencedTable}`,
        why: 'any delete there removes rows that laas-sync maintains; the next reconcile writes them again',
        fix: `ALTER TABLE ${quoteName(key.table)} DROP FOREIGN KEY ${quoteName(key.name)}, ADD FOREIGN KEY (${key.columns.map(quoteName).join(', ')}) REFERENCES ${quoteName(key.referencedTable)} (${key.referencedColumns.map(quoteName).join(', ')})${key.onUpdate === '' ? '' : ` ON UPDATE ${key.onUpdate}`};`,
      }),
    ),
  ];
}

/** Transactions need InnoDB on the target; on the source, a snapshot does not cover other engines. */
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
              ? 'a batch is one transaction, which this engine cannot roll back'
              : 'a read of it shows uncommitted changes, so that a reconcile may see a row too early',
          fix: `ALTER TABLE ${quoteName(table)} ENGINE = InnoDB;`,
        }),
  );
}

/** A change through a view is logged under the name of its table. */
function viewFault(side: 'source' | 'target', table: string): Finding {
  const source = side === 'source';
  return mustFix(side, 'engine', {
    message: `${table} is a view`,
    why: source
      ? 'its changes are logged under the names of its tables, so that laas-sync sees none of them'
      : 'keys, types and references that block a delete cannot be read for a view',
    fix: source
      ? 'set DB_DATABASE to the schema that holds the tables themselves'
      : `DROP VIEW ${quoteName(table)}; and laas-sync migrate, or a table in its place`,
  });
}

/** The target's triggers fire for our writes as for all others. */
export async function checkTriggers(probe: Probe, tables: readonly string[]): Promise<Finding[]> {
  const {rows} = await ask(
    probe,
    'SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ? AND EVENT_OBJECT_TABLE IN (?)',
    [probe.database, tables],
  );
  return textRows((rows ?? []).map(row => [...row])).map(([name = '', table = '']) =>
    warning('target', 'triggers', {
      message: `the trigger ${name} fires on ${table}`,
      why: 'it also fires for what laas-sync writes; a trigger that changes the row causes a permanent difference',
      fix: `make sure that it leaves mapped columns alone, or DROP TRIGGER ${quoteName(name)};`,
    }),
  );
}
