/**
 * What the replicator and the reconciler share while this instance leads: one applier with its ownership, one
 * lock, one tap; and the connections of each.
 */
import type {Connections} from '../replicator/attempt-deps.ts';
import type {Worker} from '../reconciler/batch.ts';
import {Applier} from './apply/applier.ts';
import {readCheckpoint, type Fence} from './apply/checkpoint.ts';
import {ApplyLock} from './apply/apply-lock.ts';
import {openSession, type Session} from './apply/session.ts';
import {StreamTap} from './apply/stream-tap.ts';
import type {Config} from './config.ts';
import {connect, diallingOf, sever, type Connection} from './db/connection.ts';
import {charsetsOf, readCharsetTables, type CharsetTable} from './source/charset-tables.ts';
import {readCollations} from './source/collations.ts';
import {readLogEnd, readServerInfo, settledName, type ServerInfo} from './db/server.ts';
import {NEVER_IDLE_SECONDS} from './db/session-settings.ts';
import {askForParents, KnownParents, proveNothing, trustParents, type FindProven} from './db/orphans.ts';
import {readSourceSchema, readTargetSchema} from './db/schema.ts';
import {preflight} from './doctor/preflight.ts';
import {SyncError} from './errors.ts';
import {settled} from './lifecycle/settled.ts';
import {buildPlan, type Plan} from './mapping/plan.ts';
import {schemaFingerprint} from './source/fingerprint.ts';
import {GaleraProgress, whyNotMember, type SeenMembers} from './source/membership.ts';
import {letCatchUp, waitUntilNotBehind} from './source/behind.ts';
import {connectTo} from './source/one-server.ts';
import {connectionQuery, createSourceReader} from './source/reader.ts';
import {waitUntilVisible, type RequiredPosition} from './source/watermark.ts';
import {areParentsProven, setAnchor, startStream, type StartDeps} from './stream-start.ts';

/** The stream waits for its queries; a source that takes this long counts as silent. */
const STREAM_READ_TIMEOUT_MS = 20_000;
export class ReplicationContext {
  readonly lock = new ApplyLock();
  readonly tap = new StreamTap();
  readonly #config: Config;
  readonly #fence: Fence;
  readonly #sessions = new Set<Session>();
  readonly #seenMembers: SeenMembers = new Set();
  #applier: Applier | null = null;
  #roundTripMs = 0;

  constructor(config: Config, fence: Fence) {
    this.#config = config;
    this.#fence = fence;
  }

  get applier(): Applier | null {
    return this.#applier;
  }

  /** The round trip to the farther server in milliseconds, as the stream found it; 0 if it has not been connected. */
  get roundTripMs(): number {
    return this.#roundTripMs;
  }

