// Where the Claude Code CLI is: in the Agent SDK's package for this platform, which npm installed beside it.
import { createRequire } from 'node:module';

export class NoClaudeBinary extends Error {}

export function claudeBinary(): string {
  const require = createRequire(import.meta.url);
  const names = ['', '-musl'].map(
    (libc) => `@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}${libc}`,
  );
  for (const name of names) {
    try {
      return require.resolve(`${name}/claude`);
    } catch {
      // Not this one.
    }
  }
  throw new NoClaudeBinary(
    `Claude Code is not installed for ${process.platform}-${process.arch}: run npm ci without --omit=optional.`,
  );
}
