import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {configuration, withAddresses, type Kind} from '../../servers/haproxy.ts';

const document = readFileSync(join(import.meta.dirname, '../../../docs/clusters.md'), 'utf8');
const KINDS: readonly Kind[] = ['galera', 'group'];
/** The bytes of a line of the configuration that sends something. */
function bytesOf(line: string): Buffer {
  const [, binary] = /send-binary (\w+)/.exec(line) ?? [];
  if (binary !== undefined) return Buffer.from(binary, 'hex');
  const [, quoted, plain = ''] = /send (?:"([^"]*)"|(\S+))/.exec(line) ?? [];
  return Buffer.from(quoted ?? plain, 'latin1');
}

describe.each(KINDS)('the configuration of haproxy for %s', kind => {
  const text = configuration(kind);

  it('is the one that docs/clusters.md prints', () => {
    const printed = new RegExp(`^\`\`\`haproxy ${kind}\\n(.*?)^\`\`\``, 'ms').exec(document)?.[1];
    expect(printed).toBe(text);
  });

  it('sends packets whose headers have the right lengths', () => {
    let sent = Buffer.concat(
      text
        .split('\n')
        .filter(line => line.includes('tcp-check send'))
        .map(bytesOf),
    );
    const lengths: number[] = [];
    while (sent.length > 0) {
      const length = sent.readUIntLE(0, 3);
      lengths.push(length);
      expect(sent.length).toBeGreaterThanOrEqual(4 + length);
      sent = sent.subarray(4 + length);
    }
    // A login, a statement, and quit.
    expect(lengths).toHaveLength(3);
    expect(lengths[2]).toBe(1);
  });

  it('has a place for the addresses of a test', () => {
    const servers = [1, 2, 3].map(port => ({host: 'a', port}));
    const filled = withAddresses(text, {host: 'b', port: 9}, servers);
    expect(filled).toMatch(/bind b:9$[^]* a:1[^]* a:2[^]* a:3/m);
    expect(() => withAddresses(text, {host: 'b', port: 9}, [...servers, {host: 'a', port: 4}])).toThrow();
  });
});
