// The console itself: its configuration, the data directory and the journal.
import { accessSync, constants } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { broken, type Chain, doubtful, type LinkLook, notUsed, reasonOf, works } from './link.ts';

export interface ConsoleParts {
  /** What is doubtful about the configuration, as the page says it. */
  readonly warnings: readonly string[];
  readonly dataDir: {
    /** The configured one. */
    readonly path: string;
    readonly whyNot: string | undefined;
    readonly lock: { stands(): boolean } | undefined;
    readonly warnings: readonly string[];
  };
  /** Why there is no journal; undefined: there is one. */
  readonly whyPowerOnly: string | undefined;
  /** What is wrong with it now: it cannot be written, or it is damaged. */
  readonly journalTroubles: () => readonly string[];
  readonly sshKey: LinkLook;
}

const MIB = 1024 ** 2;
/** A capture is 20 MB at the most, and the journal of a night far less. */
const TOO_LITTLE_MB = 200;
const LITTLE_MB = 1_024;

export function consoleChain({
  warnings,
  dataDir,
  whyPowerOnly,
  journalTroubles,
  sshKey,
}: ConsoleParts): Chain {
  const links: readonly LinkLook[] = [
    {
      code: 'configuration',
      title: 'Configuration',
      needs: [],
      look: async () =>
        warnings.length === 0
          ? works('It is understood, and nothing about it is doubtful.')
          : doubtful(
              warnings.join(' '),
              'Change what the sentence names, and restart. The variables: docs/configuration.md',
            ),
    },
    {
      code: 'data-directory',
      title: 'Data directory',
      needs: [],
      look: async () => lookAtDirectory(dataDir),
    },
    {
      code: 'data-space',
      title: 'Space for journal and evidence',
      needs: ['data-directory'],
      look: () => lookAtSpace(dataDir.path),
    },
    {
      code: 'data-lock',
      title: 'Lock of the data directory',
      needs: ['data-directory'],
      look: async () =>
        dataDir.lock?.stands() === true
          ? works('This server alone has the directory.')
          : broken(
              `The lock file ${dataDir.path}/server.lock was removed or replaced while the console runs: a second server would not see this one, and both would write.`,
              'Make sure that no other server uses the directory, then restart this one. Nothing but the console may clean up in there.',
            ),
    },
    {
      code: 'journal',
      title: 'Journal',
      needs: ['data-directory'],
      look: async () => lookAtJournal(whyPowerOnly, journalTroubles()),
    },
    sshKey,
  ];
  return { links };
}

function lookAtDirectory({ path, whyNot, warnings }: ConsoleParts['dataDir']) {
  if (whyNot !== undefined)
    return broken(whyNot, `Make ${path} writable for the console alone (owner, mount, space), and restart.`);
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return broken(
      `The data directory ${path} cannot be used any more: ${reasonOf(error)}.`,
      'Mount it again, or give it back to the console, and restart.',
    );
  }
  return warnings.length === 0
    ? works(`${path} can be written, by nobody else.`)
    : doubtful(warnings.join(' '), `\`chmod 700 ${path}\`, and give it to the user of the console.`);
}

async function lookAtSpace(path: string) {
  const { bavail, bsize, files, ffree } = await statfs(path);
  const freeMb = Math.floor((bavail * bsize) / MIB);
  const free = freeMb < 10_240 ? `${freeMb} MB are free` : `${Math.floor(freeMb / 1_024)} GB are free`;
  const remedy = `Make room on the file system of ${path}, or set BREAKGLASS_KEEP_DAYS or BREAKGLASS_KEEP_MB so that what is old is deleted.`;
  // Some file systems count no inodes.
  if (files > 0 && ffree < 1_000) return broken(`Only ${ffree} files can still be made in ${path}.`, remedy);
  if (freeMb < TOO_LITTLE_MB)
    return broken(
      `Only ${free} in ${path}: journal and evidence of a night need ${TOO_LITTLE_MB} MB.`,
      remedy,
    );
  if (freeMb < LITTLE_MB) return doubtful(`${free} in ${path}, which is little.`, remedy);
  return works(`${free} in ${path}.`);
}

function lookAtJournal(whyPowerOnly: string | undefined, troubles: readonly string[]) {
  if (whyPowerOnly !== undefined)
    return broken(
      whyPowerOnly,
      'The power buttons work. Stop the console, restore the last good backup (`breakglass restore BACKUP DIRECTORY`) or move journal.sqlite aside, and start it again.',
    );
  if (troubles.length > 0)
    return broken(
      troubles.join(' '),
      'Copy what can be read (`breakglass backup DESTINATION`), then see docs/journal.md for the way back.',
    );
  return works('It takes events, and is whole as far as it was checked.');
}

/** Where the agent is not wanted, or nobody has to be told, nothing is missing. */
export const unusedLink = (code: LinkLook['code'], title: string, detail: string): LinkLook => ({
  code,
  title,
  needs: [],
  look: async () => notUsed(detail),
});
