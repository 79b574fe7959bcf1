/**
 * Reads the source's binlog as decoded events, over zongji: connects, requests heartbeats, resumes at a position,
 * notices silence, and pauses the socket on request.
 */
import {ZongJi} from '../../src/position/zongji.ts';
import type {ConnectionOptions, Dialling} from '../../src/db/connection.ts';
import {SyncError} from '../../src/errors.ts';
import type {Plan} from '../../src/mapping/plan.ts';
import type {LogOffset, Position} from '../../src/position/position.ts';
import type {Collations} from '../../src/source/collations.ts';
import {CascadeWatch} from '../decode/cascade-watch.ts';
import {rowBlock} from '../decode/row-image.ts';
import {Slabs} from '../decode/slabs.ts';
import type {SourceEvent} from '../events.ts';
import {faultOf} from './fault.ts';
import {tapPackets, type RowsPacket} from './packets.ts';
import type {ZongjiEvent} from './raw-events.ts';
import {LoggedTables} from './tables.ts';

/** The source sends a heartbeat after this time without an event. */
const HEARTBEAT_MS = 1000;
const SILENCE_MS = 3 * HEARTBEAT_MS;
/** MariaDB reads a log file from its start to find a GTID, and sends nothing meanwhile. */
const SEARCH_MS = 30_000;

export interface BinlogSourceOptions {
  readonly connection: Dialling;
  readonly database: string;
  readonly serverId: number;
  readonly position: Position;
  /** Read for each event, since a schema change makes a new plan. */
  readonly plan: () => Plan;
  /** The source's server id. */
  readonly collations: Collations;
  readonly onEvent: (event: SourceEvent) => void;
  /** Called once; no event follows. */
  readonly onFault: (error: SyncError) => void;
  readonly now: () => number;
}

export interface BinlogSource {
  /** The time when bytes last came from the source, in Unix milliseconds. */
  readonly lastContactMs: number;
  /** The number of events received, without heartbeats. */
  readonly events: number;
  /** The source has not found our position in its log yet. */
  readonly isSearching: boolean;
  readonly isPaused: boolean;
  pause(): void;
  resume(): void;
  stop(): Promise<void>;
}

