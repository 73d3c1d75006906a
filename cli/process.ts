// The command on this machine: its streams, its exit code, and what acts here itself, which is loaded only when it is asked for.
import { packageRoot, packageVersion } from '../server/config/package-root.ts';
import { hasColour } from './colour.ts';
import type { LocalCommands } from './commands/machine.ts';
import { CliError, EXIT } from './failure.ts';
import { runCommand } from './program.ts';
import { sourcesNewerThan } from './stale-bundle.ts';
import { type OpenTerminal, openTerminal } from './terminal.ts';

const local: LocalCommands = {
  async serve() {
    await import('../server/main.ts');
    const stale = await sourcesNewerThan(import.meta.filename, packageRoot);
    if (stale !== null)
      process.stderr.write(
        `breakglass: ${stale} is newer than the bundle in dist/, which is what runs now. "npm run build" makes it anew.\n`,
      );
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
  async backup(to) {
    const { backUp, isRefusal } = await import('../server/backups.ts');
    return backUp(to).catch((error: unknown) => explain(error, isRefusal));
  },
  async restore(from, dataDir) {
    const { restoreBackup, isRefusal } = await import('../server/backups.ts');
    return restoreBackup(from, dataDir).catch((error: unknown) => explain(error, isRefusal));
  },
};

/** A refusal is about what was asked for, and nothing was done; anything else failed. */
function explain(error: unknown, isRefusal: (error: unknown) => boolean): never {
  const message = error instanceof Error ? error.message : String(error);
  throw new CliError(message, isRefusal(error) ? EXIT.usage : EXIT.failed);
}

export async function runAsProcess(args: readonly string[]): Promise<void> {
  const { env, stdin, stdout, stderr } = process;
  let unwritten: NodeJS.ErrnoException | undefined;
  // Whoever read has read enough (`| head`): what is done goes on to its end, and its exit code is the true one.
  for (const stream of [stdout, stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') unwritten ??= error;
    });
  let terminal: OpenTerminal | undefined;
  process.exitCode = await runCommand(args, {
    env,
    write: (text) => stdout.write(text),
    writeTalk: (text) => stderr.write(text),
    colour: { stdout: hasColour(env, stdout.isTTY), stderr: hasColour(env, stderr.isTTY) },
    columns: () => stderr.columns,
    terminal:
      stdin.isTTY && stderr.isTTY
        ? () => {
            terminal ??= openTerminal(stdin, stderr);
            return terminal;
          }
        : undefined,
    onInterrupt(listener) {
      process.on('SIGINT', listener);
      return () => process.off('SIGINT', listener);
    },
    local,
    version: packageVersion(),
  });
  terminal?.close();
  process.once('beforeExit', () => {
    if (unwritten === undefined) return;
    process.exitCode = EXIT.failed;
    stderr.write(`breakglass: The output could not be written: ${unwritten.message}.\n`);
  });
}
