// The rehearsal model chooses each step from what was printed: transcripts with other paths, units and troubles than the lab's.
import { expect, test } from 'vitest';
import type { ModelMessage, ModelRequest, ToolUseBlock } from './messages-api.ts';
import { LABEL, rehearse } from './rehearsal.ts';

type Answers = (host: string, command: string, account: string) => string | { readonly error: string };

interface Played {
  readonly commands: string[];
  readonly accounts: string[];
  readonly said: string[];
}

const request = (messages: readonly ModelMessage[]): ModelRequest => ({
  model: 'any',
  system: '',
  messages,
  toolNames: ['Read', 'mcp__breakglass__ssh', 'mcp__breakglass__triage'],
  stream: true,
  raw: '',
});

/** Plays prompts against a machine that is only a function from command to output. */
function play(prompts: readonly string[], answers: Answers): Played {
  const messages: ModelMessage[] = [];
  const played: Played = { commands: [], accounts: [], said: [] };
  for (const prompt of prompts) {
    messages.push({ role: 'user', content: [{ type: 'text', text: prompt }] });
    for (let steps = 0; ; steps += 1) {
      if (steps > 30) throw new Error('the model goes round in circles');
      const reply = rehearse(request(messages));
      if (reply.type !== 'answer') throw new Error('unreachable');
      const blocks = reply.blocks.map((block, index) => ({
        id: `toolu_${messages.length}_${index}`,
        ...block,
      }));
      messages.push({ role: 'assistant', content: blocks });
      const call = blocks.find((block): block is ToolUseBlock => block.type === 'tool_use');
      const text = blocks.find((block) => block.type === 'text');
      if (text?.type === 'text') played.said.push(text.text);
      if (call === undefined) break;
      const { host = '', command = '', account = 'observer' } = call.input as Record<string, string>;
      const tool = call.name.split('__').at(-1) ?? '';
      played.commands.push(tool === 'triage' ? 'triage' : `${host}: ${command}`);
      played.accounts.push(account);
      const printed = answers(tool === 'triage' ? 'triage' : host, command, account);
      const failed = typeof printed !== 'string';
      messages.push({
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: call.id,
            is_error: failed,
            text: failed ? printed.error : printed,
          },
        ],
      });
    }
  }
  return played;
}

/** A VM whose filesystem `mount` is full of one file; emptied, it is not. */
function fullDisk(mount: string, file: string, unit: string): Answers {
  let full = true;
  let active = false;
  const df = () =>
    `Filesystem      Size  Used Avail Use% Mounted on\nudev            1.9G     0  1.9G   0% /dev\ntmpfs           393M  393M     0 100% /run\n/dev/vda1        20G  5.0G   14G  27% /boot\n/dev/vdb1       100G  ${full ? '100G     0 100%' : ' 12G   83G  13%'} ${mount}\n`;
  const kib = () => (full ? 90_000_000 : 0);
  const du = (dir: string): string => {
    if (dir === file) return `${kib()}\t${file}\n`;
    const next = file.slice(0, file.indexOf('/', dir === '/' ? 1 : dir.length + 1));
    const child = next.length > dir.length ? next : file;
    return `${kib() + 4_000}\t${dir}\n${kib()}\t${child}\n3000\t${dir}/other\n`.replaceAll('//', '/');
  };
  return (host, command, account) => {
    if (host === 'triage') return 'Finding on devvm: healthy-outside\nAdvised verb: none';
    if (host === 'pve') return 'status: running';
    const truncated = /^sudo truncate -s 0 (.+)$/.exec(command);
    if (truncated !== null && account === 'repair' && truncated[1]?.replaceAll("'", '') === file)
      full = false;
    if (command.includes(`systemctl restart ${unit}`) && account === 'repair') active = !full;
    const dir = /--max-depth=1 (\S+|'[^']+') \|\|/.exec(command)?.[1]?.replaceAll("'", '');
    if (dir !== undefined) return du(dir);
    const parts: string[] = [];
    if (/uptime/.test(command))
      parts.push(' 10:00:00 up 3 days,  1:00,  1 user,  load average: 0.50, 0.40, 0.30');
    if (/\bdf\b/.test(command)) parts.push(df());
    if (/--failed/.test(command))
      parts.push(
        `  UNIT        LOAD   ACTIVE SUB    DESCRIPTION\n● ${unit} loaded failed failed A thing\n\n1 loaded units listed.`,
      );
    if (/journalctl -u/.test(command))
      parts.push('Nov 24 10:00:00 h thing[77]: FATAL: could not write: No space left on device');
    if (/is-active/.test(command)) parts.push(active ? 'active' : 'failed');
    return `${parts.join('\n')}\n[exit code 0 after 0.1 s, as ${account}]`;
  };
}

test.each([
  ['/', '/var/log/shop/trace.log', 'shop.service'],
  ['/srv/data', '/srv/data/a/b/c/d/huge.out', 'ledger@2.service'],
  ['/home', '/home/core dumps/core (1).bin', 'nightly.timer'],
])(
  'a full %s: it names the file, its unit and the fix, and once asked frees exactly that and confirms',
  (mount, file, unit) => {
    const { commands, accounts, said } = play(['Triage', 'Fix it'], fullDisk(mount, file, unit));
    const proposal = said.find((text) => text.includes('Proposed')) ?? '';
    expect(proposal).toContain(file);
    expect(proposal).toContain(unit);
    expect(proposal).toContain('No space left on device');
    expect(proposal).toContain('86 GiB');
    const changes = commands.filter((_, index) => accounts[index] === 'repair');
    expect(changes.length).toBe(2);
    expect(changes[0]).toMatch(/^devvm: sudo truncate -s 0 /);
    expect(changes[1]).toContain(`restart ${unit}`);
    // Nothing was changed before it was asked for.
    expect(accounts.indexOf('repair')).toBeGreaterThan(said.indexOf(proposal) - 1);
    expect(said.at(-1)).toMatch(new RegExp(`Done.*13 %.*${unit}.*active`, 's'));
  },
);

