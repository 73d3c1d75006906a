// Steps inside the VM, as long as SSH answers: survey, walk down to what fills a disk, the failed unit, the repair, and a look
// that confirms it. Pure.
import { isUnreachable } from './conversation.ts';
import { outsideStep } from './outside-steps.ts';
import {
  FULL_PERCENT,
  fullest,
  humanKib,
  readDf,
  readFailedUnits,
  readFree,
  readLoad,
  readReason,
  readUptime,
  shellWord,
} from './read-output.ts';
import { look, printed, repair, type Scene, type Step } from './step.ts';
import { type Culprit, walkDown } from './walk-disk.ts';

const SURVEY =
  'uptime; free -m; df -h; systemctl --failed --no-pager; sudo -n dmesg -T 2>/dev/null | tail -n 15';
const MEMORY = 'uptime; free -m; ps aux --sort=-rss | head -n 8';
const DISK = 'df -h; df -i';
const SERVICES = 'systemctl --failed --no-pager; uptime';

/** Works inside the VM as long as SSH answers; else from outside. */
export function insideStep(scene: Scene, prompt: string): Step {
  const first = opening(scene);
  if (first !== undefined) return first;
  if (
    scene.calls.some(
      (call) => call.host === 'devvm' && call.result !== undefined && isUnreachable(call.result),
    )
  )
    return outsideStep(scene, prompt);
  if (scene.intent === 'memory') return reportMemory(printed(scene.calls, MEMORY));
  // While the disk is being freed it stays the subject, also when the last look shows it free.
  const freeing = scene.intent === 'repair' && scene.calls.some((call) => call.command.startsWith(TRUNCATE));
  const df = newest(scene, (text) => (freeing ? fullest(text) !== undefined : readDf(text).length > 0));
  const full = fullest(df);
  const unit = readFailedUnits(newest(scene, (text) => /loaded units listed|\bUNIT\b/i.test(text)))[0];
  if (full === undefined)
    return scene.intent === 'repair' && unit !== undefined
      ? fixUnit(scene, unit)
      : reportHealthy(scene, df, unit);
  const walk = walkDown(full.mount, scene.intent === 'repair' ? scene.all : scene.calls);
  if (walk.type === 'look') return look(depthWords(walk.at, full.mount, full.percent), walk.command);
  if (scene.intent === 'repair') return freeDisk(scene, full.mount, walk.culprit, unit);
  if (unit !== undefined && printed(scene.all, unitCommand(unit)) === undefined)
    return look(
      `That accounts for it: \`${walk.culprit.path}\`, ${humanKib(walk.culprit.kib)}. Now the failed unit.`,
      unitCommand(unit),
    );
  return reportFull(scene, full.mount, full.percent, walk.culprit, unit);
}

/** The first look that the intent asks for; undefined when it was taken. */
function opening({ intent, calls, all }: Scene): Step | undefined {
  if (intent === 'memory')
    return calls.length === 0 ? look('I look at load, memory and the largest processes.', MEMORY) : undefined;
  if (intent === 'disk') return calls.length === 0 ? look('I look at the filesystems.', DISK) : undefined;
  if (intent === 'services')
    return calls.length === 0 ? look('I look at the units that failed.', SERVICES) : undefined;
  if (intent === 'repair' && all.some((call) => fullest(call.result?.text ?? '') !== undefined))
    return undefined;
  if (!calls.some((call) => call.tool === 'triage'))
    return { say: 'I begin with triage, then look inside.', call: { tool: 'triage' } };
  return printed(calls, SURVEY) === undefined && !calls.some((call) => call.command === SURVEY)
    ? look('Now from inside the VM, as observer.', SURVEY)
    : undefined;
}

const newest = ({ all }: Scene, wanted: (text: string) => boolean): string =>
  all.findLast((call) => call.tool === 'ssh' && call.result !== undefined && wanted(call.result.text))?.result
    ?.text ?? '';

const unitCommand = (unit: string): string =>
  `systemctl status ${shellWord(unit)} --no-pager -l | head -n 15; journalctl -u ${shellWord(unit)} -n 15 --no-pager`;

const depthWords = (at: string, mount: string, percent: number): string =>
  at === mount
    ? `\`${mount}\` is ${percent} % full. I walk down to what fills it.`
    : `Most of it is in \`${at}\`.`;

