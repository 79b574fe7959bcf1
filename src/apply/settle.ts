/**
 * Which of some rows can be written, given who holds which unique values: in which order, which rows must
 * give way, and which must be parked under another value for a moment. Pure, and in steps that grow with the
 * rows alone.
 */

/** A row that is to be written, with the class of its values in each unique key; null where it has none. */
export interface Stake {
  readonly key: string;
  readonly wants: readonly (string | null)[];
  /** What the target's row of this key holds now. */
  readonly holds: readonly (string | null)[];
  /** The target's row is newer and stays as it is. */
  readonly kept: boolean;
}

export interface Standing {
  readonly stakes: readonly Stake[];
  /** For each unique key: the rows beside these that hold a class that one of these wants. */
  readonly holders: readonly ReadonlyMap<string, string>[];
}

export interface Verdicts {
  /** Whether a row that is not written stays where it is all the same, and does not give way. */
  readonly isFirm: (key: string) => boolean;
  /** Rows of these that cannot be written whatever the others do. */
  readonly refused: ReadonlySet<string>;
}

export interface Settlement {
  /** In the order in which they can be written. */
  readonly writable: readonly string[];
  /** The others, each with the row in its way. */
  readonly conflicts: ReadonlyMap<string, string>;
  /** Rows that are to leave the target first. */
  readonly evicted: readonly string[];
  /** Rows that must give up their value of a unique key before the first of their ring is written. */
  readonly parked: readonly {
    readonly key: string;
    readonly uniqueKey: number;
    readonly ring: readonly string[];
  }[];
}

type Rows = ReadonlyMap<string, Stake>;
type Classes = ReadonlyMap<string, string>;

/**
 * Rows that keep a value come first, then those that pass values round in a ring, then the first that wants
 * one. A row that cannot be written gives way to one that can, unless it is firm.
 */
export function settle(standing: Standing, verdicts: Verdicts): Settlement {
  const {stakes, holders} = standing;
  const keys = holders.length;
  const all: Rows = new Map(stakes.map(stake => [stake.key, stake]));
  const pending = new Map(
    stakes.filter(({key, kept}) => !kept && !verdicts.refused.has(key)).map(stake => [stake.key, stake]),
  );
  const held = holders.map((others, i) => heldBy(stakes, others, i));
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

/** Lets the rows claim what they want, one after the other. */
function conflictsAmong(
  order: readonly string[],
  {all, pending, held, keys}: Contest,
  {isFirm}: Verdicts,
): Map<string, string> {
  /** Rows that turned out to be in the way of others that had claimed what they hold. */
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

/** The order of writing: who gives a value up before who takes it. */
function ordered(writable: Rows, held: readonly Classes[]): Omit<Settlement, 'conflicts'> {
  const evicted = new Set<string>();
  const parked = new Map<string, Settlement['parked'][number]>();
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

/** Who holds each class of a unique key, of these rows and of others. */
function heldBy(stakes: readonly Stake[], others: Classes, uniqueKey: number): Map<string, string> {
  const held = new Map(others);
  for (const {key, holds} of stakes) {
    const value = holds[uniqueKey] ?? null;
    if (value !== null) held.set(value, key);
  }
  return held;
}

/** Which row each class is for before others: the one that keeps it, else the one that takes it in a ring. */
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
 * Keys after those that they depend on.
 *
 * @param onRing gets each ring of keys that depend on each other, from the first to the one that closes it
 */
function inOrder(
  keys: readonly string[],
  dependsOn: (key: string) => readonly string[],
  onRing?: (ring: readonly string[]) => void,
): string[] {
  const order: string[] = [];
  /** Where a key stands on the path; -1 when it is done. */
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
