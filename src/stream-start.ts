/** Finds where a stream starts: at the saved position, if the source can resume there, or at a new anchor. */
import type {Applier} from './apply/applier.ts';
import type {ApplyLock} from './apply/apply-lock.ts';
import {
  anchorStatement,
  pendingStatement,
  readCheckpoint,
  sourceStatement,
  type Checkpoint,
  type Fence,
} from './apply/checkpoint.ts';
import {isOwnershipLost} from './apply/lost-ownership.ts';
import type {Session} from './apply/session.ts';
import type {Connection} from './db/connection.ts';
import type {ServerInfo} from './db/server.ts';
import {SyncError} from './errors.ts';
import {usedOtherMapping} from './mapping-change.ts';
import type {Mapping} from './mapping/mapping.ts';
import type {Position} from './position/position.ts';
import {positionHere, whyPositionIsLost} from './source/position-check.ts';
import {anchorPosition, endSnapshot, openSnapshot} from './source/watermark.ts';

export interface StartDeps {
  readonly source: Connection;
  readonly info: ServerInfo;
  readonly session: Session;
  readonly applier: Applier;
  readonly fence: Fence;
  readonly lock: ApplyLock;
  readonly mapping: Mapping;
}

/**
 * Returns the checkpoint to stream from, with a position that this source has. Saves which server is read, and
 * sets an anchor if no position is saved. A source that may still be behind has been waited for.
 *
 * @throws SyncError `position-lost` if the source cannot resume at the saved position
 */
export async function startStream(deps: StartDeps, signal: AbortSignal): Promise<Checkpoint> {
  const {source, info, session, applier, fence, mapping} = deps;
  const saved = await savedOrAnchored(deps, signal);
  const {position, offset, sourceIdentity: identity} = saved;
  const lost = await whyPositionIsLost(source, info, {position, offset, identity});
  if (lost !== null) throw new SyncError('position-lost', lost);
  const mustAdopt = saved.pending === '' && (await adoptAgain(deps));
  const hasMoved = identity !== info.identity;
  const parentsProven = areParentsProven(saved, info, mapping);
  const here = await positionHere(source, info, {position, identity});
  const movedTo = hasMoved && position.tag !== 'file' ? here : null;
  await applier.runFenced(session, sourceStatement(fence, {identity: info.identity, movedTo, parentsProven}));
  return {
    ...saved,
    pending: mustAdopt ? 'diff' : saved.pending,
    position: movedTo ?? position,
    // An offset belongs to the server from which it was read.
    offset: movedTo === null ? offset : null,
    parentsProven,
  };
}

/**
 * Whether the saved proof, that every row has its parents, is valid for this server and this mapping. What was
 * logged after the saved position does not matter: the stream reads it, and notes rows that were written without
 * the checks, and changed foreign keys.
 */
export function areParentsProven(saved: Checkpoint, {identity}: ServerInfo, mapping: Mapping): boolean {
  return saved.parentsProven && saved.sourceIdentity === identity && !usedOtherMapping(saved, mapping);
}

async function savedOrAnchored(
  deps: StartDeps,
  signal: AbortSignal,
): Promise<Checkpoint & {position: Position}> {
  const read = () => readCheckpoint(deps.session.connection, deps.fence.stream);
  let checkpoint = await read();
  if (checkpoint === null || checkpoint.position === null) {
    await setAnchor(deps, signal);
    checkpoint = await read();
  }
  if (checkpoint === null || checkpoint.position === null)
    throw new SyncError('internal', 'the new anchor was not saved');
  return {...checkpoint, position: checkpoint.position};
}

/** Saves the source's current position as the one to stream from, with a full reconcile due. */
export async function setAnchor(
  {source, info, session, applier, fence, lock}: Omit<StartDeps, 'mapping'>,
  signal: AbortSignal,
): Promise<void> {
  const snapshot = await openSnapshot(source, info, signal);
  const position = await anchorPosition(source, info, snapshot);
  await endSnapshot(source);
  const offset = snapshot.low.tag === 'file' ? snapshot.low : snapshot.isExact ? snapshot.high : null;
  const anchor = anchorStatement(fence, {position, offset, sourceIdentity: info.identity});
  // A run that is about to end must not record that it covered the full reconcile requested here.
  await lock.exclusive(async () => {
    applier.timesRequested++;
    await applier.runFenced(session, anchor);
  });
}

/**
 * Requests a reconcile that adopts the rows, if their ownership is lost.
 *
 * @returns whether it is
 */
async function adoptAgain({session, applier, fence, lock}: StartDeps): Promise<boolean> {
  const query = (sql: string) => session.query(sql);
  if (!(await isOwnershipLost(query, fence.stream, applier.plan))) return false;
  await lock.exclusive(async () => {
    applier.timesRequested++;
    await applier.runFenced(session, pendingStatement(fence));
    applier.forget();
  });
  return true;
}
