// The contract: every route, with what goes in and what comes out. server/http takes the types of its routes from here, so a route that is
// missing here, or answers something else, does not compile. OpenAPI and docs/wire.md are written from it, and only for those two it is
// loaded: no request needs it.
import { z } from 'zod';
import {
  Device,
  LoginLink,
  Passkey,
  PasskeyOptions,
  Passkeys,
  Share,
  ShareMade,
  Token,
  TokenMade,
  WaysIn,
} from './access.ts';
import {
  AlertmanagerBody,
  AlertsTaken,
  GenericAlertBody,
  Incident,
  Incidents,
  UptimeKumaBody,
} from './alerts.ts';
import { Approval, ApprovalOutcome, SessionPolicy } from './approvals.ts';
import {
  ApprovalBody,
  ChatBody,
  DoctorBody,
  EvidenceQuery,
  EvidenceTextQuery,
  HostKeyBody,
  LoginBody,
  LoginLinkBody,
  NoBody,
  PasskeyBody,
  PolicyBody,
  PowerBody,
  PromptBody,
  SessionBody,
  SessionsQuery,
  ShareBody,
  TitleBody,
  TokenBody,
  TriageBody,
} from './bodies.ts';
import { events, file, json, nothing, ProblemAnswer, problem, type Route } from './contract.ts';
import { Doctor, DoctorTick, Drill, Examination } from './doctor.ts';
import { EphemeralEvent, EventStamp, JournaledBody } from './events.ts';
import { EvidenceList, EvidenceRecord } from './evidence.ts';
import { Me, TargetState, TargetsAnswer } from './me.ts';
import {
  LookingBody,
  Notifications,
  NotificationTest,
  NotificationTestBody,
  PushDevice,
  PushSubscriptionBody,
} from './notifications.ts';
import { Operation, OperationFrame, VerbResult } from './operations.ts';
import { ReportQuery, TargetReportQuery } from './report.ts';
import { SessionsPage, SessionTitle } from './sessions.ts';
import { TriageReport } from './triage.ts';
import { mutatingVerb, sessionId, verb, type Wire } from './wire.ts';

/** One frame of a session's stream. */
export const SessionEvent = z
  .union([z.intersection(JournaledBody, EventStamp), EphemeralEvent])
  .meta({ id: 'SessionEvent', description: 'See the events.' });

const SESSION = z.object({ id: z.string().describe('of the session') });
const TARGET = z.object({ target: z.string().describe('name of the target') });
const OPERATION = z.object({ id: z.string().describe('of the operation') });
const INCIDENT = z.object({ id: z.string().describe('of the incident') });
const EVIDENCE = z.object({ id: z.string().describe('of the evidence') });

const READY = z.object({
  status: z
    .enum(['ready', 'degraded'])
    .describe('`degraded`: the journal does not work: verbs do, chat does not'),
  why: z.string().exactOptional(),
});

/** Sessions cannot be used at all: the console is power only, or its journal cannot be written. */
const NO_CHAT = ['power-only', 'journal-unavailable', 'shutting-down'] as const;
/** 503 lets a monitor that can do so try again; Alertmanager does. */
const NO_ALERT = ['unmapped-alert', 'alerts-waiting', ...NO_CHAT] as const;
const NO_VERB = ['unknown-verb', 'verb-running', 'shutting-down'] as const;

