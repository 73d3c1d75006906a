// The command and the server as a few files in dist/, for a fast start (docs/decisions/0013). Development and the lab run the sources,
// tests what `npm test` has just built. The bundle then runs once until it serves, so that V8's compiled code of all that a start needs is
// in the cache beside it. A build that cannot do that (no loopback, say) is a good build that starts slower.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'rolldown';
import { builtinModules } from './builtin-modules.ts';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
const WARM_UP_LIMIT_MS = 60_000;
/** What our libraries ask for only where they are used in ways that we do not use. */
const LEFT_OUT = [
  // @fastify/static, to list files (wildcard: false).
  'glob',
  // Fastify, for routes with a JSON Schema (server/http/app.ts), for inject(), and for its plugins' versions.
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'light-my-request',
  'semver',
];

await build({
  cwd: root,
  input: {
    breakglass: 'cli/breakglass.ts',
    'archive-worker': 'server/evidence/archive-worker.ts',
    'check-worker': 'server/journal/check-worker.ts',
  },
  platform: 'node',
  plugins: [builtinModules()],
  treeshake: { propertyReadSideEffects: false },
  // Several hundred MB, loaded with the first agent.
  external: ['@anthropic-ai/claude-agent-sdk'],
  resolve: {
    alias: Object.fromEntries(LEFT_OUT.map((name) => [name, path.join(import.meta.dirname, 'left-out.ts')])),
  },
  output: {
    dir: dist,
    format: 'esm',
    cleanDir: true,
    chunkFileNames: '[name]-[hash].js',
    // Node holds the text of what it runs in memory, and at twice the size where one character is not ASCII. Names are kept: they are in the
    // stacks of an operator's log.
    minify: {
      mangle: false,
      compress: { keepNames: { function: true, class: true } },
      codegen: { removeWhitespace: true, asciiOnly: true },
    },
  },
});
try {
  await warmUp();
} catch (error) {
  console.error(
    `breakglass: the bundle was built; running it once to fill its compile cache failed: ${error instanceof Error ? error.message : String(error)}`,
  );
}
// Whoever runs the server may be another user than the one who built it.
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true }))
  chmodSync(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);

async function warmUp(): Promise<void> {
  const home = mkdtempSync(path.join(tmpdir(), 'breakglass-build-'));
  const server = fork(path.join(dist, 'breakglass.js'), ['serve'], {
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      BREAKGLASS_ENVIRONMENT: '/dev/null',
      API_BEARER_TOKEN: crypto.randomUUID(),
      BREAKGLASS_PORT: '0',
      BREAKGLASS_SESSIONS_DIR: path.join(home, 'sessions'),
      BREAKGLASS_DATA_DIR: path.join(home, 'data'),
    },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(server, 'exit');
  const signal = AbortSignal.timeout(WARM_UP_LIMIT_MS);
  try {
    const [{ ready }] = (await Promise.race([
      once(server, 'message', { signal }),
      ended.then(() => Promise.reject(new Error('it ended before it served'))),
    ])) as [{ ready: string }];
    await (await fetch(new URL('/health', ready), { signal })).arrayBuffer();
    server.kill('SIGTERM');
    await ended;
  } finally {
    server.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true });
  }
}
