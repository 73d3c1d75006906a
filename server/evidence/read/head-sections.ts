// `==> path <==` sections, as head(1) prints several files. Pure.

const HEADER = /^==> (.{1,300}?) <==$/gm;

/** Path → text, in the order of the file. Text before the first header belongs to nobody. */
export function headSections(text: string): ReadonlyMap<string, string> {
  const sections = new Map<string, string>();
  const headers = [...text.matchAll(HEADER)];
  for (const [n, header] of headers.entries()) {
    const [line, path] = header;
    const body = text.slice(header.index + line.length, headers[n + 1]?.index ?? text.length);
    if (path !== undefined) sections.set(path, body.trim());
  }
  return sections;
}

/** The value of a line `key: value`, at any indentation. `key` is ours, never from outside. */
export const field = (text: string | undefined, key: string): string | undefined =>
  text === undefined
    ? undefined
    : new RegExp(`^[ \\t]*${key}:(.*)$`, 'm').exec(text)?.[1]?.trim() || undefined;

export const integer = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
