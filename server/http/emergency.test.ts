import { expect, onTestFinished, test } from 'vitest';
import type { Link } from '../../protocol/doctor.ts';
import { type EvidenceId, newOperationId, type OperationId, type TargetName } from '../../protocol/ids.ts';
import type { TargetState } from '../../protocol/me.ts';
import type { Operation } from '../../protocol/operations.ts';
import { BreakglassError } from '../../protocol/problems.ts';
import type { TriageReport } from '../../protocol/triage.ts';
import { testDoor } from '../../test/support/door.ts';
import { powerOnlyApp } from '../../test/support/power-only-app.ts';
import { quietDoctor } from '../../test/support/quiet-doctor.ts';
import { type SmallTarget, smallTargets } from '../../test/support/small-target.ts';
import type { AccessNote } from '../access/record.ts';
import type { Alerts } from '../alerts/alerts.ts';
import type { Power } from '../power/port.ts';
import type { AppDeps } from './app.ts';

const TOKEN = 'emergency-token-0123456789';
const target = 'devvm' as TargetName;

const broken = (): Promise<never> => Promise.reject(new Error('triage is broken too'));

async function house(
  quickTriage: () => Promise<TriageReport> = broken,
  more: Readonly<Record<string, SmallTarget>> = {},
  onRecord: (note: AccessNote) => void = () => {},
  vmNow: SmallTarget['vmNow'] = broken,
  knows: Partial<Pick<AppDeps, 'alerts' | 'doctor'>> = {},
) {
  const operations = new Map<OperationId, Operation>();
  const power = {
    start: async ({ verb, by }: Parameters<Power['start']>[0]) => {
      const operation: Operation = {
        id: newOperationId(),
        target,
        verb,
        by,
        started_at: new Date(0).toISOString(),
        state: 'running',
        steps: [{ name: 'forensics', at: '', ms: 2_000, ok: true }],
      };
      operations.set(operation.id, operation);
      return operation;
    },
    checkFree: () => {},
    get: async (id: OperationId) => operations.get(id),
    watch: (_id: OperationId, listener: Parameters<Power['watch']>[1]) => {
      listener({ type: 'output', stream: 'stdout', text: '<b>so far</b> \u001b[2J\u202Eevil\u200B' });
      return () => undefined;
    },
  } as unknown as Power;
  const door = testDoor({ bearerToken: TOKEN, trustedProxies: ['127.0.0.1/32'] });
  const app = await powerOnlyApp({
    door: {
      ...door,
      record: (note) => {
        onRecord(note);
        door.record(note);
      },
    },
    targets: smallTargets({
      devvm: {
        power,
        quickTriage,
        vmNow,
        state: { ssh: { answers: false, reading: 'silent', at: null }, qmp: { answers: true, at: null } },
      },
      ...more,
    }),
    ...knows,
  });
  onTestFinished(() => app.close());
  const signedIn = await app.inject({
    method: 'POST',
    url: '/emergency/login',
    payload: `token=${TOKEN}`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? '';
  const post = (url: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    app.inject({
      method: 'POST',
      url,
      payload: new URLSearchParams(fields).toString(),
      headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    });
  const get = (url: string) => app.inject({ method: 'GET', url, headers: { cookie } });
  const formToken = /name="form" value="([^"]+)"/.exec((await get('/emergency')).body)?.[1] ?? '';
  return { app, signedIn, post, get, formToken, operations };
}

/** What a person reads. */
const wordsOf = (html: string): string =>
  html
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .replaceAll(' :', ':');

test('without an identity there is only the way in', async () => {
  const { app, operations } = await house();
  const answer = await app.inject({ method: 'GET', url: '/emergency' });
  // Not 401: lynx shows nothing of such a page.
  expect(answer.statusCode).toBe(403);
  expect(answer.body).toContain('Access token');
  expect(answer.body).not.toContain('/emergency/power/');
  const verb = await app.inject({
    method: 'POST',
    url: '/emergency/power/stop',
    payload: 'sure=yes',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(verb.statusCode).toBe(403);
  const wrong = await app.inject({
    method: 'POST',
    url: '/emergency/login',
    payload: 'token=guess',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  expect(wrong.statusCode).toBe(403);
  expect(wrong.body).toContain('Wrong token.');
  expect(operations.size).toBe(0);
});

test('signed in it shows state and the six verbs, without any script', async () => {
  const { signedIn, get } = await house();
  expect([signedIn.statusCode, signedIn.headers.location]).toEqual([303, '/emergency']);
  const { body } = await get('/emergency');
  expect(wordsOf(body)).toContain('devvm: running, SSH silent');
  expect(wordsOf(body)).toContain('VM: running SSH: silent Guest agent: not known QMP: answers');
  expect(body.match(/action="\/emergency\/power\/(\w+)"/g)).toHaveLength(6);
  expect(body).not.toMatch(/<script|onclick|style=/);
});

test('a mutating verb asks first, then runs and can be watched', async () => {
  const { post, get, formToken, operations } = await house();
  const asked = await post('/emergency/power/cycle', { form: formToken });
  expect(asked.body).toContain('Yes, cycle now');
  expect(operations.size).toBe(0);
  const done = await post('/emergency/power/cycle', { form: formToken, sure: 'yes' });
  expect(done.statusCode).toBe(303);
  const watched = await get(String(done.headers.location));
  expect(watched.body).toContain('http-equiv="refresh"');
  expect(watched.body).toContain('forensics: done, 2.0 s');
  expect(watched.body).toContain('&#60;b&#62;so far&#60;/b&#62; ⟨\\e⟩[2J⟨U+202E⟩evil⟨U+200B⟩');
});

test('the page that asks for confirmation names the finding that speaks against a verb, and asks again when there is a new one', async () => {
  const report: TriageReport = {
    target,
    at: 'x',
    cautions: [],
    finding: {
      code: 'block-path-stalled',
      summary: 'Stalled.',
      confidence: 0.9,
      advised: 'cycle',
      warned: ['reset'],
      advice: 'Cycle.',
      inputs: [],
    },
  };
  const { post, formToken, operations } = await house(() => Promise.resolve(report));
  const blind = await post('/emergency/power/reset', { form: formToken, sure: 'yes' });
  expect(blind.body).toContain('Triage advises against reset (block-path-stalled)');
  expect(operations.size).toBe(0);
  const against = /name="against" value="([^"]+)"/.exec(blind.body)?.[1] ?? '';
  const done = await post('/emergency/power/reset', { form: formToken, sure: 'yes', against });
  expect(done.statusCode).toBe(303);
});

test('a verb that would change nothing is refused with the reason, also where the form says sure', async () => {
  const { post, operations, formToken } = await house(
    broken,
    {},
    () => {},
    async () => ({
      state: 'running',
      monitorAnswers: true,
      lock: 'none',
    }),
  );
  for (const sure of [{}, { sure: 'yes' }] as const) {
    const answer = await post('/emergency/power/start', { form: formToken, ...sure });
    expect(answer.statusCode).toBe(409);
    expect(answer.body).toContain(
      '<h1>The VM runs already: start would change nothing. Nothing was done.</h1>',
    );
  }
  expect(operations.size).toBe(0);
  expect((await post('/emergency/power/cycle', { form: formToken })).statusCode).toBe(200);
});

test('a verb that does not apply cannot be pressed and says why; what triage found stands there, and what is past advises nothing', async () => {
  const yes = { applies: true } as const;
  const report: TriageReport = {
    target,
    at: 'x',
    cautions: [],
    finding: {
      code: 'block-path-stalled',
      summary: 'The <b>disk</b> stalls.',
      confidence: 0.9,
      advised: 'cycle',
      warned: [],
      advice: 'Cycle.',
      inputs: [],
    },
  };
  const at = new Date().toISOString();
  const recent = {
    operations: [
      {
        id: newOperationId(),
        verb: 'reset',
        by: { type: 'operator', name: 'ann' },
        state: 'failed',
        started_at: at,
        finished_at: at,
        summary: 'It did not help.',
      },
    ],
    evidence: { id: '20261127T031244Z-cycle' as EvidenceId, at },
  } as const;
  const power = {} as Power;
  const { app, get } = await house(broken, {
    web: {
      power,
      state: {
        verbs: { cycle: yes, reset: yes, stop: yes, start: { applies: false, why: 'It runs.' } },
        finding: { report, at },
        recent,
      },
    },
    db: { power, state: { finding: { report, at, past: 'It is from before cycle by ann.' } } },
  });
  await app.inject({ url: '/emergency/t/web', headers: { 'x-authentik-username': 'ann' } });
  const { body } = await get('/emergency/t/web');
  expect(body).not.toContain('/power/start"');
  expect(wordsOf(body)).toContain('Start web Not possible: It runs.');
  expect(body).toContain('<button disabled>Start web</button>');
  // The advised one comes first, and is the one that stands out.
  expect(body.match(/<button[^>]*>\w+/g)?.slice(0, 2)).toEqual([
    '<button class="ink">Cycle',
    '<button>Status',
  ]);
  expect(body.match(/\/power\/\w+"/g)).toHaveLength(5);
  expect(body).toContain('The &#60;b&#62;disk&#60;/b&#62; stalls.');
  expect(body).toContain('Advised: <strong>cycle</strong>');
  expect(body).toContain('reset by ann</a>, failed: It did not help.');
  expect(body).toContain('href="/api/evidence/20261127T031244Z-cycle/text"');
  expect(wordsOf(body)).toContain('Who is here ann since now');
  const past = (await get('/emergency/t/db')).body;
  expect(past).toContain('Past finding');
  expect(past).toContain('It is from before cycle by ann.');
  expect(past).not.toContain('Advised: ');
});

test('a form without our token, or from another site, does nothing', async () => {
  const { post, formToken, operations } = await house();
  expect((await post('/emergency/power/stop', { form: 'forged', sure: 'yes' })).statusCode).toBe(403);
  expect((await post('/emergency/power/stop', { sure: 'yes' })).statusCode).toBe(403);
  expect(
    (
      await post(
        '/emergency/power/stop',
        { form: formToken, sure: 'yes' },
        { origin: 'https://evil.example' },
      )
    ).statusCode,
  ).toBe(403);
  expect((await post('/emergency/power/destroy', { form: formToken, sure: 'yes' })).statusCode).toBe(400);
  expect(operations.size).toBe(0);
});

test('a changed host key is shown with both fingerprints; the form asks first, and accepts exactly the key that it showed', async () => {
  const side = 'power_host';
  const [old, offered] = ['o', 'n'].map((letter) => `SHA256:${letter.repeat(43)}`) as [string, string];
  const key = (fingerprint: string) => ({ type: 'ED25519', fingerprint });
  const accepted: string[] = [];
  const events: AccessNote[] = [];
  let changed = true;
  const power = {} as Power;
  const { post, get } = await house(
    broken,
    {
      web: {
        power,
        acceptHostKey: async (which, fingerprint) => {
          if (fingerprint !== offered)
            throw new BreakglassError('host-key-refused', 'By now <another> is offered.');
          accepted.push(`${which} ${fingerprint}`);
          changed = false;
          return {
            detail: `A new host key of ${which} was accepted.`,
            key: { target: 'web' as TargetName, side: which, before: [key(old)], now: key(fingerprint) },
            state: {} as TargetState,
          };
        },
        get state() {
          return changed
            ? { host_key_changed: [{ side, known: [key(old)], offered: key(offered) } as const] }
            : {};
        },
      },
    },
    (note) => events.push(note),
  );
  const { body } = await get('/emergency/t/web');
  expect(body).toContain('The power host of web shows another host key than before.');
  expect(body.indexOf(old)).toBeGreaterThan(0);
  expect(body.indexOf(offered)).toBeGreaterThan(body.indexOf(old));
  const form = /name="form" value="([^"]+)"/.exec(body)?.[1] ?? '';
  const path = '/emergency/t/web/host-key';
  for (const [fields, status] of [
    [{ side, fingerprint: offered, sure: 'yes' }, 403],
    [{ form: 'forged', side, fingerprint: offered, sure: 'yes' }, 403],
    [{ form, side, fingerprint: 'SHA256:short', sure: 'yes' }, 422],
    [{ form, side: 'moon', fingerprint: offered, sure: 'yes' }, 422],
    [{ form, side, fingerprint: old }, 409],
    [{ form, side, fingerprint: old, sure: 'yes' }, 409],
  ] as const)
    expect((await post(path, fields)).statusCode, JSON.stringify(fields)).toBe(status);
  const asked = await post(path, { form, side, fingerprint: offered });
  expect(asked.body).toContain('Yes, accept this key now');
  expect([accepted, events.filter(({ what }) => what === 'host_key_accepted')]).toEqual([[], []]);
  const done = await post(path, { form, side, fingerprint: offered, sure: 'yes' });
  expect([done.statusCode, accepted]).toEqual([200, [`${side} ${offered}`]]);
  expect(done.body).toContain('A new host key of power_host was accepted.');
  expect(done.body).not.toContain('another host key');
  expect(events.filter(({ what }) => what === 'host_key_accepted')).toHaveLength(1);
});

test('with several targets the page lists them, worst first, and each has its own forms, which work for no other', async () => {
  const power = { start: async () => Promise.reject(new Error('not asked for')) } as unknown as Power;
  const { get, post } = await house(broken, {
    web: { power, state: { vm: { state: 'stopped', at: null } } },
  });
  const { body: first } = await get('/emergency');
  expect(first).toContain('Target: <strong>devvm</strong>');
  expect(first).toContain('href="/emergency/targets"');
  const { body } = await get('/emergency/targets');
  expect(body.match(/href="\/emergency\/t\/(\w+)"/g)).toEqual([
    'href="/emergency/t/web"',
    'href="/emergency/t/devvm"',
  ]);
  const web = (await get('/emergency/t/web')).body;
  expect(web).toContain('Target: <strong>web</strong>');
  expect(web.match(/action="\/emergency\/t\/web\/power\/\w+"/g)).toHaveLength(6);
  const formOf = (html: string): string => /name="form" value="([^"]+)"/.exec(html)?.[1] ?? '';
  const mine = formOf((await get('/emergency/t/devvm')).body);
  const wrong = await post('/emergency/t/web/power/stop', { form: mine, sure: 'yes' });
  expect(wrong.statusCode).toBe(403);
  expect((await get('/emergency/t/moon')).statusCode).toBe(404);
  const asked = await post('/emergency/t/web/power/stop', { form: formOf(web) });
  expect(asked.body).toContain('stop web?');
  const done = await post('/emergency/t/devvm/power/stop', { form: mine, sure: 'yes' });
  expect(done.statusCode).toBe(303);
});

test('it says what the console knows of itself: nothing is recorded, the open incident, and the last look at the links', async () => {
  const link = (code: Link['code'], title: string, more: Partial<Link> = {}): Link => ({
    code,
    title,
    state: 'broken',
    detail: 'x',
    docs: 'x',
    ...more,
  });
  const last = (links: readonly Link[]) => ({
    at: new Date(Date.now() - 3 * 3_600_000).toISOString(),
    took_ms: 1,
    by: { type: 'server', name: 'breakglass' } as const,
    links: [...links],
    count: { works: 0, doubtful: 0, broken: 0, 'not-checked': 0, 'not-used': 0 },
  });
  const alerts = {
    openIncident: () => ({
      incident_id: 'i',
      session_id: '0b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f',
      title: 'VM <down>',
      opened_at: new Date(Date.now() - 720_000).toISOString(),
    }),
  } as unknown as Alerts;
  const said = async (knows: Parameters<typeof house>[4]) =>
    (await (await house(broken, {}, () => {}, broken, knows)).get('/emergency')).body;
  const body = await said({
    alerts,
    ...quietDoctor(
      last([
        link('power-login', 'Login <on> it', { target }),
        link('edge-certificate', 'Certificate'),
        link('vm-shell', 'Shell', { target: 'other' as TargetName }),
        link('journal', 'Journal', { state: 'works' }),
      ]),
    ),
  });
  expect(wordsOf(body)).toContain(
    '3 links are broken: Login &#60;on&#62; it (power-login), Certificate (edge-certificate), 1 of other targets. Looked at 3 h ago.',
  );
  expect(wordsOf(body)).toContain('Open incident: VM &#60;down&#62; 12 min ago');
  expect(body).toContain('href="/api/session/0b6f7a3e-6a43-4d57-9a54-5b3f2c1d0e9f/report?format=html"');
  expect(wordsOf(body)).toContain('Nothing is recorded here: the journal is damaged. The verbs work.');
  expect(wordsOf(await said(quietDoctor(last([link('journal', 'Journal', { state: 'works' })]))))).toContain(
    'Links: none is broken. Looked at 3 h ago.',
  );
  expect(wordsOf(await said({}))).toContain('Links: not looked at yet.');
});

test('what cannot say anything of itself takes nothing else from the page', async () => {
  const fails = () => {
    throw new Error('it is broken');
  };
  const { get } = await house(broken, {}, () => {}, broken, {
    alerts: { openIncident: fails } as unknown as Alerts,
    doctor: { ...quietDoctor().doctor, show: fails },
  });
  const { statusCode, body } = await get('/emergency');
  expect([statusCode, body.match(/action="\/emergency\/power\/(\w+)"/g)?.length]).toEqual([200, 6]);
  expect(body).not.toContain('Links:');
});
