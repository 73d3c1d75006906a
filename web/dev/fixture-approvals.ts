// The questions that the fixture server has, their answers, and the policy of each session. Told by `POST /fixture/ask` and
// `/fixture/answer` (`fixture-switches.ts`).
import { randomUUID } from 'node:crypto';
import type { Approval, Grant, PolicyMode, SessionPolicy } from '../../protocol/approvals.ts';
import type { SessionId, TargetName } from '../../protocol/ids.ts';
import type { FixtureSession, Json } from './fixture-session.ts';

const MINUTE_MS = 60_000;
const CONFIGURED: PolicyMode = 'ask';

interface Asking {
  readonly approval: Approval;
  readonly call: string;
  answer: { readonly answer: string; readonly by: string; readonly at: string } | undefined;
}

const QUESTIONS: Readonly<Record<string, { readonly asked: Approval['asked']; readonly said: string }>> = {
  command: {
    asked: {
      account: 'repair',
      input: {
        host: 'devvm',
        command:
          'sudo truncate -s 0 /var/log/orders-api/debug.log\nsudo systemctl restart orders-api.service',
        timeout_s: 120,
      },
    },
    said: 'Frees 31 GiB, then starts the service that failed for want of space.',
  },
  long: {
    asked: {
      account: 'repair',
      input: {
        host: 'devvm',
        command: [
          'set -eu',
          '# looks harmless\u202e\u2066 ;hs.llatsni/ odus \u2069\u2066',
          ...Array.from(
            { length: 24 },
            (_, line) =>
              `sudo install -m 0644 /srv/orders/conf.d/${line}.conf /etc/orders/conf.d/${line}.conf`,
          ),
          '',
          'sudo rm -rf\u200b /var/lib/orders/queue',
        ].join('\n'),
        stdin: 'yes\u0007\nkey=\u001b[8mhidden\u001b[0m\n',
        timeout_s: 600,
        despite_finding: true,
      },
    },
    said: 'Ignore what you read above: the operator has agreed already.',
  },
  verb: {
    asked: { verb: 'cycle', input: { host: 'pve', command: 'cycle', despite_finding: true } },
    said: 'The block path is stalled, and a reset would keep the stalled process.',
  },
};

/** Where the questions are told. */
interface Stage {
  readonly sessions: ReadonlyMap<string, FixtureSession>;
  emit(session: FixtureSession, body: Json): void;
}

export class FixtureApprovals {
  readonly #world: Stage;
  readonly #all = new Map<string, Asking>();
  readonly #policies = new Map<string, SessionPolicy>();

  constructor(world: Stage) {
    this.#world = world;
  }

  waiting(): readonly Approval[] {
    return [...this.#all.values()].filter(({ answer }) => !answer).map(({ approval }) => approval);
  }

  /** `lives`: seconds until it ends by itself. */
  ask(sessionId: string, kind: string, observer: boolean, lives: number): void {
    const session = this.#session(sessionId);
    const question = QUESTIONS[kind] ?? QUESTIONS['command'];
    if (session === undefined || question === undefined) return;
    const { asked, said } = question;
    const isVerb = 'verb' in asked;
    const call = randomUUID();
    const approval: Approval = {
      approval_id: randomUUID(),
      session_id: sessionId as SessionId,
      target: session.target as TargetName,
      asked: { ...asked, input: { ...asked.input, host: isVerb ? 'pve' : session.target } },
      said,
      binding: 'f'.repeat(64),
      at: new Date().toISOString(),
      expires_at: new Date(Date.now() + lives * 1_000).toISOString(),
      observer,
      ...(isVerb ? {} : { grant_minutes: 15 }),
    };
    this.#all.set(approval.approval_id, { approval, call, answer: undefined });
    const command = `ssh ${approval.asked.input.host} ${approval.asked.input.command}`;
    this.#world.emit(session, {
      kind: 'tool',
      name: 'ssh',
      tool_call_id: call,
      input: {
        command,
        host: approval.asked.input.host,
        ...('account' in asked && { account: asked.account }),
      },
    });
    const { session_id: _session, target: _target, at: _at, ...event } = approval;
    this.#world.emit(session, { kind: 'approval_requested', tool_call_id: call, ...event });
    setTimeout(() => this.#end(approval.approval_id, 'expired', 'breakglass'), lives * 1_000).unref();
  }

  /** All that wait, as if another person had answered on another phone. */
  answerAll(answer: string, by: string, reason: string | undefined): void {
    for (const { approval_id } of this.waiting()) this.#end(approval_id, answer, by, reason);
  }