/** Starts to stream at once; reports faults by `onFault`. */
export function openBinlogSource(options: BinlogSourceOptions): BinlogSource {
  const zongji = new ZongJi(options.connection.options);
  let file = options.position.tag === 'file' ? options.position.file : '';
  let lastContactMs = options.now();
  let events = 0;
  /** Called when the source has found our position in its log. */
  let found = false;
  let paused = false;
  let ended = false;
  let isCaseless = false;
  const slabs = new Slabs();
  const cascades = new CascadeWatch(options.database, options.plan);
  const tables = new LoggedTables({
    ...options,
    isMariadb: () => (zongji as unknown as {isMariaDb?: boolean}).isMariaDb === true,
    isCaseless: () => isCaseless,
  });

  const fail = (error: unknown) => {
    if (ended) return;
    ended = true;
    clearInterval(watchdog);
    options.onFault(faultOf(error, options.position));
    zongji.stop();
  };
  const watchdog = setInterval(() => {
    const limitMs = found ? SILENCE_MS : SEARCH_MS;
    if (!paused && options.now() - lastContactMs > limitMs) {
      fail(
        new SyncError(
          'stream-silent',
          `nothing came from the source for ${limitMs / 1000} s, not even a heartbeat`,
        ),
      );
    }
  }, HEARTBEAT_MS / 2);

  const deliver = (event: SourceEvent) => {
    try {
      options.onEvent(event);
    } catch (error) {
      fail(error);
    }
  };
  const offsetAt = (position: number): LogOffset | null =>
    position > 0 && file !== '' ? {file, offset: position} : null;
  const offsetOf = (event: ZongjiEvent) => offsetAt(event.nextPosition);

  zongji.on('error', fail);
  zongji.on('ready', () => {
    tapPackets(zongji, {
      onPacket: kind => {
        lastContactMs = options.now();
        if (kind !== 'heartbeat') events++;
        if (kind !== 'head') found = true;
      },
      onUnsupported: reason => fail(new SyncError('event-unsupported', reason)),
      onStatement: (statement, end, executedAtMs) => {
        if (!ended) deliver({tag: 'statement', ...statement, offset: offsetAt(end), executedAtMs});
      },
      onTable: (tableId, body) => {
        try {
          tables.add(tableId, body);
          cascades.opened(tables.cascadeKeyOf(tableId) ?? '');
        } catch (error) {
          fail(error);
        }
      },
      onChange: ({tableId, kind, unchecked, ends}) => {
        const table = tables.cascadeKeyOf(tableId);
        if (ended || table === undefined) return;
        if (cascades.reaches({table, kind, unchecked, ends})) deliver({tag: 'unlogged-cascade'});
      },
      isMapped: tableId => tables.has(tableId),
      onMariadbGtid: (gtid, isStandalone) => {
        if (!ended) deliver({tag: 'gtid', gtid, begins: !isStandalone});
      },
      onXid: (end, committedAtMs) => {
        if (!ended) deliver({tag: 'commit', offset: offsetAt(end), committedAtMs});
      },
      onRows: packet => {
        if (ended) return;
        try {
          rows(packet);
        } catch (error) {
          fail(error);
        }
      },
    });
  });
  zongji.on('binlog', raw => {
    if (ended) return;
    const event = raw as unknown as ZongjiEvent;
    switch (event.getTypeName()) {
      case 'Rotate':
        file = String(event['binlogName']);
        deliver({tag: 'advance', offset: {file, offset: Number(event['position'])}});
        return;
      case 'Heartbeat': {
        const offset = event.nextPosition > 0 ? event.nextPosition : Number(event['position'] ?? 0);
        if (file !== '' && offset > 0) deliver({tag: 'advance', offset: {file, offset}, isEnd: true});
        return;
      }
      case 'Gtid':
        deliver({tag: 'gtid', gtid: String(event['gtid']), begins: false});
        return;
      case 'MariadbGtid':
        deliver({tag: 'gtid', gtid: String(event['gtid']), begins: event['standalone'] !== true});
        return;
      case 'AnonymousGtid':
        deliver({tag: 'gtid', gtid: null, begins: false});
        return;
      case 'XaPrepare':
        if (event['onePhase'] === true)
          deliver({tag: 'commit', offset: offsetOf(event), committedAtMs: event.timestamp});
        else deliver({tag: 'xa-prepared', offset: offsetOf(event)});
        return;
      case 'Query':
        deliver({
          tag: 'statement',
          database: String(event['schema']),
          // MariaDB compressed the statement; it does not log the schemas.
          databases: null,
          sql: String(event['query']),
          offset: offsetOf(event),
          executedAtMs: event.timestamp,
        });
        return;
      default: {
        const offset = offsetOf(event);
        if (offset !== null) deliver({tag: 'advance', offset});
      }
    }
  });

  const rows = (packet: RowsPacket) => {
    const layout = tables.layout(packet.tableId);
    const block = layout === null ? null : rowBlock(layout, packet, slabs);
    if (layout === null || block === null) return;
    if (block === 'keyless') deliver({tag: 'unreadable-rows', table: layout.source.table});
    else deliver({tag: 'rows', rows: block});
  };

  // zongji opens its connections as it starts, and asks for the version at once. Over a session that gives no rows
  // that would make it throw, so that the sessions are opened and set before.
  (zongji as unknown as Opening)._establishConnection(options.connection.options);
  prepareSessions(zongji, options.connection.statements, fail);
  // The source answers this before the dump begins, because it is the same connection.
  (zongji.connection as unknown as Queue)?.query('SELECT @@lower_case_table_names', (error, rows) => {
    if (error === null) isCaseless = Number(Object.values(rows?.[0] ?? {})[0]) !== 0;
    else fail(error);
  });
  const start = startOptions(options);
  zongji.start(start as unknown as Parameters<typeof zongji.start>[0]);
  const connection = zongji.connection as unknown as NodeJS.EventEmitter | null;
  const lost = () => fail(new SyncError('source-unreachable', 'the source ended the binlog connection'));
  connection?.on('end', lost);
  (connection as unknown as {stream?: NodeJS.EventEmitter} | null)?.stream?.on('close', lost);

  return {
    get lastContactMs() {
      return lastContactMs;
    },
    get events() {
      return events;
    },
    get isSearching() {
      return !found;
    },
    get isPaused() {
      return paused;
    },
    pause() {
      paused = true;
      zongji.connection?.pause();
    },
    resume() {
      paused = false;
      lastContactMs = options.now();
      zongji.connection?.resume();
    },
    stop() {
      ended = true;
      clearInterval(watchdog);
      return new Promise(resolve => {
        zongji.once('stopped', () => resolve());
        zongji.stop();
      });
    },
  };
}

type Opening = {_establishConnection(options: ConnectionOptions): void};
type Queue = {query(sql: string, done: (error: unknown, rows?: readonly object[]) => void): void} | null;

/**
 * Queues the statements that set the two sessions that zongji opens, and requests heartbeats. All of it is sent
 * before the dump, which zongji sends once it knows the server.
 */
function prepareSessions(zongji: ZongJi, statements: readonly string[], fail: (error: unknown) => void) {
  const [control, binlog] = [zongji.ctrlConnection, zongji.connection] as unknown as [Queue, Queue];
  for (const sql of statements)
    for (const connection of [control, binlog])
      connection?.query(sql, error => {
        if (error !== null) fail(error);
      });
  for (const name of ['master', 'source'])
    binlog?.query(`SET @${name}_heartbeat_period = ${HEARTBEAT_MS * 1_000_000}`, () => undefined);
}

function startOptions({serverId, database, position, plan}: BinlogSourceOptions) {
  const tables = plan().sources.map(({table}) => table);
  const common = {
    serverId,
    includeSchema: {[database]: tables},
    excludeEvents: ['rowsquery', 'annotaterows', 'previousgtids', 'mariadbgtidlist'],
  };
  switch (position.tag) {
    case 'mysql-gtid':
      return {...common, gtidSet: position.set};
    case 'mariadb-gtid':
      return {...common, gtidSet: position.gtids};
    case 'file':
      return {...common, filename: position.file, position: position.offset};
  }
}
