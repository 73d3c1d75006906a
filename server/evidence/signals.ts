// From the files of a bundle to what triage looks at. Every file may be missing, cut, late or garbage: then a signal is not known,
// and says why. Pure, and never throws.
import type { EvidenceManifest } from '../../protocol/evidence.ts';
import {
  derive,
  firstKnown,
  known,
  lacking,
  notAsked,
  type Reading,
  type Unread,
  unreadable,
} from '../triage/reading.ts';
import type { CaptureSignals, Placement, Signals } from '../triage/signals.ts';
import { type Counters, qmpReading, readCounters } from './counters.ts';
import { movementOf } from './movement.ts';
import { readFreeze, readPing } from './read/agent.ts';
import { type Cluster, readCluster, readLockFile } from './read/cluster.ts';
import { agentIn, lockIn, readConfig, readStaged, stagedIn, throttlesIn } from './read/config.ts';
import { type Bundle, fileReading, stepOf, type TextFiles, whyUnread } from './read/files.ts';
import { field, integer } from './read/head-sections.ts';
import { readHistory } from './read/history.ts';
import { readStoppedBy } from './read/journal.ts';
import { readHostStorage, readOutOfMemory } from './read/kernel-log.ts';
import { parseManifest } from './read/manifest.ts';
import { ioErrorsOf, vmStateOf } from './read/qmp.ts';
import { mainState, readThreads, stuckThreads } from './read/threads.ts';

export type BundleSignals = CaptureSignals & Pick<Signals, 'vmState' | 'qmp' | 'placement'>;

export interface ReadBundle {
  readonly signals: BundleSignals;
  /** Its two samples, for a longer watch. */
  readonly counters: readonly Counters[];
}

export function readBundle(files: TextFiles): ReadBundle {
  const manifest = parseManifest(files.get('manifest.json'));
  const bundle: Bundle = { files, manifest };
  const nowMs = timeOf(manifest);
  const config = derive(configText(bundle), readConfig);
  const cluster = derive(fileReading(bundle, 'cluster'), readCluster);
  const flock = fileReading(bundle, 'flock');
  const lockFile = flatten(derive(flock, readLockFile));
  const counters = readCounters(
    bundle,
    derive(lockFile, ({ holder }) => holder),
  );
  const vmState = vmStateIn(bundle);
  const kernelLog = fileReading(bundle, 'kernel-log', { tail: true });
  const vmid = manifest?.vmid;
  return {
    counters,
    signals: {
      vmState,
      qmp: monitorIn(bundle),
      placement: placementIn(bundle, config.is === 'known', cluster),
      process: processIn(bundle, vmState),
      processState: mainStateIn(bundle),
      stuckThreads: stuckIn(bundle),
      hostStorage: flatten(derive(kernelLog, (log) => readHostStorage(log, nowMs))),
      outOfMemory: flatten(derive(kernelLog, (log) => readOutOfMemory(log, vmid, nowMs))),
      stoppedBy:
        vmid === undefined
          ? notAsked('which VM it is was not said')
          : derive(fileReading(bundle, 'journal', { tail: true }), (text) => readStoppedBy(text, vmid)),
      configLock: firstKnown(
        derive(config, lockIn),
        flatten(derive(cluster, ({ configLock }) => configLock)),
      ),
      tasks: flatten(derive(cluster, ({ tasks }) => tasks)),
      quorum: flatten(derive(cluster, ({ quorum }) => quorum)),
      ha: flatten(derive(cluster, ({ ha }) => ha)),
      lockFile,
      ioErrors: ioErrorsIn(bundle),
      guestAgent: flatten(
        derive(fileReading(bundle, 'agent-ping', { errorsTell: true }), (text) =>
          readPing(text, config.is === 'known' ? agentIn(config.value) : undefined),
        ),
      ),
      fileSystems: flatten(derive(freezeText(bundle), readFreeze)),
      history: flatten(
        derive(fileReading(bundle, 'rrd', { file: 'rrd.json' }), (json) => readHistory(json, nowMs)),
      ),
      throttles: derive(config, throttlesIn),
      staged: stagedChanges(bundle, config),
      uptimeS: uptimeIn(bundle),
      ...movementOf(counters),
      ...(manifest === undefined ? {} : { evidence: manifest.id }),
      ...(vmid === undefined ? {} : { vmid }),
      ...(manifest?.pid === undefined ? {} : { pid: manifest.pid }),
    },
  };
}

