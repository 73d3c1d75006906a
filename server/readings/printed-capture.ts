// Reads the signals for triage from what the host's script prints. This is the fallback when the bundle could not be fetched, e.g. from
// an older script without the word `evidence`. It is lenient: a missing line is a signal that is not known. Pure.
import { readFreeze } from '../evidence/read/agent.ts';
import { readCluster, readLockFile } from '../evidence/read/cluster.ts';
import { readStaged } from '../evidence/read/config.ts';
import { known, notAsked, tooLate, unreadable } from '../triage/reading.ts';
import type { CaptureSignals, DiskSignal, Signals } from '../triage/signals.ts';

/** The two samples of a capture are this far apart. */
const SAMPLE_GAP_S = 2;
const LONGEST_LINE = 2_000;

/** What the last capture in the text printed; what was printed before it is nobody's. */
function captureLines(stdout: string): readonly string[] {
  const lines = stdout.split('\n').map((line) => line.slice(0, LONGEST_LINE));
  return lines.slice(lines.findLastIndex((line) => line.startsWith('--- forensics')) + 1);
}

/** The signals in the text of a capture. */
export function readCapture(stdout: string): CaptureSignals & Pick<Signals, 'placement' | 'qmp'> {
  const lines = captureLines(stdout);
  const text = lines.join('\n');
  const line = (start: string): string | undefined =>
    lines
      .find((each) => each.startsWith(start))
      ?.slice(start.length)
      .trim();
  const moved = (key: string): number | undefined => {
    const match = /^\d+ -> \d+ \(([+-]\d+) bytes/.exec(line(`${key}: `) ?? '');
    return match?.[1] === undefined ? undefined : Number(match[1]);
  };
  const [read, written] = [moved('diskread'), moved('diskwrite')];
  const single = lines.flatMap((each) => {
    const [, device, read, written] =
      /^disk ([a-z]{2,12}\d{1,3}): read ([+-]\d{1,18}), wrote ([+-]\d{1,18}) bytes/.exec(each) ?? [];
    return device === undefined ? [] : [diskMoved(device, Number(read), Number(written))];
  });
  const together = read === undefined || written === undefined ? [] : [diskMoved('all disks', read, written)];
  const disks = single.length > 0 ? single : together;
  const evidence = evidenceNamed(stdout);
  const frozen = line("guest's file systems: ");
  const ours = lines.flatMap((each) => {
    const staged = /^[ \t]*(?:staged|pending): (\S.*)$/.exec(each)?.[1];
    return staged === undefined ? [] : [staged.replace(' -> ', ' → ')];
  });
  const { quorum, ha, configLock, tasks, placement } = readCluster(text);
  const flock = line("qemu-server's lock: ");
  return {
    quorum,
    ha,
    configLock,
    tasks,
    placement,
    qmp: readMonitorLine(line('qmp: ')),
    ...(frozen === undefined ? {} : { fileSystems: readFreeze(frozen) }),
    lockFile: flock === undefined ? notAsked('the host did not say it') : readLockFile(flock),
    guestAgent: readAgentLines(text, line('guest agent: ')),
    stuckThreads: readThreadsLine(line('threads in D state: ')),
    staged: known([...ours, ...readStaged(text)]),
    ...(disks.length === 0 ? {} : { disks: known(disks) }),
    ...(evidence === undefined ? {} : { evidence }),
  };
}

const diskMoved = (device: string, read: number, written: number): DiskSignal => ({
  device,
  read,
  written,
  operations: undefined,
  stillForS: read === 0 && written === 0 ? SAMPLE_GAP_S : 0,
});

/** There is one line for each step (its name, ok|timeout|error|skipped, milliseconds, the reason), and one line of what the agent said. */
function readAgentLines(
  text: string,
  said: string | undefined,
): Exclude<CaptureSignals['guestAgent'], undefined> {
  const step = /^[ \t]+agent-ping[ \t]+(ok|timeout|error)\b/m.exec(text)?.[1];
  if (step === 'ok' || said === 'answers') return known('answers');
  if (step === 'timeout') return tooLate('agent-ping: its limit passed');
  if (said !== undefined && /no qemu guest agent configured/i.test(said)) return known('not-configured');
  return step === undefined
    ? notAsked('the host did not say it')
    : unreadable('agent-ping: whether an agent is configured is not known');
}

function readThreadsLine(said: string | undefined): Exclude<CaptureSignals['stuckThreads'], undefined> {
  if (said === undefined) return notAsked('the host did not say it');
  const [, a, b] = /^(.{1,1000}) in sample A, (.{1,1000}) in sample B/.exec(said) ?? [];
  if (a === undefined || b === undefined) return unreadable('threads in D state: not as expected');
  if (!/^(?:none|\d[\d ]*)$/.test(a) || !/^(?:none|\d[\d ]*)$/.test(b))
    return unreadable(`threads in D state: ${said.slice(0, 200)}`);
  const inB = new Set(b.split(' '));
  const both = a === 'none' ? [] : a.split(' ').filter((tid) => inB.has(tid));
  return known(both.map((tid) => ({ name: `thread ${tid}`, wchan: 'an unknown place' })));
}

/** Read from the line for people if the closing line for programs is missing. */
export function evidenceNamed(stdout: string): string | undefined {
  const evidence = /^evidence: (\S{1,200})$/m.exec(stdout)?.[1];
  return evidence === 'none' ? undefined : evidence;
}

/** Silence with its reason was waited for; the bare word was printed of a monitor that nobody had the time to ask, too. */
function readMonitorLine(said: string | undefined): Exclude<Signals['qmp'], undefined> {
  if (said === undefined || /^not asked\b/.test(said)) return notAsked('the host did not say it');
  if (/^answers\b/.test(said)) return known({ silentLooks: 0 });
  return /^silent: \S/.test(said) ? known({ silentLooks: 1 }) : unreadable(`QMP: ${said.slice(0, 200)}`);
}

/** One look at the monitor, as a status or a closing line tells it. */
export const lookAtMonitor = (qmp: string | undefined): Exclude<Signals['qmp'], undefined> => {
  if (qmp === 'answers') return known({ silentLooks: 0 });
  return qmp === 'silent' ? known({ silentLooks: 1 }) : notAsked('the host did not say it');
};
