import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const server = path.join(root, 'server');

interface Uses {
  readonly loads: ReadonlySet<string>;
  readonly typesOf: ReadonlySet<string>;
}

const rooms = readdirSync(server, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .toSorted();

/** The rows of the table of rooms: those of the server by name. */
function written(): Map<string, Uses> {
  const names = (cell = ''): Set<string> =>
    new Set([...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name ?? ''));
  const rows = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, room] = /^\| `server\/([a-z-]+)\/` \|/.exec(line) ?? [];
      const [, , , loads, typesOf] = line.split('|');
      return room === undefined ? [] : [[room, { loads: names(loads), typesOf: names(typesOf) }] as const];
    });
  return new Map(rows);
}

/** What the files of a room import from other rooms, tests and fixtures aside. */
function seen(room: string): Uses {
  const loads = new Set<string>();
  const typesOf = new Set<string>();
  const files = readdirSync(path.join(server, room), { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith('.ts') && !/\.(test|fixture)\.ts$/.test(file),
  );
  for (const file of files) {
    const at = path.join(server, room, file);
    const text = readFileSync(at, 'utf8');
    for (const { groups } of text.matchAll(
      /(?:(?<keyword>import(?: type)?|export)\b[^'"();]*\bfrom\s*|import\()'(?<to>\.[^']+)'/g,
    )) {
      const to = path.relative(server, path.resolve(path.dirname(at), groups?.['to'] ?? ''));
      const [other = ''] = to.split(path.sep);
      if (to.startsWith('..') || other === room) continue;
      (groups?.['keyword'] === 'import type' ? typesOf : loads).add(other);
    }
  }
  return { loads, typesOf: typesOf.difference(loads) };
}

test('ARCHITECTURE.md has a row for each room of the server, and no other', () => {
  expect([...written().keys()].toSorted()).toEqual(rooms);
});

test.each(rooms)('%s uses the rooms that ARCHITECTURE.md says, and uses each of them', (room) => {
  expect(seen(room)).toEqual(written().get(room));
});

test('files of the server that belong to no room are named', () => {
  const text = readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8');
  for (const { name } of readdirSync(server, { withFileTypes: true }).filter((entry) => entry.isFile()))
    expect(text).toContain(`server/${name}`);
});
