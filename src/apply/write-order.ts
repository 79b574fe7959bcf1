/**
 * Orders the writes of rows whose unique values move: which rows can be written and in which order, which rows
 * must be deleted first, and which must be parked under a temporary value. Pure; its steps are linear in the number
 * of rows.
 */

/** A row to be written, with the class of its values in each unique key; null if it has none. */
export interface Contender {
  readonly key: string;
  readonly wants: readonly (string | null)[];
  /** The current classes of the target's row with this key. */
  readonly holds: readonly (string | null)[];
  /** The target's row is newer and stays as it is. */
  readonly kept: boolean;
}

/** The rows that want unique values, and the rows that hold them. */
export interface Contention {
  readonly contenders: readonly Contender[];
  /** For each unique key, the other rows that hold a value of a class that one of these wants. */
  readonly holders: readonly ReadonlyMap<string, string>[];
}

export interface Verdicts {
  /** Whether a row stays where it is if it is not written, and is not deleted for others. */
  readonly isFirm: (key: string) => boolean;
  /** The contenders that cannot be written in any case. */
  readonly refused: ReadonlySet<string>;
}

export interface WriteOrder {
  /** Rows in an order in which they can be written. */
  readonly writable: readonly string[];
  /** The other rows, each with the row that blocks it. */
  readonly conflicts: ReadonlyMap<string, string>;
  /** Rows to be deleted from the target first. */
  readonly evicted: readonly string[];
  /** Rows that must free their value of a unique key before the first row of their ring is written. */
  readonly parked: readonly {
    readonly key: string;
    readonly uniqueKey: number;
    readonly ring: readonly string[];
  }[];
}

type Rows = ReadonlyMap<string, Contender>;
type Classes = ReadonlyMap<string, string>;

/**
 * Rows that keep a value come first, then rows that exchange values in a ring, then the first row that wants a
 * value. A row that cannot be written is deleted for one that can, unless it is firm.
 */
export function orderWrites(contention: Contention, verdicts: Verdicts): WriteOrder {
  const {contenders, holders} = contention;
  const keys = holders.length;
  const all: Rows = new Map(contenders.map(contender => [contender.key, contender]));
  const pending = new Map(
    contenders
      .filter(({key, kept}) => !kept && !verdicts.refused.has(key))
      .map(contender => [contender.key, contender]),
  );
  const held = holders.map((others, i) => heldBy(contenders, others, i));
  const reserved = held.map((classes, i) => reservedFor(pending, classes, i));
  const order = inOrder([...pending.keys()], key => {
    const {wants} = pending.get(key) ?? {wants: []};
    return wants
      .flatMap((want, i) => [lookUp(held[i], want), lookUp(reserved[i], want)])
      .filter(isOneOf(pending));
  });
  const conflicts = conflictsAmong(order, {all, pending, held, keys}, verdicts);
  const writable = new Map([...pending].filter(([key]) => !conflicts.has(key)));
  return {...ordered(writable, held), conflicts};
}

interface Contest {
  readonly all: Rows;
  readonly pending: Rows;
  readonly held: readonly Classes[];
  readonly keys: number;
}

/** Lets the rows claim the values they want, one row after another. */
function conflictsAmong(
  order: readonly string[],
  {all, pending, held, keys}: Contest,
  {isFirm}: Verdicts,
): Map<string, string> {
  /** Rows that turned out to block others that had claimed the values they hold. */
  const stuck = new Map<string, string>();
  for (;;) {
    const conflicts = new Map(stuck);
    const claims = Array.from({length: keys}, () => new Map<string, string>());
    const stays = (key: string) =>
      pending.has(key) ? conflicts.has(key) && isFirm(key) : all.get(key)?.kept === true || isFirm(key);
    for (const key of order) {
      if (conflicts.has(key)) continue;
      const {wants} = pending.get(key) ?? {wants: []};
      let blocker: string | undefined;
      wants.forEach((want, i) => {
        const holder = lookUp(held[i], want);
        blocker ??= lookUp(claims[i], want);
        if (holder !== undefined && holder !== key && stays(holder)) blocker ??= holder;
      });
      if (blocker !== undefined) conflicts.set(key, blocker);
      else wants.forEach((want, i) => want !== null && claims[i]?.set(want, key));
    }
    const before = stuck.size;
    claims.forEach((claimed, i) => {
      for (const [value, key] of claimed) {
        const holder = held[i]?.get(value);
        const blocker = holder === undefined || holder === key ? undefined : conflicts.get(holder);
        if (holder !== undefined && blocker !== undefined && isFirm(holder)) stuck.set(holder, blocker);
      }
    });
    if (stuck.size === before) return conflicts;
  }
}

