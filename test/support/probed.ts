// What a look at SSH may tell, for tests that need one and not a real VM.
import type { Probed } from '../../server/guest/port.ts';

export const SSH_WORKS: Probed = {
  answers: true,
  reading: 'works',
  reached: 'logged-in',
  detail: 'SSH answered.',
  ms: 1,
};

const SSH_SILENT: Probed = {
  answers: false,
  reading: 'silent',
  reached: 'nothing',
  detail: 'SSH gave no answer within 5.0 s.',
  ms: 1,
};

export const answering = async (): Promise<Probed> => SSH_WORKS;
export const silentGuest = async (): Promise<Probed> => SSH_SILENT;
