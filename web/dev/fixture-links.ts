// The links that the fixture's doctor finds: all of them, as they are when all is well, and the faults that a scenario puts in.
import type { Link, LinkCode } from '../../protocol/doctor.ts';
import type { TargetName } from '../../protocol/ids.ts';

type Seen = Omit<Link, 'code' | 'target' | 'docs'>;
const works = (title: string, detail: string): Seen => ({ title, state: 'works', detail, took_ms: 12 });
const unused = (title: string, detail: string): Seen => ({ title, state: 'not-used', detail });

/** In the order of a chain; a code that is missing does not compile. */
const WELL = {
  configuration: works('Configuration', 'All settings can be read.'),
  'data-directory': works('Data directory', '/var/lib/breakglass can be written, and only by this user.'),
  'data-space': works('Space for data', '18 GB are free.'),
  'data-lock': works('One console', 'This console holds the lock.'),
  journal: works('Journal', '12,408 events; the newest was read back.'),
  'ssh-key': works('SSH key', '/etc/breakglass/id_ed25519 can be read, and only by this user.'),
  'agent-binary': works('Agent', 'Claude Code 2.1.9 starts.'),
  'model-route': works('Way to the model', 'api.anthropic.com answers over TLS.'),
  'model-credential': works('Key for the model', 'The model took the key.'),
  'model-answer': works('Answer of the model', 'sonnet answered after 1.4 s.'),
  'vm-route': works('Way to the VM', '10.0.0.102 port 22 answers.'),
  'vm-banner': works('SSH of the VM', 'OpenSSH 9.9 answers.'),
  'vm-host-key': works('Host key of the VM', 'It is the one that is known.'),
  'vm-repair': works('Repair login', 'root can log in with the key.'),
  'vm-observer': works('Observer login', 'observer can log in with the key.'),
  'vm-sudo': works('Repair rights', 'repair may use sudo without a password.'),
  'vm-shell': works('Shell of the VM', 'A command prints what it should, and nothing else.'),
  'vm-clock': works('Clock of the VM', 'It differs by 0.2 s.'),
  'power-route': works('Way to the power host', '10.0.0.2 port 22 answers.'),
  'power-host-key': works('Host key of the power host', 'It is the one that is known.'),
  'power-login': works('Power host login', 'The key is accepted.'),
  'power-source': works('Where the key may come from', 'Only 10.0.0.9 may use the key.'),
  'power-junk': works('Forced command', 'Something that is no verb was refused.'),
  'power-version': works("Host's script", 'It has the version of this console.'),
  'power-status': works('Status of the VM', 'VM 102 is running.'),
  'power-evidence': works('Captures on the host', 'The newest capture can be fetched.'),
  'power-space': works('Space for captures', '41 GB are free on the power host.'),
  'edge-identity': works('Who people are', 'The edge tells a name.'),
  'edge-spoofed': works('Names that are made up', 'A name that did not come from the edge is not believed.'),
  'edge-stream': {
    title: 'Event streams',
    state: 'not-checked',
    detail: 'Only a browser can measure it.',
  },
  'edge-address': works('Public address', 'https://breakglass.example.org leads to this console.'),
  'edge-certificate': works('Certificate', 'It is valid for 61 more days.'),
  'notify-push': works('Push', '2 devices.'),
  'notify-ntfy': unused('ntfy', 'It is not configured.'),
  'notify-webhook': unused('Webhook', 'It is not configured.'),
  'audit-syslog': unused('Record to syslog', 'It is not configured.'),
  'audit-webhook': unused('Record to a webhook', 'It is not configured.'),
  drill: works('Drill', 'Walked 6 days ago, the whole way.'),
} satisfies Record<LinkCode, Seen>;

/** The others are of the console itself. */
const IS_OF_TARGET = /^(vm|power)-/;

/** A fault takes the place of what is well. `target` absent: of every target, or of the console. */
export interface Fault extends Partial<Omit<Link, 'code'>> {
  readonly code: LinkCode;
}

const linksOf = (target?: string): readonly Link[] =>
  Object.entries(WELL)
    .filter(([code]) => IS_OF_TARGET.test(code) === (target !== undefined))
    .map(([code, seen]) => ({
      code: code as LinkCode,
      ...(target === undefined ? {} : { target: target as TargetName }),
      docs: `docs/doctor.md#${code}`,
      ...seen,
    }));

export const allLinks = (targets: readonly string[], faults: readonly Fault[]): readonly Link[] =>
  [...linksOf(), ...targets.flatMap((target) => linksOf(target))].map((link) => {
    const fault = faults.find(
      ({ code, target }) => code === link.code && (target === undefined || target === link.target),
    );
    return fault === undefined ? link : { ...link, ...fault };
  });

const blocked = (code: LinkCode, because: LinkCode): Fault => ({
  code,
  state: 'not-checked',
  detail: `Not checked because ${because} is broken.`,
  because,
});

const LOGIN_REFUSED: Fault = {
  code: 'power-login',
  state: 'broken',
  detail: 'The power host refused the key: Permission denied (publickey).',
  remedy:
    'On the power host, as root: `breakglass-host install --from 10.0.0.9 --key "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKq3mJpHq7W1 breakglass"`. It adds the key with the forced command.',
};
const BEHIND_LOGIN = (
  ['power-source', 'power-junk', 'power-version', 'power-status', 'power-evidence', 'power-space'] as const
).map((code) => blocked(code, 'power-login'));

/** Two that are broken, what hangs on them, and one that will hurt. */
export const BROKEN: readonly Fault[] = [
  LOGIN_REFUSED,
  ...BEHIND_LOGIN,
  {
    code: 'model-credential',
    state: 'broken',
    detail: 'The model refused the key: 401 invalid x-api-key.',
    remedy: 'Put a valid key into the file that `ANTHROPIC_API_KEY_FILE` names.',
  },
  blocked('model-answer', 'model-credential'),
  {
    code: 'edge-certificate',
    state: 'doubtful',
    detail: 'It is valid for 5 more days.',
    remedy: 'See why it was not renewed: `journalctl -u caddy --since -7d`',
  },
];

/** A console that was just installed: in the order in which a person cures it. */
export const FIRST_RUN: readonly Fault[] = [
  {
    code: 'ssh-key',
    state: 'broken',
    detail: 'There is no key at /etc/breakglass/id_ed25519.',
    remedy:
      'On this console: `ssh-keygen -t ed25519 -N "" -C breakglass -f /etc/breakglass/id_ed25519`. It is picked up at once.',
  },
  ...(['vm-repair', 'vm-observer', 'vm-sudo', 'vm-shell', 'vm-clock'] as const).map((code) =>
    blocked(code, 'ssh-key'),
  ),
  LOGIN_REFUSED,
  ...BEHIND_LOGIN,
  {
    code: 'model-credential',
    state: 'broken',
    detail: 'No key for the model is configured.',
    remedy: 'Set `ANTHROPIC_API_KEY_FILE` to a file with the key.',
  },
  blocked('model-answer', 'model-credential'),
  { code: 'drill', state: 'not-checked', detail: 'No drill was walked yet.' },
];
