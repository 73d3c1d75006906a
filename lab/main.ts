// `npm run lab`: a power host, a VM and a model that run on this machine, and the console in front of them. Ctrl-C ends
// everything it started and leaves nothing behind but a data directory that the user named.
import path from 'node:path';
import { announcement } from './announcement.ts';
import { type ConsoleProcess, startConsole } from './console-process.ts';
import { type LabKeys, labKeys } from './keys.ts';
import { createMachine } from './machine/machine.ts';
import { startRehearsalModel } from './model/rehearsal.ts';
import { startPowerHost } from './power-host/power-host.ts';
import { startQemuHost } from './qemu/qemu-host.ts';
import { healthy } from './scenarios/healthy.ts';
import { hostDir, openScratch, otherHostDir, removeScratch } from './scratch.ts';
import { type LabSettings, readSettings, SettingsError } from './settings.ts';
import { ACCOUNTS, type LabHosts, OTHER_ACCOUNT, targetsOf } from './targets.ts';
import { startVm } from './vm/start.ts';

interface Running {
  readonly parts: { close(): Promise<void> }[];
  console: ConsoleProcess | undefined;
  scratch: string | undefined;
}

const running: Running = { parts: [], console: undefined, scratch: undefined };
let ending: Promise<void> | undefined;

function end(code: number): Promise<void> {
  ending ??= (async () => {
    await running.console?.stop();
    await Promise.allSettled(running.parts.map((part) => part.close()));
    if (running.scratch !== undefined) removeScratch(running.scratch);
    process.exit(code);
  })();
  return ending;
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0));

try {
  await start(readSettings(process.env, process.argv.slice(2)));
} catch (error) {
  console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
  await end(error instanceof SettingsError ? 2 : 1);
}

async function start(settings: LabSettings): Promise<void> {
  const scratch = await openScratch();
  running.scratch = scratch;
  const dataDir = settings.dataDir ?? path.join(scratch, 'data');
  const keys = keysFor(dataDir, scratch, settings.env['BREAKGLASS_KEY_PATH']);
  const [hosts, model] = await Promise.all([
    startHosts(settings, scratch, keys),
    settings.ownModel ? undefined : keep(startRehearsalModel()),
  ]);
  const {
    CLAUDE_CODE_OAUTH_TOKEN: _notInRehearsal,
    SSH_AUTH_SOCK: _notTheUsersKeys,
    ...given
  } = settings.env;
  const env = {
    ...targetsOf(settings, hosts, scratch),
    BREAKGLASS_SESSIONS_DIR: path.join(dataDir, 'sessions'),
    ...given,
    API_BEARER_TOKEN: settings.token,
    BREAKGLASS_DATA_DIR: dataDir,
    BREAKGLASS_KEY_PATH: keys.clientKeyPath,
    // What the user's real console is configured with has no place here.
    BREAKGLASS_ENVIRONMENT: '/dev/null',
    BREAKGLASS_LAB: [settings.name, settings.title, settings.brief].join('|'),
    ...(model === undefined
      ? {}
      : { ANTHROPIC_BASE_URL: model.url, ANTHROPIC_API_KEY: 'rehearsal-model-needs-no-key' }),
  };
  running.console = startConsole(env, (code) => void end(code));
  console.log(announcement(settings, await running.console.ready, hostDir(scratch)));
}

/** Beside the data. Where nothing can be written there the console comes up power only, and so the lab comes up too. */
function keysFor(dataDir: string, scratch: string, clientKeyPath: string | undefined): LabKeys {
  try {
    return labKeys(path.join(dataDir, 'lab'), clientKeyPath);
  } catch {
    return labKeys(path.join(scratch, 'keys'), clientKeyPath);
  }
}

/** The power host and its VMs, simulated or real. */
async function startHosts(
  { drill, describesTargets }: LabSettings,
  scratch: string,
  keys: LabKeys,
): Promise<LabHosts> {
  const dir = hostDir(scratch);
  if (drill.kind === 'qemu') {
    const say = (line: string): void => console.log(`lab: ${line}`);
    const host = await keep(
      startQemuHost({
        dir,
        publicKey: keys.clientPublic,
        hostKey: keys.powerHostKey,
        vmKey: keys.vmKey,
        machine: drill.machine,
        say,
      }),
    );
    if (drill.fault !== undefined) {
      say(`breaking it: ${drill.fault}`);
      await host.inject(drill.fault);
    }
    return host;
  }
  const { scenario } = drill;
  const machine = createMachine(dir, scenario.machine);
  const well = healthy();
  const otherDir = otherHostDir(scratch);
  const otherMachine = describesTargets ? undefined : createMachine(otherDir, well.machine);
  const [powerHost, vm, other] = await Promise.all([
    keep(
      startPowerHost({
        dir,
        vmid: scenario.machine.vmid,
        publicKey: keys.clientPublic,
        hostKey: keys.powerHostKey,
        ...(otherMachine === undefined
          ? {}
          : { accounts: { [OTHER_ACCOUNT]: { dir: otherDir, vmid: well.machine.vmid } } }),
      }),
    ),
    keep(
      startVm({
        machine,
        scenario: scenario.guest,
        accounts: ACCOUNTS,
        publicKey: keys.clientPublic,
        hostKey: keys.vmKey,
      }),
    ),
    otherMachine === undefined
      ? undefined
      : keep(
          startVm({
            machine: otherMachine,
            scenario: well.guest,
            accounts: ACCOUNTS,
            publicKey: keys.clientPublic,
            hostKey: keys.otherVmKey,
          }),
        ),
  ]);
  return { powerHostPort: powerHost.port, vmPort: vm.port, otherVmPort: other?.port };
}

async function keep<Part extends { close(): Promise<void> }>(starting: Promise<Part>): Promise<Part> {
  const part = await starting;
  running.parts.push(part);
  return part;
}
