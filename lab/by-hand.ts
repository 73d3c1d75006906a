// What only a person may do on the power host. A shell there is no part of the lab; its programs can be called from any other.
import path from 'node:path';

/** @param host the directory of the simulated host */
export const byHand = (command: string | undefined, host: string): string =>
  command === undefined
    ? ''
    : `
  By hand ${path.join(host, 'bin')}/${command}
          (in another terminal, once you are sure. On a real host a person types there: ${command})`;
