/** Writes docs/licences.md from package-lock.json: the packages that a release depends on, with their licences. */
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';

const root = join(import.meta.dirname, '..');

/** Returns every package of an installation without the development packages, by name and version. */
export function productionPackages(lock) {
  return Object.entries(lock.packages)
    .filter(([path, entry]) => path !== '' && entry.dev !== true && entry.devOptional !== true)
    .map(([path, {version, license = 'unknown', integrity = '', hasInstallScript = false}]) => ({
      path,
      name: path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length),
      version,
      license,
      integrity,
      hasInstallScript,
    }))
    .sort((a, b) => (a.name === b.name ? compare(a.version, b.version) : compare(a.name, b.name)));
}

/** Sorts by code units, so that the order does not depend on a machine's language. */
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function licencesDocument(lock) {
  const packages = productionPackages(lock);
  const unique = [...new Map(packages.map(entry => [`${entry.name}@${entry.version}`, entry])).values()];
  const counts = byLicence(unique);
  const sums = [...counts]
    .sort(([a], [b]) => compare(a, b))
    .map(([license, list]) => `${license} ${list.length}`);
  return [
    '# Licences',
    '',
    '<!-- Generated from package-lock.json by deploy/licences.mjs: `node deploy/licences.mjs`. -->',
    '',
    `laas-sync itself is under the MIT licence. A release installs ${unique.length} packages: ${sums.join(', ')}. None of them runs a script when it is installed. Why each direct one is here: [dependencies.md](dependencies.md).`,
    '',
    '| package | version | licence |',
    '|---|---|---|',
    ...unique.map(({name, version, license}) => `| \`${name}\` | ${version} | ${license} |`),
    '',
  ].join('\n');
}

/** Node 20 has no Map.groupBy. */
function byLicence(packages) {
  const groups = new Map();
  for (const entry of packages) groups.set(entry.license, [...(groups.get(entry.license) ?? []), entry]);
  return groups;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  writeFileSync(join(root, 'docs/licences.md'), licencesDocument(lock));
}
