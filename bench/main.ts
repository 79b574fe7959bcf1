import {measureCatchUp} from './catch-up.ts';
console.log(await measureCatchUp(process.argv.includes('--replica'), process.argv.includes('--prof') ? ['--cpu-prof', '--cpu-prof-dir=/tmp/setup/prof'] : []));
process.exit(0);