test('asked to fix before any diagnosis, it diagnoses first', () => {
  const { commands, said } = play(['Please fix the VM'], fullDisk('/', '/opt/x/y.bin', 'y.service'));
  expect(commands[0]).toBe('triage');
  expect(said.at(-1)).toContain('Done');
});

const STALLED = 'status: running\nqmpstatus: running\ndiskwrite: 0\nnew memory: 8192\n';

function stalled(cures: readonly string[]): Answers {
  let dead = true;
  return (host, command) => {
    if (host === 'triage')
      return 'Finding on devvm: block-path-stalled (confidence 0.90)\nAdvised verb: cycle';
    if (host === 'pve') {
      if (cures.includes(command)) dead = false;
      return `${STALLED}[${command} succeeded (exit code 0).]`;
    }
    return dead
      ? { error: '[devvm is unreachable over SSH after 10.0 s: connection timed out]' }
      : ' 10:00:00 up 1 min,  0 users,  load average: 0.90, 0.40, 0.30\n[exit code 0 after 0.1 s, as observer]';
  };
}

test('when SSH hangs it asks the power host, keeps the evidence, names cycle and changes nothing until asked', () => {
  const { commands, said } = play(['Triage'], stalled(['cycle']));
  expect(commands.slice(-2)).toEqual(['pve: status', 'pve: forensics']);
  expect(said.at(-1)).toMatch(/block path is stalled.*reset.*worse.*press \*\*Cycle/is);
  expect(said.at(-1)).toContain('staged configuration');
});

test.each(['cycle it', 'fix it', 'yes'])('told %j after that, it cycles and confirms over SSH', (prompt) => {
  const { commands, said } = play(['Triage', prompt], stalled(['cycle']));
  expect(commands).toContain('pve: cycle');
  expect(commands.at(-1)).toMatch(/^devvm: uptime/);
  expect(said.at(-1)).toContain('The VM is back');
});

test('a reset that does not help is reported as such, with cycle as the way out', () => {
  const { said } = play(['Triage', 'reset it'], stalled(['cycle']));
  expect(said.at(-1)).toContain('SSH does not answer yet');
  expect(said.at(-1)).toContain('**cycle**');
});

test('a stopped VM is to be started, not cycled', () => {
  const answers: Answers = (host) =>
    host === 'devvm'
      ? { error: '[devvm is unreachable over SSH after 3.0 s: no route to host]' }
      : 'status: stopped';
  const { said } = play(['what is wrong?'], answers);
  expect(said.at(-1)).toContain('The VM is stopped');
});

test.each([
  ['status: running\nvm: 417\nlock: snapshot\n', /locked \(snapshot\).*no task that owns.*`qm unlock 417`/s],
  [
    'status: running\nvm: 417\nlock: clone\ntask: UPID:pve:1:2:3:qmclone:9000:root@pam:\n',
    /locked \(clone\).*by a task.*qmclone(?!.*unlock)/s,
  ],
  ['status: stopped\nvm: 417\nlock: suspended\n', /hibernated.*resumes it(?!.*qm unlock)/s],
])('a lock stands before everything else: %j', (status, words) => {
  const answers: Answers = (host, command) => {
    if (host === 'devvm') return { error: '[devvm is unreachable over SSH after 10.0 s: timed out]' };
    return command === 'status' ? status : 'virtio queues: 14 in use; the block path is stalled\n';
  };
  expect(play(['what is wrong?'], answers).said.at(-1)).toMatch(words);
});

test('a denial is reported and not tried again', () => {
  const answers: Answers = (host) =>
    host === 'pve' ? { error: 'Denied. Policy is observe: the agent may not cycle the VM.' } : 'x';
  const { commands, said } = play(['cycle it'], answers);
  expect(commands).toEqual(['pve: cycle']);
  expect(said.at(-1)).toContain('Policy is observe');
});

test('the first words say that it is scripted; later turns do not repeat it', () => {
  const { said } = play(['hello', 'Memory'], () => 'Mem:  3900 3000 100 10 800 700\nSwap:  975 0 975');
  expect(said[0]?.startsWith(LABEL)).toBe(true);
  expect(said.filter((text) => text.includes(LABEL)).length).toBe(1);
  expect(said.at(-1)).toContain('700 of 3900 MiB available');
});

test.each(['/etc', '@/etc/passwd', '-x', '--help'])(
  '%j is answered as plain words, with no command',
  (prompt) => {
    expect(play([prompt], () => 'x').commands).toEqual([]);
  },
);

test('a request without our tools is answered with words only', () => {
  const reply = rehearse({
    ...request([{ role: 'user', content: [{ type: 'text', text: 'Triage' }] }]),
    toolNames: [],
  });
  expect(reply).toMatchObject({ type: 'answer', model: 'rehearsal', blocks: [{ type: 'text' }] });
});
