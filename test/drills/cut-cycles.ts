// Cuts the SSH connection at random moments of a cycle of the real QEMU: whatever was begun ends, and the VM answers afterwards.
// The same with the simulated VM and many more cuts: host/test/support/cut-cycles.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import ssh2 from 'ssh2';
import { mulberry32 } from '../../host/test/support/fuzz-words.ts';
import { markedProcesses } from '../../lab/power-host/leftovers.ts';
import { sshExec } from '../../lab/qemu/ssh-exec.fixture.ts';
import type { QemuHouse } from '../support/qemu-house.ts';

export interface QemuCuts {
  /** One line for people about each cut. */
  readonly lines: readonly string[];
  /** The cuts after which the VM was not running, did not answer, or was still locked. There must be none. */
  readonly halfDone: number;
}

/** The connection of a whole cycle of a healthy VM takes about six seconds. */
const LATEST_CUT_MS = 6_500;

export async function cutQemuCycles(
  house: QemuHouse,
  cuts: number,
  seed: number,
  say: (line: string) => void = () => undefined,
): Promise<QemuCuts> {
  const random = mulberry32(seed);
  const lines: string[] = [];
  let halfDone = 0;
  for (let cut = 0; cut < cuts; cut += 1) {
    const before = house.host.machine.pid();
    const cutMs = Math.round(((cut + random()) / cuts) * LATEST_CUT_MS); // spread over the whole of it
    const said = await cutAfter(house, cutMs);
    await untilQuiet(house);
    const { stdout } = await sshExec({
      port: house.hostPort,
      username: 'breakglass',
      privateKey: house.privateKey,
      command: 'status',
    });
    const answers = await house.host.bannerAnswers(300_000);
    const after = house.host.machine.pid();
    const whole =
      answers && after !== undefined && /^status: running$/m.test(stdout) && !/^busy:/m.test(stdout);
    if (!whole) halfDone += 1;
    const what =
      after === before
        ? 'nothing was begun'
        : `the cycle ended behind the dead connection (pid ${before} → ${after})`;
    lines.push(
      `after ${cutMs} ms, in ${said}: ${whole ? `${what}; running, SSH answers` : `HALF-DONE: ${stdout.replaceAll('\n', ' ')}`}`,
    );
    say(`cut ${lines.at(-1)}`);
  }
  return { lines, halfDone };
}

/** -> the phase that was heard last. */
function cutAfter(house: QemuHouse, cutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    let heard = '';
    client.on('error', reject);
    client.on('ready', () =>
      client.exec('cycle', (error, channel) => {
        if (error) return reject(error);
        channel.on('data', (data: Buffer) => (heard += data.toString()));
        setTimeout(() => {
          client.destroy(); // the socket, without a word
          resolve(
            heard
              .match(/^--- .+? \(/gm)
              ?.at(-1)
              ?.slice(4, -2) ?? 'silence',
          );
        }, cutMs);
      }),
    );
    client.connect({
      host: '127.0.0.1',
      port: house.hostPort,
      username: 'breakglass',
      privateKey: house.privateKey,
    });
  });
}

/** Only QEMU and the server of its disk run, and nothing else comes for a while. */
async function untilQuiet(house: QemuHouse): Promise<void> {
  const { machine } = house.host;
  const until = performance.now() + 130_000;
  for (let quietMs = 0; quietMs < 1_000; quietMs += 100) {
    await sleep(100);
    const daemons = [machine.pid(), machine.diskServerPid()];
    if (markedProcesses(machine.dir).some((pid) => !daemons.includes(pid))) quietMs = 0;
    if (performance.now() > until) throw new Error('the cycle has not ended after 130 s');
  }
}
