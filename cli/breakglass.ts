#!/usr/bin/env node
// The command `breakglass`. What acts on this machine itself is loaded only when it is asked for.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { CliError, EXIT } from './failure.ts';
import { type LocalCommands, runCommand } from './program.ts';

const root = path.resolve(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };

const local: LocalCommands = {
  async serve() {
    await import('../server/main.ts');
    // The server decides when this process ends.
    await new Promise<never>(() => {});
  },
  async journalBack(to) {
    const { journalBack } = await import('../server/journal-back.ts');
    try {
      return journalBack(to);
    } catch (error) {
      throw new CliError(error instanceof Error ? error.message : String(error), EXIT.usage);
    }
  },
};

process.exitCode = await runCommand(process.argv.slice(2), {
  env: process.env,
  print: (line) => process.stdout.write(`${line}\n`),
  talk: (line) => process.stderr.write(`${line}\n`),
  local,
  version,
});