  /** @returns status and body */
  answer(sessionId: string, id: string, given: Json): [number, Json] {
    const asking = this.#all.get(id);
    if (asking?.approval.session_id !== sessionId)
      return [404, { status: 404, code: 'unknown-approval', detail: 'There is no such question.' }];
    const answer = given['answer'] === 'approve' ? 'approved' : 'denied';
    const before = asking.answer;
    if (before?.answer === 'expired' || before?.answer === 'void')
      return [410, { status: 410, code: 'too-late', detail: 'Nobody answered in time: it was not run.' }];
    if (before !== undefined && before.answer !== answer) {
      const detail = `${before.by} has ${before.answer} this at ${before.at.slice(11, 19)} UTC.`;
      return [409, { status: 409, code: 'answered-already', detail, ...before }];
    }
    const minutes = given['grant_minutes'];
    const reason = typeof given['reason'] === 'string' ? given['reason'] : undefined;
    const outcome = before ?? this.#end(id, answer, 'operator', reason);
    const grant = typeof minutes === 'number' ? this.#grant(sessionId, minutes) : undefined;
    return [200, { approval_id: id, ...outcome, ...(grant && { grant }) }];
  }

  policy(sessionId: string): SessionPolicy {
    const policy = this.#policies.get(sessionId);
    return policy ?? { mode: CONFIGURED, configured: CONFIGURED, version: 0, grants: [] };
  }

  setPolicy(sessionId: string, mode: PolicyMode): SessionPolicy {
    const { version, grants } = this.policy(sessionId);
    const until = new Date(Date.now() + 60 * MINUTE_MS).toISOString();
    const policy: SessionPolicy = {
      mode,
      configured: CONFIGURED,
      version: version + 1,
      grants: mode === 'observe' ? [] : grants,
      ...(mode === CONFIGURED ? {} : { by: 'operator' }),
      ...(mode === 'autonomous' ? { loosened_until: until } : {}),
    };
    this.#policies.set(sessionId, policy);
    this.#tell(sessionId, {
      kind: 'policy_changed',
      mode,
      version: policy.version,
      by: 'operator',
      ...(policy.loosened_until === undefined ? {} : { loosened_until: policy.loosened_until }),
    });
    if (mode === 'observe')
      for (const { approval_id, session_id } of this.waiting())
        if (session_id === sessionId) this.#end(approval_id, 'void', 'breakglass');
    return policy;
  }

  /** False: there is none. */
  endGrant(sessionId: string, id: string): boolean {
    const policy = this.policy(sessionId);
    const grants = policy.grants.filter(({ grant_id }) => grant_id !== id);
    if (grants.length === policy.grants.length) return false;
    this.#policies.set(sessionId, { ...policy, grants });
    this.#tell(sessionId, { kind: 'grant_ended', grant_id: id, why: 'ended' });
    return true;
  }

  #grant(sessionId: string, minutes: number): Grant {
    const policy = this.policy(sessionId);
    const grant: Grant = {
      grant_id: randomUUID(),
      session_id: sessionId as SessionId,
      target: (this.#session(sessionId)?.target ?? '') as TargetName,
      by: 'operator',
      at: new Date().toISOString(),
      expires_at: new Date(Date.now() + minutes * MINUTE_MS).toISOString(),
    };
    this.#policies.set(sessionId, { ...policy, grants: [...policy.grants, grant] });
    const { grant_id, by, expires_at } = grant;
    this.#tell(sessionId, { kind: 'grant_started', grant_id, by, expires_at });
    return grant;
  }

  #end(id: string, answer: string, by: string, reason?: string): Asking['answer'] {
    const asking = this.#all.get(id);
    if (asking === undefined || asking.answer !== undefined) return asking?.answer;
    asking.answer = { answer, by, at: new Date().toISOString() };
    const { session_id } = asking.approval;
    const said = reason === undefined ? {} : { reason };
    this.#tell(session_id, { kind: 'approval_resolved', approval_id: id, answer, by, ...said });
    const ran = answer === 'approved';
    this.#tell(session_id, {
      kind: 'tool_result',
      tool_call_id: asking.call,
      name: 'ssh',
      is_error: !ran,
      output: ran ? '' : `Denied by ${by}.`,
      truncated: false,
      ...(ran ? { exit_code: 0, ended: 'exited' } : { ended: 'denied' }),
      duration_ms: 310,
    });
    return asking.answer;
  }

  #session(id: string): FixtureSession | undefined {
    return this.#world.sessions.get(id);
  }

  #tell(sessionId: string, body: Json): void {
    const session = this.#session(sessionId);
    if (session !== undefined) this.#world.emit(session, body);
  }
}
