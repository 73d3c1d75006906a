// What the container holds under its limit of 512 MiB, with agents at work: the image as it is deployed, in a cgroup of that size without
// swap, in front of a power host, a VM and the scripted model. Each agent has one session and does turn after turn; meanwhile somebody
// captures forensics, reads the status and watches each session. Only root can.
// Usage: node bench/memory.ts [agents] [turns of each]. Prints a table in Markdown; the dated ones are in bench/results/.
import { loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildImage } from '../deploy/container/build.ts';
import { launchContainer, unpackWithConfig, whyNoContainers } from '../test/support/container.ts';
import { type House, startHouse } from '../test/support/house.ts';
import { Viewer } from '../test/support/viewer.ts';
import { within } from '../test/support/wait-for.ts';
import { makeCgroup } from './cgroup.ts';
import { machineLine } from './figures.ts';

const LIMIT_MB = 512;
const TURN_LIMIT_MS = 300_000;
const most = Number(process.argv[2] ?? 2);
const turns = Number(process.argv[3] ?? 8);
const PROMPTS = ['What is wrong?', 'Fix it.', 'Is it well now?', 'What did you change?'];

const why = whyNoContainers();
if (why !== undefined) {
  console.error(`bench/memory.ts: ${why}`);
  process.exit(1);
}

interface Measured {
  readonly idleMb: number;
  readonly firmMb: number;
  readonly allMb: number;
  readonly kills: number;
  readonly failures: number;
}

/** One agent: its turns, one after the other. Resolves with how many ended with an error. */
async function work(house: House): Promise<number> {
  const session = await house.newSession();
  const viewer = new Viewer(house, session);
  try {
    for (let turn = 0; turn < turns; turn++) {
      await house.call('POST', `/api/session/${session}/prompt`, { prompt: PROMPTS[turn % PROMPTS.length] });
      await within(`turn ${turn + 1}`, viewer.turnsEnded(turn + 1), TURN_LIMIT_MS);
    }
    return viewer.count('error');
  } finally {
    await viewer.close();
  }
}

async function measure(agents: number): Promise<Measured> {
  const image = await unpackWithConfig();
  const cgroup = makeCgroup(`breakglass-bench-${process.pid}`, LIMIT_MB);
  const house = await startHouse({
    powerHost: 'sshd',
    launch: launchContainer({ image, keyOf: 'user', cgroup: cgroup.dir }),
    env: {
      BREAKGLASS_MAX_AGENTS: String(agents),
      BREAKGLASS_MAX_CONCURRENT_TURNS: String(agents),
      BREAKGLASS_AGENT_MEMORY_MB: String(agents * 256),
    },
  });
  try {
    await sleep(5_000);
    const idleMb = cgroup.held().firmMb;
    let firmMb = 0;
    let allMb = 0;
    const looking = setInterval(() => {
      const held = cgroup.held();
      firmMb = Math.max(firmMb, held.firmMb);
      allMb = Math.max(allMb, held.allMb);
    }, 100);
    let atWork = true;
    const operating = (async () => {
      while (atWork) {
        await house.call('POST', '/api/pve/status');
        await house.call('POST', '/api/pve/forensics');
        await sleep(1_000);
      }
    })();
    const failures = await Promise.all(Array.from({ length: agents }, () => work(house)));
    atWork = false;
    await operating;
    clearInterval(looking);
    return {
      idleMb,
      firmMb,
      allMb,
      kills: cgroup.kills(),
      failures: failures.reduce((sum, one) => sum + one, 0),
    };
  } finally {
    await house.close();
    await sleep(500);
    cgroup.remove();
    await image.remove();
  }
}

await buildImage(false, (line) => console.error(line));
const rows: string[] = [];
for (let agents = 1; agents <= most; agents++) {
  console.error(`${agents} at work`);
  const { idleMb, firmMb, allMb, kills, failures } = await measure(agents);
  rows.push(
    `| ${agents} | ${idleMb.toFixed(0)} | ${firmMb.toFixed(0)} | ${(LIMIT_MB - firmMb).toFixed(0)} | ${allMb.toFixed(0)} | ${kills} | ${failures} |`,
  );
}
console.log(`# Memory of the container with agents at work, ${new Date().toISOString().slice(0, 10)}

${machineLine()}; load ${loadavg()[0]?.toFixed(1)}. Limit ${LIMIT_MB} MiB without swap, ${turns} turns of each agent.

| agents at work | MiB idle | MiB that cannot be taken back, at most | left to the limit | with pages of files, at most | ended by the kernel | turns with an error |
|---|---|---|---|---|---|---|
${rows.join('\n')}`);
