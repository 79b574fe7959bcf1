import type {Checkpoint} from './apply/checkpoint.ts';
import {loadMapping} from './mapping/file/read.ts';
import type {Mapping} from './mapping/mapping.ts';

/**
 * Whether the last reconcile used another mapping. Versions that saved no mapping used the built-in one. An
 * unfinished first load covers every row, whatever the mapping was.
 */
export function usedOtherMapping(
  checkpoint: Pick<Checkpoint, 'mapping' | 'position' | 'pending'> | null,
  {canonical}: Pick<Mapping, 'canonical'>,
): boolean {
  if (checkpoint === null) return false;
  if (checkpoint.mapping !== null) return checkpoint.mapping !== canonical;
  const isLoaded = checkpoint.position !== null && checkpoint.pending !== 'load';
  return isLoaded && canonical !== loadMapping(undefined).canonical;
}