/** For who wants no counters. */
export const readSignals = (files: TextFiles): BundleSignals => readBundle(files).signals;

/** A reading of a reading is one. */
function flatten<T>(reading: Reading<Reading<T>>): Reading<T> {
  if (reading.is === 'known') return reading.value;
  if (reading.is !== 'stale') return reading;
  const { value, ageS } = reading;
  return value.is === 'known' ? { is: 'stale', value: value.value, ageS } : value;
}

const timeOf = (manifest: EvidenceManifest | undefined): number | undefined => {
  const ms = Date.parse(manifest?.ended_at ?? manifest?.began_at ?? '');
  return Number.isNaN(ms) ? undefined : ms;
};

/** `config`: the file itself, or what `qm config` said of it. A configuration without a single key is none. */
const configText = (bundle: Bundle): Reading<string> => {
  const text = fileReading(bundle, 'config');
  return text.is === 'known' && !/^[a-z][a-zA-Z0-9_-]*:/m.test(text.value)
    ? unreadable('config: holds no key')
    : text;
};

/** A step of its own, or a second line under the ping. */
const freezeText = (bundle: Bundle): Reading<string> => {
  const own = fileReading(bundle, 'fsfreeze', { errorsTell: true });
  if (own.is === 'known' || stepOf(bundle, 'fsfreeze') !== undefined) return own;
  return fileReading(bundle, 'agent-fsfreeze', { errorsTell: true });
};

const statusTexts = (bundle: Bundle): readonly string[] =>
  (['status-b', 'status-a'] as const).flatMap((name) => {
    const text = fileReading(bundle, name);
    return text.is === 'known' ? [text.value] : [];
  });

function vmStateIn(bundle: Bundle): Reading<string> {
  for (const name of ['b', 'a'] as const) {
    const qmp = qmpReading(bundle, name);
    const state = qmp.is === 'known' ? vmStateOf(qmp.value) : undefined;
    if (state !== undefined) return known(state);
  }
  for (const text of statusTexts(bundle)) {
    const state = field(text, 'qmpstatus') ?? field(text, 'status');
    if (state !== undefined) return known(state);
  }
  return whyNone(qmpReading(bundle, 'b'), fileReading(bundle, 'status-b'));
}

/** None of them told it: the reason that says most. */
function whyNone(...readings: readonly Reading<unknown>[]): Unread {
  const all = readings.map((reading) =>
    reading.is === 'known' ? unreadable('what came does not tell it') : lacking(reading),
  );
  return all.find(({ is }) => is !== 'not-asked') ?? all[0] ?? notAsked('nobody asked');
}

/**
 * Separate looks at the monitor, the latest first: one that answered ends the count. `qm status` says "running" of a dead monitor,
 * too; its verbose form then lacks `running-qemu`.
 */
function monitorIn(bundle: Bundle): Reading<{ readonly silentLooks: number }> {
  const status = (name: 'status-a' | 'status-b'): boolean | undefined => {
    const text = fileReading(bundle, name);
    // One that took no time was written from what QMP said: it is no look of its own.
    if (stepOf(bundle, name)?.ms === 0) return undefined;
    if (text.is !== 'known' || /^[ \t]*(?:qmp)?status:[ \t]*stopped/m.test(text.value)) return undefined;
    if (/^[ \t]*running-qemu:/m.test(text.value)) return true;
    return /^[ \t]*status:/m.test(text.value) ? false : undefined;
  };
  const looks = [status('status-b'), ...monitorLooks(bundle), status('status-a')].filter(
    (look) => look !== undefined,
  );
  if (looks.length === 0) return whyNone(qmpReading(bundle, 'a'), fileReading(bundle, 'status-a'));
  const answered = looks.indexOf(true);
  return known({ silentLooks: answered === -1 ? looks.length : answered });
}

/** The two samples share a connection: where it was never made, both say so with the same words, and were one look. */
function monitorLooks(bundle: Bundle): readonly (boolean | undefined)[] {
  const [a, b] = [stepOf(bundle, 'qmp-a'), stepOf(bundle, 'qmp-b')];
  const one = a?.why !== undefined && a.why === b?.why && ![a, b].some(({ status }) => status === 'ok');
  return one ? [monitorLook(bundle, 'a')] : [monitorLook(bundle, 'b'), monitorLook(bundle, 'a')];
}