function reportFull(
  scene: Scene,
  mount: string,
  percent: number,
  culprit: Culprit,
  unit: string | undefined,
): Step {
  const reason = unit === undefined ? undefined : readReason(printed(scene.all, unitCommand(unit)) ?? '');
  const lines = [
    `**The disk is full.** \`${mount}\` is at ${percent} %. ${culprit.isFile ? 'One file' : 'One directory'} fills it: \`${culprit.path}\`, ${humanKib(culprit.kib)}.`,
    unit === undefined
      ? 'No unit has failed yet.'
      : `\`${unit}\` failed${reason === undefined ? '.' : `: “${reason}”`}`,
    culprit.isFile
      ? `Proposed, no power verb needed:\n\n\`\`\`\n${[truncate(culprit.path), ...(unit === undefined ? [] : [restart(unit)])].join('\n')}\n\`\`\`\n\nAsk me to **fix it**: each of these comes to you as a card first, and runs only when you hold it.`
      : 'Nothing in it stands out, so I do not empty it by myself. Open a terminal and decide what may go.',
  ];
  return { say: lines.join('\n\n') };
}

const TRUNCATE = 'sudo truncate -s 0 ';
const truncate = (path: string): string => `${TRUNCATE}${shellWord(path)}`;
const restart = (unit: string): string =>
  `sudo systemctl reset-failed ${shellWord(unit)}; sudo systemctl restart ${shellWord(unit)}`;

function freeDisk(scene: Scene, mount: string, culprit: Culprit, unit: string | undefined): Step {
  if (!culprit.isFile)
    return reportFull(
      scene,
      mount,
      fullest(newest(scene, (text) => readDf(text).length > 0))?.percent ?? 0,
      culprit,
      unit,
    );
  const { calls } = scene;
  if (!calls.some((call) => call.command === truncate(culprit.path)))
    return repair(
      `I empty \`${culprit.path}\` in place: whoever has it open keeps writing, and the space comes back at once.`,
      truncate(culprit.path),
    );
  return restartAndConfirm(scene, mount, unit, `Emptied \`${culprit.path}\` (${humanKib(culprit.kib)})`);
}

function fixUnit(scene: Scene, unit: string): Step {
  return restartAndConfirm(scene, '/', unit, `Nothing fills the disk`);
}

function restartAndConfirm({ calls }: Scene, mount: string, unit: string | undefined, did: string): Step {
  if (unit !== undefined && !calls.some((call) => call.command === restart(unit)))
    return repair(`Now \`${unit}\`.`, restart(unit));
  const confirm = `df -h ${shellWord(mount)}${unit === undefined ? '' : `; systemctl is-active ${shellWord(unit)}`}`;
  const seen = printed(calls, confirm);
  if (seen === undefined) return look('I look again: an exit code is no proof.', confirm);
  const now = readDf(seen).find((each) => each.mount === mount) ?? readDf(seen)[0];
  const active = /^active$/m.test(seen);
  const disk =
    now === undefined
      ? 'the disk could not be read again'
      : `\`${now.mount}\` is at ${now.percent} %, ${now.available} free`;
  if (now !== undefined && now.percent >= FULL_PERCENT)
    return { say: `${did}, but **it did not help**: ${disk}.` };
  if (unit === undefined) return { say: `**Done.** ${did}: ${disk}.` };
  return {
    say: active
      ? `**Done.** ${did}: ${disk}. \`${unit}\` is active.`
      : `${did}: ${disk}. But **\`${unit}\` is not active**; its journal says why.`,
  };
}

function reportHealthy(scene: Scene, df: string, unit: string | undefined): Step {
  if (unit !== undefined && printed(scene.all, unitCommand(unit)) === undefined)
    return look(`\`${unit}\` has failed.`, unitCommand(unit));
  const [disk] = readDf(df);
  const survey = newest(scene, (text) => readLoad(text) !== undefined);
  const facts = [
    readUptime(survey) === undefined ? undefined : `up ${readUptime(survey)}`,
    readLoad(survey) === undefined ? undefined : `load ${readLoad(survey)}`,
    disk === undefined ? undefined : `\`${disk.mount}\` at ${disk.percent} %`,
  ].filter((fact) => fact !== undefined);
  const reason = unit === undefined ? undefined : readReason(printed(scene.all, unitCommand(unit)) ?? '');
  const failed =
    unit === undefined
      ? 'No unit has failed.'
      : `**\`${unit}\` has failed**${reason === undefined ? '.' : `: “${reason}”`} Ask me to **fix it**: the restart comes to you as a card first.`;
  return { say: `SSH answers. ${facts.join(', ')}. ${failed}` };
}

function reportMemory(text: string | undefined): Step {
  const memory = readFree(text ?? '');
  if (memory === undefined) return { say: 'The figures could not be read.' };
  const top = (text ?? '').split('\n').findLast((line) => /^\S+\s+\d+\s+[\d.]+\s+[\d.]+/.test(line));
  const tight = memory.available < memory.total / 10;
  return {
    say: `Memory: ${memory.available} of ${memory.total} MiB available, swap ${memory.swapUsed} of ${memory.swapTotal} MiB used, load ${readLoad(text ?? '') ?? 'unknown'}. ${tight ? '**Memory is short.**' : 'Memory is not the trouble.'}${tight && top !== undefined ? ` A large process: \`${top.trim().slice(0, 100)}\`` : ''}`,
  };
}
