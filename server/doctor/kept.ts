// The last examination, kept over a restart: one small file, there whole before and after. Where it cannot be written or read the last one
// lives in memory only, and the next one is due.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Logger } from 'pino';
import { Examination } from '../../protocol/doctor.ts';
import { replaceFile } from '../access/replace-file.ts';

export interface KeptExamination {
  read(): Examination | undefined;
  write(examination: Examination): void;
}

/** @param dataDir undefined: nothing may be written */
export function keptExamination(dataDir: string | undefined, logger: Logger): KeptExamination {
  if (dataDir === undefined) return { read: () => undefined, write: () => undefined };
  const file = path.join(dataDir, 'doctor.json');
  return {
    read() {
      try {
        // A console of another version may have written it, with links that this one does not know.
        const kept = Examination.safeParse(JSON.parse(readFileSync(file, 'utf8')));
        if (kept.success && !Number.isNaN(Date.parse(kept.data.at))) return kept.data;
        logger.warn({ file }, 'the last examination is of another form, and is not used');
        return undefined;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
          logger.warn({ err: error, file }, 'the last examination cannot be read');
        return undefined;
      }
    },
    write(examination) {
      try {
        replaceFile(file, JSON.stringify(examination));
      } catch (error) {
        logger.warn({ err: error, file }, 'the examination is not kept over a restart');
      }
    },
  };
}