  /** Used when the lease is lost: closes connections without waiting for a server that does not answer. */
  abandon(): void {
    for (const {connection} of this.#sessions) sever(connection);
  }

  /** Opens what one attempt to stream needs. The position exists, and the source can resume there. */
  async connectStream(signal: AbortSignal): Promise<Connections> {
    return this.#opened(signal, async open => {
      const [source, session] = await settled([open.source(STREAM_READ_TIMEOUT_MS), open.session()]);
      const [info, saved] = await settled([
        this.#checkedSource(source, session),
        readCheckpoint(session.connection, this.#fence.stream),
      ]);
      // What no later transaction shows must not come between the position and the questions about the schema and the
      // parents. A replica that is behind would answer for an earlier position.
      if (saved === null || saved.position === null) await this.#setAnchor(source, info, session, signal);
      else await letCatchUp({connection: source, info}, saved, signal);
      const progress = new GaleraProgress();
      const isProven = saved !== null && areParentsProven(saved, info, this.#config.mapping);
      const parents = new KnownParents(isProven);
      const applier = await this.#applierFor(source, session, parents.find);
      const provenAt = await readLogEnd(source, info);
      const checkpoint = await startStream(this.#startDeps(source, info, session, applier), signal);
      const reader = createSourceReader(connectionQuery(source));
      const charsets = new Map<string, CharsetTable>();
      const readCharsets = ({sources}: Plan) => readCharsetTables(source, charsetsOf(sources), charsets);
      const [database, collations] = await settled([
        settledName('source', source, this.#config.source.database),
        readCollations(source, info),
        readCharsets(applier.plan),
        applier.deadLetters.recount(session.query),
      ]);
      return {
        database,
        checkpoint,
        applier,
        provenAt,
        writer: {session, reader, waitUntilVisible: need => waitUntilVisible(source, info, need, signal)},
        binlog: diallingOf(source, NEVER_IDLE_SECONDS),
        collations,
        charsets,
        server: info,
        whyNotMember: () => whyNotMember(source, info, this.#seenMembers, progress),
        reloadPlan: async defined => {
          const before = schemaFingerprint(applier.plan);
          parents.forget(defined);
          applier.plan = await this.#plan(source, session, parents.find);
          await readCharsets(applier.plan);
          const changed = schemaFingerprint(applier.plan) !== before;
          return {plan: applier.plan, changed, provenAt: await readLogEnd(source, info)};
        },
        close: open.closeAll,
      };
    });
  }

  /** @throws SyncError if the source is not ready for a stream, or its cluster has lost it */
  async #checkedSource(source: Connection, session: Session): Promise<ServerInfo> {
    const askedMs = performance.now();
    const info = await readServerInfo('source', source);
    this.#roundTripMs = Math.max(session.roundTripMs, performance.now() - askedMs);
    const [, outside] = await settled([
      preflight(source, this.#config.source.database, info),
      whyNotMember(source, info, this.#seenMembers, new GaleraProgress()),
    ]);
    if (outside !== null) throw new SyncError('source-unreachable', outside, {answersAtOnce: true});
    return info;
  }

  /** Discards the position and starts from the source's current one, with a full reconcile due. */
  async anchor(signal: AbortSignal): Promise<void> {
    const connections = await this.#opened(signal, async open => {
      const source = await open.source();
      const info = await readServerInfo('source', source);
      const session = await open.session();
      await this.#setAnchor(source, info, session, signal);
      return {close: open.closeAll};
    });
    connections.close();
  }

  async #setAnchor(
    source: Connection,
    info: ServerInfo,
    session: Session,
    signal: AbortSignal,
  ): Promise<void> {
    const applier = await this.#applierFor(source, session, proveNothing);
    await setAnchor(this.#startDeps(source, info, session, applier), signal);
  }

  /**
   * Opens `count` workers for a reconcile, each with connections of its own. They all read from one server: from
   * that of the stream, if it runs.
   */
  async connectWorkers(
    count: number,
    signal: AbortSignal,
  ): Promise<{workers: Worker[]; applier: Applier; close: () => void}> {
    return this.#opened(signal, async open => {
      const streamed = this.tap.server;
      const first = await connectTo(() => open.source(), streamed);
      const {info} = first;
      const another = async () => (await connectTo(() => open.source(), info.identity)).connection;
      const workers = await settled(
        Array.from({length: count}, async (_, i) => {
          // One connection reads a batch in a snapshot while another batch is written, which may have to read, too.
          const [source, session, forWriter] = await settled([
            i === 0 ? Promise.resolve(first.connection) : another(),
            open.session(),
            another(),
          ]);
          return {
            source,
            info,
            writer: {
              session,
              reader: createSourceReader(connectionQuery(forWriter)),
              waitUntilVisible: (need: RequiredPosition) => {
                this.tap.assertReads(info.identity);
                return waitUntilVisible(forWriter, info, need, signal);
              },
            },
          };
        }),
      );
      const [{writer: firstWriter} = {writer: null}] = workers;
      if (firstWriter === null) throw new SyncError('internal', 'a reconcile needs at least one worker');
      const saved =
        streamed === null ? await readCheckpoint(firstWriter.session.connection, this.#fence.stream) : null;
      if (saved !== null) await waitUntilNotBehind(first, saved, signal);
      const isProven = streamed !== null && this.tap.parentsProven;
      const findProven = isProven ? trustParents : askForParents;
      const applier = await this.#applierFor(first.connection, firstWriter.session, findProven);
      return {workers, applier, close: open.closeAll};
    });
  }

  /** Returns the one applier, with a plan of the current schemas. */
  async #applierFor(source: Connection, session: Session, findProven?: FindProven): Promise<Applier> {
    const plan = await this.#plan(source, session, findProven);
    this.#applier ??= new Applier({config: this.#config, fence: this.#fence, plan});
    this.#applier.plan = plan;
    return this.#applier;
  }

  async #plan(source: Connection, session: Session, findProven?: FindProven): Promise<Plan> {
    const {mapping, source: from, target: to} = this.#config;
    const [ofSource, ofTarget] = await settled([
      readSourceSchema(source, from.database, mapping, findProven),
      readTargetSchema(session.connection, to.database, mapping),
    ]);
    return buildPlan(mapping, ofSource, ofTarget);
  }

  #startDeps(source: Connection, info: ServerInfo, session: Session, applier: Applier): StartDeps {
    return {
      source,
      info,
      session,
      applier,
      fence: this.#fence,
      lock: this.lock,
      mapping: this.#config.mapping,
    };
  }

  /** Closes everything that was opened if `make` fails, and returns a function that closes it. */
  async #opened<T>(signal: AbortSignal, make: (open: Opener) => Promise<T>): Promise<T> {
    const closers: (() => void)[] = [];
    const closeAll = () => {
      for (const close of closers.splice(0).toReversed()) close();
    };
    try {
      return await make({
        closeAll,
        source: async statementMs => {
          const connection = await connect('source', this.#config.source, {
            until: signal,
            ...(statementMs === undefined ? {} : {statementMs}),
          });
          closers.push(() => connection.destroy());
          return connection;
        },
        session: async () => {
          const session = await openSession(this.#config.target);
          this.#sessions.add(session);
          closers.push(() => {
            this.#sessions.delete(session);
            session.close();
          });
          return session;
        },
      });
    } catch (error) {
      closeAll();
      throw error;
    }
  }
}

interface Opener {
  /** Also closed soon after the signal. */
  readonly source: (statementMs?: number) => Promise<Connection>;
  readonly session: () => Promise<Session>;
  readonly closeAll: () => void;
}
