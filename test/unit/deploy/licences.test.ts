import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {licencesDocument, productionPackages} from '../../../deploy/licences.mjs';

const root = join(import.meta.dirname, '../../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const lock = JSON.parse(read('package-lock.json')) as Parameters<typeof productionPackages>[0];
const packages = productionPackages(lock);
/** These licences only require that their text is included. */
const PERMISSIVE = ['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0'];

describe('the packages of a release', () => {
  it('are listed with their licences in docs/licences.md', () => {
    expect(read('docs/licences.md'), 'run: node deploy/licences.mjs').toBe(licencesDocument(lock));
  });

  it('are under licences that require only their text', () => {
    for (const {path, name, license} of packages) {
      expect(PERMISSIVE, name).toContain(license);
      if (!existsSync(join(root, path))) continue;
      const own = JSON.parse(read(`${path}/package.json`)) as {license?: string};
      expect(own.license, name).toBe(license);
    }
  });

  it('run nothing when they are installed, and are pinned by their content', () => {
    expect(packages.filter(({hasInstallScript}) => hasInstallScript)).toEqual([]);
    expect(packages.filter(({integrity}) => !integrity.startsWith('sha512-'))).toEqual([]);
  });

  it('have each direct one explained in docs/dependencies.md', () => {
    const {dependencies, devDependencies} = JSON.parse(read('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const explained = read('docs/dependencies.md');
    for (const name of [...Object.keys(dependencies ?? {}), ...Object.keys(devDependencies ?? {})])
      if (!name.startsWith('@types/')) expect(explained).toContain(`\`${name}\``);
  });

  it('come with a changelog that knows the version', () => {
    const {version} = JSON.parse(read('package.json')) as {version: string};
    expect(read('CHANGELOG.md')).toMatch(
      new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - \\d{4}-\\d\\d-\\d\\d$`, 'm'),
    );
  });
});
