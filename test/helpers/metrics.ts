/** The text that Prometheus reads, for tests. */

/**
 * The samples by name and labels, without the label `stream`.
 *
 * @throws Error if a sample lacks that label
 */
export function samplesOf(text: string, stream: string): Map<string, number> {
  const label = `stream="${stream}"`;
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map(line => {
      if (!line.includes(label)) throw new Error(`a sample without its stream: ${line}`);
      const at = line.lastIndexOf(' ');
      const name = line
        .slice(0, at)
        .replace(new RegExp(`${label},?`), '')
        .replace(/,?\}$/, '}')
        .replace('{}', '');
      return [name, Number(line.slice(at + 1))];
    }),
  );
}