/** Orders the writes: a row that frees a value comes before the row that takes it. */
function ordered(writable: Rows, held: readonly Classes[]): Omit<WriteOrder, 'conflicts'> {
  const evicted = new Set<string>();
  const parked = new Map<string, WriteOrder['parked'][number]>();
  const holdersOf = (key: string) =>
    (writable.get(key)?.wants ?? []).flatMap((want, uniqueKey) => {
      const holder = lookUp(held[uniqueKey], want);
      if (holder === undefined || holder === key) return [];
      if (writable.has(holder)) return [{holder, uniqueKey}];
      evicted.add(holder);
      return [];
    });
  const order = inOrder(
    [...writable.keys()],
    key => holdersOf(key).map(({holder}) => holder),
    ring => {
      const [key = ''] = ring;
      for (const {holder, uniqueKey} of holdersOf(ring.at(-1) ?? ''))
        if (holder === key) parked.set(`${uniqueKey}/${key}`, {key, uniqueKey, ring});
    },
  );
  return {writable: order, evicted: [...evicted], parked: [...parked.values()]};
}

/** The holder of each class of a unique key, among these rows and others. */
function heldBy(contenders: readonly Contender[], others: Classes, uniqueKey: number): Map<string, string> {
  const held = new Map(others);
  for (const {key, holds} of contenders) {
    const value = holds[uniqueKey] ?? null;
    if (value !== null) held.set(value, key);
  }
  return held;
}

/** The row with priority for each class: the one that keeps it, or the one that takes it in a ring. */
function reservedFor(pending: Rows, held: Classes, uniqueKey: number): Map<string, string> {
  const reserved = new Map<string, string>();
  const seen = new Set<string>();
  const next = (key: string) => {
    const holder = lookUp(held, pending.get(key)?.wants[uniqueKey] ?? null);
    return holder !== undefined && pending.has(holder) ? holder : undefined;
  };
  for (const start of pending.keys()) {
    const path: string[] = [];
    let key: string | undefined = start;
    while (key !== undefined && !seen.has(key)) {
      seen.add(key);
      path.push(key);
      key = next(key);
    }
    const at = key === undefined ? -1 : path.indexOf(key);
    if (at < 0) continue;
    for (const one of path.slice(at)) reserved.set(pending.get(one)?.wants[uniqueKey] ?? '', one);
  }
  return reserved;
}

/**
 * Sorts keys behind those they depend on.
 *
 * @param onRing receives each ring of keys that depend on each other, from the first to the one that closes it
 */
function inOrder(
  keys: readonly string[],
  dependsOn: (key: string) => readonly string[],
  onRing?: (ring: readonly string[]) => void,
): string[] {
  const order: string[] = [];
  /** The index of a key on the path; -1 when it is finished. */
  const places = new Map<string, number>();
  const path: {readonly key: string; readonly left: string[]}[] = [];
  const enter = (key: string) => {
    if (places.has(key)) return;
    places.set(key, path.length);
    path.push({key, left: [...dependsOn(key)]});
  };
  for (const start of keys) {
    enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.left.pop();
      if (next === undefined) {
        places.set(top.key, -1);
        order.push(top.key);
        path.pop();
        continue;
      }
      const place = places.get(next) ?? -1;
      if (place < 0) enter(next);
      else if (next !== top.key) onRing?.(path.slice(place).map(({key}) => key));
    }
  }
  return order;
}

function lookUp(classes: Classes | undefined, value: string | null): string | undefined {
  return value === null ? undefined : classes?.get(value);
}

function isOneOf(rows: Rows): (key: string | undefined) => key is string {
  return (key): key is string => key !== undefined && rows.has(key);
}
