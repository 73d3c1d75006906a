// `npm run dev`: the page from its sources, each change at once in the browser, in front of the fixture server or of a console
// that runs: npm run dev [-- one|three|twenty | -- http://127.0.0.1:8080].
import path from 'node:path';
import { parseArgs } from 'node:util';
import { createServer } from 'vite';
import { readSet, startFixture } from './fixture-server.ts';

const { values, positionals } = parseArgs({
  options: { port: { type: 'string', default: '5173' } },
  allowPositionals: true,
});
const [behind = 'three'] = positionals;
const isAddress = /^https?:\/\//.test(behind);
const set = isAddress ? undefined : readSet(behind);
if (!isAddress && set === undefined) {
  console.error(
    `${behind}: expected one, three, twenty, or the address of a console such as http://127.0.0.1:8080.`,
  );
  process.exit(2);
}
const fixture = set === undefined ? undefined : await startFixture({ targets: set });
const target = fixture?.url ?? behind;

const vite = await createServer({
  root: path.join(import.meta.dirname, '..'),
  configFile: path.join(import.meta.dirname, '../vite.config.ts'),
  cacheDir: path.join(import.meta.dirname, '../../.cache/vite'),
  server: {
    host: '127.0.0.1',
    port: Number(values.port),
    // The host stays the page's own: a console refuses requests of another site.
    proxy: Object.fromEntries(
      ['/api', '/health', '/emergency', '/fixture'].map((path) => [path, { target }]),
    ),
  },
});
await vite.listen();
vite.printUrls();
console.log(
  fixture === undefined
    ? `  behind it: the console at ${target}`
    : `  behind it: the fixture server (${behind}), token "fixture"; its switches: web/dev/fixture-switches.ts`,
);
