// What each fault of the real lab must be found to be, and what helps: the claims of the drills.
import type { FaultName } from '../../lab/qemu/faults.ts';
import type { MutatingVerb } from '../../protocol/verbs.ts';

export interface Expected {
  readonly finding: string;
  readonly advised: MutatingVerb | null;
  readonly warned: readonly MutatingVerb[];
  /** What is done before the advised verb, or instead of one. */
  readonly softFix?: SoftFix;
  /** What a second triage finds after the soft fix, where a verb is still needed. */
  readonly next?: { readonly finding: string; readonly advised: MutatingVerb };
  /** What the finding's summary must say: which part is broken, and which is not. */
  readonly says?: readonly RegExp[];
  /** What is staged before the fault, and must be in the evidence. */
  readonly staged?: Readonly<Record<string, string>>;
  /** What is looked for in the evidence from before the stop. */
  readonly evidence?: ExpectedEvidence;
}

export type ExpectedEvidence =
  /** Lines of the two samples that stand still, at least one of each; with them the screen and the backtrace. */
  | { readonly kind: 'stalled'; readonly stood: readonly RegExp[] }
  /** Of a QEMU that says nothing: these steps are whole, and what they wrote is this. */
  | { readonly kind: 'wedged'; readonly kept: Readonly<Record<string, RegExp>> };

interface SoftFix {
  /** For the table. */
  readonly what: string;
  /** Over SSH, as the repair account. */
  readonly command?: string;
}

const HARD = ['cycle', 'reset', 'stop'] as const;
const ALL = ['cycle', 'reset', 'start', 'stop'] as const;

/** What the table of triage's rules says. Without a command the lab does what a person does on the host or at the console. */
export const EXPECTED: Readonly<Record<FaultName, Expected>> = {
  'block-stall-virtio': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    evidence: { kind: 'stalled', stood: [/^virtio0 queue \d+: used index$/, /: operations completed$/] },
  },
  // No queue status on this controller, and this lab has no round-robin history: the flat counters are all there is.
  'block-stall-lsi': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    evidence: { kind: 'stalled', stood: [/: bytes written$/, /: operations completed$/] },
  },
  'wedged-qemu': { finding: 'qemu-wedged', advised: 'cycle', warned: ['reset'] },
  'wedged-qemu-backlog': {
    finding: 'qemu-wedged',
    advised: 'cycle',
    warned: ['reset'],
    staged: { cpu: 'host' },
    evidence: {
      kind: 'wedged',
      kept: {
        config: /^memory: \d+$[\s\S]*^\[PENDING\]$[\s\S]*^cpu: host$/m,
        pending: /^new cpu: host$/m,
        'process-a': /^State:\s+T/m,
        'process-b': /^State:\s+T/m,
        gdb: /^Thread 1 [\s\S]*^#0 /m,
      },
    },
  },
  'one-disk-stalled': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    says: [/virtio1 queue \d+ holds \d+ requests?/, /virtio0 moves/, /the guest lives/],
    evidence: { kind: 'stalled', stood: [/^virtio1 queue \d+: used index$/] },
  },
  'login-disk-stalled': {
    finding: 'block-path-stalled',
    advised: 'cycle',
    warned: ['reset'],
    says: [/virtio0 queue \d+ holds \d+ requests?/, /virtio1 moves/],
    evidence: { kind: 'stalled', stood: [/^virtio0 queue \d+: used index$/] },
  },
  'io-error-nospace': {
    finding: 'pool-full',
    advised: null,
    warned: HARD,
    softFix: { what: 'space freed and `qm resume` on the host' },
  },
  'kernel-panic': { finding: 'guest-panicked', advised: 'cycle', warned: ['reset'] },
  stopped: { finding: 'stopped', advised: 'start', warned: [] },
  locked: {
    finding: 'stale-lock',
    advised: null,
    warned: ALL,
    softFix: { what: 'unlocked by a person on the host' },
    next: { finding: 'stopped', advised: 'start' },
  },
  'locked-by-task': {
    finding: 'busy',
    advised: null,
    warned: ALL,
    softFix: { what: 'waited for the end of the task' },
  },
  'dead-sshd': {
    finding: 'guest-network-or-sshd',
    advised: null,
    warned: HARD,
    softFix: { what: "sshd started at the VM's console" },
  },
  'dead-guest-agent': {
    finding: 'nothing-wrong-found',
    advised: null,
    warned: HARD,
    softFix: {
      what: 'agent started over SSH',
      command:
        'setsid /sbin/rc.guest-agent </dev/null >/dev/console 2>&1 & sleep 1; test -d /proc/$(cat /run/guest-agent.pid)',
    },
  },
  // A guest that is alive: what it writes says so, and no verb is advised however silent SSH and agent are.
  'network-down': {
    finding: 'guest-network-or-sshd',
    advised: null,
    warned: HARD,
    says: [/^The guest works \(its disks move/],
    softFix: { what: "its network brought up at the VM's console" },
  },
  'guest-network-down': {
    finding: 'guest-network-or-sshd',
    advised: null,
    warned: HARD,
    says: [/its agent answers/],
    softFix: { what: "its network card brought up at the VM's console" },
  },
  'memory-thrash': { finding: 'memory-thrash', advised: 'reset', warned: [] },
  'disk-full': {
    finding: 'nothing-wrong-found',
    advised: null,
    warned: HARD,
    softFix: {
      what: '`rm` of the log over SSH',
      command: 'rm /data/log/debug.log && sleep 3 && grep -qx ok /run/app.state',
    },
  },
  paused: {
    finding: 'paused',
    advised: null,
    warned: HARD,
    softFix: { what: '`qm resume` by a person on the host' },
  },
};