function monitorLook(bundle: Bundle, name: 'a' | 'b'): boolean | undefined {
  const qmp = qmpReading(bundle, name);
  if (qmp.is === 'known') return qmp.value.answers;
  const step = stepOf(bundle, `qmp-${name}`);
  // It waited for a greeting, found the line of waiting clients full, or saw that the process is stopped, and then makes that line no
  // longer. Time that was used up is no silence.
  return /^(?:silent|unreachable: Resource temporarily unavailable|its process is stopped by a signal)/.test(
    step?.why ?? '',
  ) ||
    (step?.status === 'timeout' && whyUnread(step)?.is === 'too-late')
    ? false
    : undefined;
}

/** What the host says where it has no configuration of this VM. */
const NOT_HERE =
  /Configuration file '([^']{1,200})' does not exist|unable to find configuration file for VM \d+[^\n]*|there is no configuration of VM \d+ on this node/;

export const placementSaid = (text: string): Reading<Placement> | undefined => {
  const said = NOT_HERE.exec(text)?.[0];
  return said === undefined ? undefined : known({ elsewhere: said });
};

function placementIn(bundle: Bundle, hasConfig: boolean, cluster: Reading<Cluster>): Reading<Placement> {
  if (hasConfig) return known('here');
  // The cluster knows the node's name.
  const placed = flatten(derive(cluster, ({ placement }) => placement));
  if (placed.is === 'known' && placed.value !== 'here') return placed;
  for (const name of ['config', 'status-a', 'status-b', 'pending', 'cluster']) {
    const text = bundle.files.get(`${name}.txt`);
    const said = text === undefined ? undefined : placementSaid(text);
    if (said !== undefined) return said;
  }
  return whyNone(fileReading(bundle, 'config'));
}

// A pid file that could not be read proves nothing while qm says that the VM runs.
function processIn({ manifest }: Bundle, vmState: Reading<string>): Reading<'present' | 'absent'> {
  if (manifest === undefined) return unreadable('manifest.json: missing or no JSON');
  if (manifest.pid !== undefined) return known('present');
  if (vmState.is === 'known' && vmState.value === 'stopped') return known('absent');
  return unreadable('the pid file names no living process, and nothing says that the VM is stopped');
}

function mainStateIn(bundle: Bundle): Reading<string> {
  const read = (name: string): Reading<string> => {
    const text = fileReading(bundle, name);
    if (text.is !== 'known') return text;
    const state = mainState(text.value);
    return state === undefined ? unreadable(`${name}: no state in it`) : known(state);
  };
  return firstKnown(read('process-b'), read('process-a'));
}

function stuckIn(bundle: Bundle): Exclude<CaptureSignals['stuckThreads'], undefined> {
  const [a, b] = [fileReading(bundle, 'tasks-a'), fileReading(bundle, 'tasks-b')];
  if (a.is !== 'known') return lacking(a);
  if (b.is !== 'known') return lacking(b);
  const [from, to] = [readThreads(a.value), readThreads(b.value)];
  return from.size === 0 || to.size === 0
    ? unreadable('tasks: no thread in them')
    : known(stuckThreads(from, to));
}

function ioErrorsIn(bundle: Bundle): Exclude<CaptureSignals['ioErrors'], undefined> {
  for (const name of ['b', 'a'] as const) {
    const qmp = qmpReading(bundle, name);
    const drives = qmp.is === 'known' ? ioErrorsOf(qmp.value) : undefined;
    if (drives !== undefined) return known(drives);
  }
  return notAsked('QMP: query-block told nothing');
}

function stagedChanges(
  bundle: Bundle,
  config: Reading<ReturnType<typeof readConfig>>,
): Exclude<CaptureSignals['staged'], undefined> {
  const pending = fileReading(bundle, 'pending');
  if (pending.is === 'known') return known(readStaged(pending.value));
  const inFile = config.is === 'known' ? stagedIn(config.value) : undefined;
  return inFile === undefined ? lacking(pending) : known(inFile);
}

function uptimeIn(bundle: Bundle): Reading<number> {
  for (const text of statusTexts(bundle)) {
    const seconds = integer(field(text, 'uptime'));
    if (seconds !== undefined) return known(seconds);
  }
  return notAsked('qm status: uptime was not told');
}
