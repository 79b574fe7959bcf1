import {describe, expect, it} from 'vitest';
import {Suspects, type Sides} from '../../../reconciler/suspects.ts';

type Look = Readonly<Record<string, readonly [source: string, target: string]>>;
const differences = (look: Look) =>
  new Map<string, Sides>(Object.entries(look).map(([id, [source, target]]) => [id, {source, target}]));

/** Which rows are drift after these comparisons, and whether they were enough. */
function after(first: Look, ...looks: readonly Look[]): {drift: string[]; settled: boolean} {
  const suspects = new Suspects(differences(first));
  for (const look of looks) suspects.compare(differences(look));
  return {drift: ['a', 'b', 'c'].filter(id => suspects.isDrift(id)), settled: suspects.areSettled};
}

describe('rows that differ', () => {
  const times = (count: number, look: Look) => Array.from({length: count}, () => look);

  it('are drift if they do not change over eight reads', () => {
    const same = {a: ['1', '2']} as const;
    expect(after(same, ...times(6, same))).toEqual({drift: ['a'], settled: false});
    expect(after(same, ...times(7, same))).toEqual({drift: ['a'], settled: true});
  });

  it('are in flight if they change before', () => {
    const same = {a: ['1', '0']} as const;
    expect(after(same, ...times(6, same), {a: ['1', '2']})).toEqual({drift: [], settled: false});
    expect(after(same, ...times(6, same), {}, ...times(8, same))).toEqual({drift: [], settled: true});
  });

  it('are none once they agree, even if they differ later', () => {
    expect(after({a: ['1', '0']}, {}, {a: ['3', '2'], b: ['1', '0']})).toEqual({drift: [], settled: true});
    expect(after({}, {b: ['1', '0']}, {b: ['1', '0']}, {b: ['1', '0']})).toEqual({drift: [], settled: true});
  });

  it('are in flight while the target’s side still changes', () => {
    expect(after({a: ['1', '0']}, {a: ['2', '1']}, {a: ['3', '2']})).toEqual({drift: [], settled: false});
  });

  it('are drift if the source changes and the target never does', () => {
    expect(after({a: ['1', '0']}, {a: ['2', '0']}, {a: ['3', '0']})).toEqual({drift: ['a'], settled: false});
  });

  it('are judged one by one', () => {
    const drift = ['x', 'y'] as const;
    expect(after({a: ['1', '0'], c: drift}, {a: ['2', '1'], c: drift}, ...times(6, {c: drift}))).toEqual({
      drift: ['c'],
      settled: true,
    });
  });
});