export const ROUTES = {
  'GET /health': {
    fixed: true,
    open: true,
    says: 'Is the process alive?',
    answers: {
      200: json(
        z.object({ status: z.literal('ok'), service: z.literal('claude-breakglass') }).meta({ id: 'Health' }),
        'It is.',
      ),
    },
  },
  'GET /ready': {
    open: true,
    says: 'Does everything work? Answers 200 also when only power is left: a probe must not take the page away then.',
    answers: { 200: json(READY, 'What works. The reason is told only to whoever is signed in.') },
  },
  'POST /api/login': {
    open: true,
    says: 'Signs a browser in. Only what is wrong counts: more than ten a minute from one address are 429, and a correct one is let in at any time.',
    body: LoginBody,
    answers: { 204: nothing('A cookie is set: HttpOnly, SameSite=Strict.') },
    problems: ['unauthenticated', 'not-allowed', 'too-many-requests'],
  },
  'GET /api/login': {
    open: true,
    says: 'How one can sign in here, besides a token and a login link.',
    answers: { 200: json(WaysIn, 'It tells whether, and not whose or how many.') },
  },
  'POST /api/login/passkey': {
    open: true,
    says: 'Begins a sign-in with a passkey. What the browser answers goes to `POST /api/login`, within five minutes and once.',
    body: NoBody,
    answers: { 200: json(PasskeyOptions, 'It names no passkey: the device finds its own.') },
    problems: ['unknown-passkey', 'not-allowed'],
  },
  'POST /api/logout': {
    says: 'Ends this device: its cookie opens nothing any more, whoever has a copy.',
    answers: { 204: nothing('It is ended.') },
  },
  'GET /api/devices': {
    says: 'The signed-in devices.',
    answers: { 200: json(z.object({ devices: z.array(Device) }), 'The one that was seen last first.') },
  },
  'DELETE /api/devices/{id}': {
    says: 'Ends one device.',
    params: z.object({ id: z.string().describe('of the device') }),
    answers: { 204: nothing('It is ended.') },
    problems: ['unknown-device', 'journal-unavailable'],
  },
  'DELETE /api/devices': {
    says: 'Ends all devices but the one that asks.',
    answers: { 200: json(z.object({ ended: z.int() }), 'How many.') },
    problems: ['journal-unavailable'],
  },
  'GET /api/tokens': {
    says: 'The named tokens, without their secrets. The one in the environment is not among them.',
    answers: { 200: json(z.object({ tokens: z.array(Token) }), 'In the order in which they were made.') },
  },
  'POST /api/tokens': {
    says: 'Makes a named token.',
    body: TokenBody,
    answers: { 201: json(TokenMade, 'With its secret, this once.') },
    problems: ['journal-unavailable'],
  },
  'DELETE /api/tokens/{id}': {
    says: 'Revokes a named token, and ends the devices that were signed in with it.',
    params: z.object({ id: z.string().describe('of the token, or its name') }),
    answers: { 204: nothing('It is revoked.') },
    problems: ['unknown-token', 'journal-unavailable'],
  },
  'GET /api/passkeys': {
    says: 'The passkeys, and whether one can be enrolled under this address.',
    answers: { 200: json(Passkeys, 'In the order in which they were enrolled.') },
  },
  'POST /api/passkeys/options': {
    says: 'Begins to enrol a passkey for whoever asks. What the browser answers goes to `POST /api/passkeys`, within five minutes and once.',
    body: NoBody,
    answers: { 200: json(PasskeyOptions, 'User verification is required.') },
  },
  'POST /api/passkeys': {
    says: 'Enrols a passkey. It belongs to whoever asks, with their role, and ends with the token that they came in with.',
    body: PasskeyBody,
    answers: { 201: json(Passkey, 'It is enrolled.') },
    problems: ['journal-unavailable'],
  },
  'DELETE /api/passkeys/{id}': {
    says: 'Removes a passkey, and ends the devices that were signed in with it.',
    params: z.object({ id: z.string().describe('of the passkey') }),
    answers: { 204: nothing('It is removed.') },
    problems: ['unknown-passkey', 'journal-unavailable'],
  },
  'POST /api/login-links': {
    says: 'Makes a login link for another device of whoever asks: good once, for ten minutes.',
    body: LoginLinkBody,
    answers: { 201: json(LoginLink, 'The code is in the fragment, which no server and no log sees.') },
  },
  'GET /api/me': {
    says: 'Who is asking, and what this console can do.',
    answers: { 200: json(Me, 'As it is for whoever asks.') },
  },
  'GET /api/openapi.json': {
    says: 'This contract as OpenAPI 3.1.',
    answers: { 200: json(z.looseObject({ openapi: z.literal('3.1.0') }), 'The document.') },
  },

  'POST /api/session': {
    fixed: true,
    says: 'Opens a session. Needs no body.',
    body: SessionBody,
    answers: { 200: json(z.object({ session_id: sessionId }), 'It is open.') },
    problems: ['unknown-target', ...NO_CHAT],
  },
  'GET /api/session/{id}/stream': {
    fixed: true,
    says: 'Attaches to a session: what the client missed, one frame `event: caught-up` with `data: {}`, then what happens. Frames of journaled events carry their `id`.',
    params: SESSION,
    headers: z.object({
      'last-event-id': z
        .string()
        .exactOptional()
        .describe('the last id that the client saw; one that is not a number means: replay all'),
    }),
    answers: { 200: events(SessionEvent, 'It goes on until the client closes it.') },
    problems: ['unknown-session', 'power-only'],
  },
  'POST /api/session/{id}/prompt': {
    fixed: true,
    says: 'Starts a turn. It goes on whether or not anybody is attached.',
    params: SESSION,
    body: PromptBody,
    answers: {
      200: json(z.object({ status: z.literal('started') }), 'It runs.'),
      202: json(
        z.object({ status: z.literal('queued'), queue_id: z.string() }),
        'It waits its turn (only with `queue: true`).',
      ),
    },
    problems: ['unknown-session', 'turn-running', 'invalid-input', 'queue-full', ...NO_CHAT],
  },
  'POST /api/session/{id}/cancel': {
    fixed: true,
    says: 'Stops the turn.',
    params: SESSION,
    answers: {
      200: json(z.object({ cancelled: z.boolean() }), '`false`: no turn was running, and nothing waited.'),
    },
    problems: ['unknown-session', ...NO_CHAT],
  },
  'GET /api/approvals': {
    says: 'What waits for a person now, in all sessions.',
    answers: { 200: json(z.object({ approvals: z.array(Approval) }), 'The one that ends first first.') },
    problems: ['power-only'],
  },
  'POST /api/session/{id}/approvals/{approval}': {
    says: 'Answers a question of the agent. The first answer counts and is on disk before anything runs; the same again is accepted.',
    params: z.object({
      id: z.string().describe('of the session'),
      approval: z.string().describe('of the question'),
    }),
    body: ApprovalBody,
    answers: { 200: json(ApprovalOutcome, 'It is answered so, now or before.') },
    problems: [
      'unknown-session',
      'unknown-approval',
      'answered-already',
      'too-late',
      'invalid-input',
      ...NO_CHAT,
    ],
  },
  'GET /api/session/{id}/policy': {
    says: 'What the agent may do in this session.',
    params: SESSION,
    answers: { 200: json(SessionPolicy, 'As it is now.') },
    problems: ['unknown-session', 'power-only'],
  },
  'PUT /api/session/{id}/policy': {
    says: 'Changes what the agent may do in this session. A tighter mode counts at once and stays; a looser one ends by itself.',
    params: SESSION,
    body: PolicyBody,
    answers: { 200: json(SessionPolicy, 'It holds from now on.') },
    problems: ['unknown-session', 'invalid-input', ...NO_CHAT],
  },
  'DELETE /api/session/{id}/grants/{grant}': {
    says: 'Ends a grant: repair commands are asked for again.',
    params: z.object({
      id: z.string().describe('of the session'),
      grant: z.string().describe('of the grant'),
    }),
    answers: { 204: nothing('It is ended.') },
    problems: ['unknown-session', 'unknown-grant', ...NO_CHAT],
  },
  'POST /api/session/{id}/share': {
    says: 'Makes a share link: whoever has it watches this session, and does nothing, until it ends. It ends with whatever its maker came in with, too.',
    params: SESSION,
    body: ShareBody,
    answers: { 201: json(ShareMade, 'With the link, this once.') },
    problems: ['unknown-session', 'power-only', 'journal-unavailable'],
  },
  'GET /api/session/{id}/share': {
    says: 'The share links of this session that are good now, without their codes.',
    params: SESSION,
    answers: { 200: json(z.object({ shares: z.array(Share) }), 'In the order in which they were made.') },
    problems: ['unknown-session', 'power-only'],
  },
  'DELETE /api/session/{id}/share/{share}': {
    says: 'Ends a share link. Its guests are out at once, and their open streams are cut.',
    params: SESSION.extend({ share: z.string().describe('of the share link') }),
    answers: { 204: nothing('It is ended.') },
    problems: ['unknown-session', 'unknown-share', 'power-only', 'journal-unavailable'],
  },
  'GET /api/sessions': {
    says: 'The sessions that have a prompt or an incident.',
    query: SessionsQuery,
    answers: { 200: json(SessionsPage, 'The latest activity first, at most 50.') },
    problems: ['invalid-input', 'power-only'],
  },
  'PUT /api/session/{id}/title': {
    says: 'Names a session, for everybody.',
    params: SESSION,
    body: TitleBody,
    answers: { 200: json(SessionTitle, 'It has this name.') },
    problems: ['unknown-session', 'invalid-input', ...NO_CHAT],
  },
  'POST /api/chat': {
    fixed: true,
    says: 'One turn as one answer. If the client hangs up, the turn goes on.',
    body: ChatBody,
    answers: {
      200: events(
        SessionEvent,
        'The events of the turn. Its frames have no SSE id, and the last is always `done`, also after an error.',
      ),
    },
    problems: ['turn-running', 'invalid-input', ...NO_CHAT],
  },

  'GET /api/pve/verbs': {
    fixed: true,
    says: 'The six verbs, and those that change the VM.',
    answers: {
      200: json(z.object({ verbs: z.array(verb), mutating: z.array(mutatingVerb) }), 'Both sorted.'),
    },
  },
  'POST /api/pve/{verb}': {
    fixed: true,
    says: 'Runs a verb on the default target and waits for its result. The POST is itself the confirmation.',
    params: z.object({ verb: z.string().describe('exactly one of the six') }),
    headers: z.object({ 'idempotency-key': idempotencyKey() }),
    answers: {
      200: json(VerbResult, 'Its exit code is 0.'),
      502: json(
        VerbResult,
        'Its exit code is another one. Or it is null: there was no result within `BREAKGLASS_PVE_VERB_TIMEOUT_SECONDS`, the operation goes on, and `stderr` names it.',
      ),
      409: problem(
        ProblemAnswer.extend({ code: z.literal('verb-running'), ...VerbResult.shape }).meta({ id: 'Busy' }),
        'Another mutating verb is in flight. The problem and the shape of a verb in one object: `rejected` is true, and `stderr` says who started which verb and when.',
      ),
    },
    problems: NO_VERB,
  },

  'GET /api/targets': {
    says: 'All targets, each with what is known within 2 s. Whoever shows the list asks again every 5 s.',
    answers: { 200: json(TargetsAnswer, 'Each reading tells its age.') },
  },
  'GET /api/targets/{target}': {
    says: 'The state of one target, asked now of the power host and of the VM.',
    params: TARGET,
    answers: { 200: json(TargetState, 'What is known within a moment.') },
    problems: ['unknown-target'],
  },
  'POST /api/targets/{target}/host-keys': {
    says: 'Accepts the host key that one side offers now in place of the pinned ones: exactly the one with this fingerprint. It is looked at again before it counts.',
    params: TARGET,
    body: HostKeyBody,
    answers: { 200: json(TargetState, 'It counts from now on, and that side was asked again.') },
    problems: ['unknown-target', 'host-key-refused', 'host-key-unavailable', 'shutting-down'],
  },
  'POST /api/targets/{target}/triage': {
    says: 'Says what is wrong, without AI, and changes nothing. Where SSH is silent it captures evidence first.',
    params: TARGET,
    body: TriageBody,
    answers: { 200: json(TriageReport, 'One finding, and the cautions that stand beside it.') },
    problems: ['unknown-target', 'shutting-down'],
  },
  'POST /api/targets/{target}/power/{verb}': {
    says: 'Starts a verb and answers at once.',
    params: z.object({
      target: z.string().describe('name of the target'),
      verb: z.string().describe('exactly one of the six'),
    }),
    headers: z.object({
      confirm: z.string().exactOptional().describe('as `confirm` of the body'),
      'idempotency-key': idempotencyKey(),
    }),
    body: PowerBody,
    answers: {
      200: events(OperationFrame, 'With `Accept: text/event-stream`: the stream of the operation.'),
      202: json(Operation, 'It runs; `Location` names it.'),
    },
    problems: [...NO_VERB, 'unknown-target', 'does-not-apply', 'contradicts-finding'],
  },
  'GET /api/operations/{id}': {
    says: 'One operation.',
    params: OPERATION,
    answers: { 200: json(Operation, 'As it is now.') },
    problems: ['unknown-operation'],
  },
  'GET /api/operations/{id}/stream': {
    says: 'Follows an operation: first its state and its output so far, then both as they come, until it ends.',
    params: OPERATION,
    answers: { 200: events(OperationFrame, 'The last frame has `finished_at`.') },
    problems: ['unknown-operation'],
  },

  'POST /api/alerts/alertmanager': {
    says: 'Takes the webhook of Alertmanager (version 4). An operator or a token of the role `alerts` delivers.',
    body: AlertmanagerBody,
    answers: { 200: json(AlertsTaken, 'It is recorded. Triage goes on by itself.') },
    problems: NO_ALERT,
  },
  'POST /api/alerts/uptime-kuma': {
    says: 'Takes the webhook of Uptime Kuma. An operator or a token of the role `alerts` delivers.',
    body: UptimeKumaBody,
    answers: { 200: json(AlertsTaken, 'It is recorded. Triage goes on by itself.') },
    problems: NO_ALERT,
  },
  'POST /api/alerts/generic': {
    says: 'Takes one alert of any other monitor. An operator or a token of the role `alerts` delivers.',
    body: GenericAlertBody,
    answers: { 200: json(AlertsTaken, 'It is recorded. Triage goes on by itself.') },
    problems: NO_ALERT,
  },
  'GET /api/incidents': {
    says: 'The incidents, and the alerts that mean no target.',
    answers: { 200: json(Incidents, 'Without verdict: triage has not ended yet.') },
    problems: ['power-only', 'journal-unavailable'],
  },
  'POST /api/incidents/{id}/close': {
    says: 'Closes an incident. Alerts of it that fire on are taken quietly for an hour, or until they were resolved.',
    params: INCIDENT,
    body: NoBody,
    answers: { 200: json(Incident, 'It is closed, perhaps by somebody before.') },
    problems: ['unknown-incident', ...NO_CHAT],
  },
  'GET /api/notifications': {
    says: 'How this console reaches people who are not looking: its channels with their last results, and the browsers that get Web Push.',
    answers: { 200: json(Notifications, 'As it is now, for the address that was asked.') },
    problems: ['power-only'],
  },
  'POST /api/notifications/devices': {
    says: 'Turns notifications on for a browser. It ends with the sign-in of whoever asks, and when its push service says that it is gone.',
    body: PushSubscriptionBody,
    answers: {
      201: json(PushDevice, 'It gets the next notification. The same subscription again is the same device.'),
    },
    problems: ['power-only', 'journal-unavailable'],
  },
  'DELETE /api/notifications/devices/{id}': {
    says: 'Turns notifications off for a browser.',
    params: z.object({ id: z.string().describe('of the browser') }),
    answers: { 204: nothing('It gets no more.') },
    problems: ['unknown-device', 'power-only', 'journal-unavailable'],
  },
  'POST /api/notifications/test': {
    says: 'Sends a notification now, and says what became of it.',
    body: NotificationTestBody,
    answers: { 200: json(NotificationTest, 'Within ten seconds, also when it failed.') },
    problems: ['unknown-device', 'power-only', 'too-many-requests'],
  },
  'POST /api/looking': {
    says: 'The answer of a page to the event `looking`: it is visible and has the focus. Only within two seconds, and only of an operator, it counts.',
    body: LookingBody,
    answers: { 204: nothing('Whether or not it still counts.') },
    problems: ['power-only'],
  },

  'GET /api/doctor': {
    says: 'The last examination of all links, and when the next one is.',
    answers: { 200: json(Doctor, 'As it is now. Nothing is asked for it.') },
  },
  'POST /api/doctor': {
    says: 'Examines all links now. Whoever asks while one is under way gets its result. It changes nothing: no host key is pinned, no capture is made.',
    body: DoctorBody,
    answers: { 200: json(Examination, 'All links; also 200 where some are broken.') },
    problems: ['unknown-target', 'invalid-input', 'shutting-down'],
  },
  'GET /api/doctor/stream': {
    says: 'Ticks, 250 ms apart, to be measured by whoever receives them: an edge that keeps streams back delivers them at once.',
    answers: { 200: events(DoctorTick, 'It ends after the last one.') },
  },
  'POST /api/targets/{target}/drill': {
    says: 'Walks the way of a night on this target: status, triage, forensics, the evidence, a notification. It captures evidence and changes nothing else.',
    params: TARGET,
    body: NoBody,
    answers: { 200: json(Drill, 'Each step; also 200 where one failed.') },
    problems: ['unknown-target', 'invalid-input'],
  },
  'GET /api/session/{id}/report': {
    says: 'The report of an incident, from the journal: what happened when, findings, commands, approvals, verbs, outcome, what is left.',
    params: SESSION,
    query: ReportQuery,
    answers: { 200: file('text/markdown', 'Or HTML, where `format` says so.') },
    problems: ['unknown-session', 'invalid-input', 'power-only'],
  },
  'GET /api/targets/{target}/report': {
    says: 'The same of one target in a span of time, with what no session did.',
    params: TARGET,
    query: TargetReportQuery,
    answers: { 200: file('text/markdown', 'Or HTML, where `format` says so.') },
    problems: ['unknown-target', 'invalid-input', 'power-only'],
  },

  'GET /api/evidence': {
    says: 'The evidence that this console keeps.',
    query: EvidenceQuery,
    answers: { 200: json(EvidenceList, 'Newest first.') },
    problems: ['unknown-target', 'invalid-input'],
  },
  'GET /api/evidence/{id}': {
    says: 'One bundle, parsed.',
    params: EVIDENCE,
    answers: { 200: json(EvidenceRecord, 'With all that could be read of it.') },
    problems: ['unknown-evidence'],
  },
  'GET /api/evidence/{id}/text': {
    says: 'One bundle as text, to read or to attach. Escape sequences and invisible characters are shown as stand-ins.',
    params: EVIDENCE,
    query: EvidenceTextQuery,
    answers: { 200: file('text/plain', 'What stands in the parsed bundle.') },
    problems: ['unknown-evidence', 'invalid-input'],
  },
  'GET /api/evidence/{id}/screen.png': {
    says: "The picture of the VM's console.",
    params: EVIDENCE,
    answers: { 200: file('image/png', 'As QEMU drew it.') },
    problems: ['unknown-evidence'],
  },
  'GET /api/evidence/{id}/bundle.tar.gz': {
    says: 'The archive as the power host sent it.',
    params: EVIDENCE,
    answers: { 200: file('application/gzip', 'Byte for byte.') },
    problems: ['unknown-evidence'],
  },
} as const satisfies Readonly<Record<string, Route>>;

function idempotencyKey() {
  return z
    .string()
    .min(1)
    .max(200)
    .exactOptional()
    .describe('the same key of the same person gives the operation that it started, for an hour');
}

type Routes = typeof ROUTES;
export type RouteName = keyof Routes;

/** What a handler of the route may return: the JSON of any of its answers. */
export type AnswerOf<Name extends RouteName> = JsonOf<Routes[Name]['answers'][keyof Routes[Name]['answers']]>;
type JsonOf<One> = One extends { readonly type: 'json'; readonly schema: infer Schema extends z.ZodType }
  ? Wire<Schema>
  : never;
