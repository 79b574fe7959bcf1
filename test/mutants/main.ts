/**
 * `npm run mutate`: removes protections from the code, one at a time, and checks that a test fails without each.
 * Exits with a code other than 0 if one does not.
 */
import {join} from 'node:path';
import {Command} from 'commander';
import {Bench, type Verdict} from './bench.ts';
import {chosen, type Mutant} from './mutant.ts';

const ROOT = join(import.meta.dirname, '../../..');
const say = (text: string) => process.stdout.write(`${text}\n`);

/** The place of its test, as the table shows it: `fault/kill (mariadb)`. */
function place({test: [file], flavour = 'mariadb'}: Mutant): string {
  const name = file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
  return /^(?:db|fault|e2e)\//.test(name) ? `${name} (${flavour})` : name;
}

async function main(
  words: readonly string[],
  {list, control}: {list?: true; control?: true},
): Promise<number> {
  const mutants = chosen(words);
  if (mutants.length === 0) {
    say(`no mutant has the name, number, subject or file ${words.join(' ')}; --list shows all mutants`);
    return 64;
  }
  if (list === true) {
    for (const mutant of mutants) say(`${mutant.name}: ${mutant.answers.join(', ')}; ${place(mutant)}`);
    return 0;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  // Without its mutant each test must pass, or its failure would say nothing.
  const wanted = control === true ? 'survived' : 'killed';
  const verdicts: (Verdict & {mutant: Mutant; seconds: number})[] = [];
  {
    using bench = new Bench(ROOT, stop.signal);
    for (const mutant of mutants) {
      const startedMs = performance.now();
      const verdict = await bench.try(mutant, control === true ? [] : mutant.edits);
      if (stop.signal.aborted) return 130;
      verdicts.push({...verdict, mutant, seconds: (performance.now() - startedMs) / 1000});
      say(`${verdict.fate.padEnd(9)} ${mutant.name}${verdict.why === '' ? '' : `: ${verdict.why}`}`);
    }
  }
  say('\n| mutant | answers | test | fate | s |\n|---|---|---|---|---|');
  for (const {mutant, fate, seconds} of verdicts)
    say(
      `| ${mutant.name} | ${mutant.answers.join(', ')} | ${place(mutant)} | ${fate} | ${seconds.toFixed(0)} |`,
    );
  const good = verdicts.filter(({fate}) => fate === wanted).length;
  say(
    `\n${good} of ${verdicts.length} ${control === true ? 'tests pass without their mutants' : 'mutants killed'}`,
  );
  return good === verdicts.length ? 0 : 1;
}

await new Command('mutate')
  .description('removes protections from a copy of the code, and runs the tests that must fail without them')
  .option('--list', 'list the mutants, and run nothing')
  .option('--control', 'run the tests without mutants: each must pass')
  .argument(
    '[which...]',
    'names of mutants, numbers of docs/failure-modes.md, subjects, files; all by default',
  )
  .action(async (words: readonly string[], options: {list?: true; control?: true}) => {
    process.exitCode = await main(words, options);
  })
  .parseAsync();
