// The routes of the console that the page calls, one function each.

import type {
  Device,
  LoginLink,
  Passkey,
  PasskeyOptions,
  Passkeys,
  Role,
  Share,
  ShareMade,
  Token,
  TokenMade,
  WaysIn,
} from '../../../protocol/access.ts';
import type { Incident } from '../../../protocol/alerts.ts';
import type { Approval, ApprovalOutcome, PolicyMode, SessionPolicy } from '../../../protocol/approvals.ts';
import type { Doctor, Drill, Examination } from '../../../protocol/doctor.ts';
import type { EvidenceList, EvidenceRecord } from '../../../protocol/evidence.ts';
import type { HostKeyChange } from '../../../protocol/host-keys.ts';
import type { Me, TargetState, TargetsAnswer } from '../../../protocol/me.ts';
import type {
  ChannelName,
  Notifications,
  NotificationTest,
  PushDevice,
} from '../../../protocol/notifications.ts';
import type { Operation } from '../../../protocol/operations.ts';
import type { SessionsPage, SessionTitle } from '../../../protocol/sessions.ts';
import type { TriageReport } from '../../../protocol/triage.ts';
import type { Verb } from '../../../protocol/verbs.ts';
import { request } from './http.ts';

export const fetchMe = () => request<Me>('GET', '/api/me', { timeoutMs: 10_000 });
/** By a token, by the code of a login link, or by what the browser answered for a passkey. */
export const login = (what: { token: string } | { code: string } | { passkey: unknown }, remember: boolean) =>
  request<void>('POST', '/api/login', { body: { ...what, remember } });
export const fetchWaysIn = () => request<WaysIn>('GET', '/api/login');
export const passkeySignInOptions = () => request<PasskeyOptions>('POST', '/api/login/passkey', { body: {} });
export const logout = () => request<void>('POST', '/api/logout');
export const fetchDevices = () => request<{ devices: readonly Device[] }>('GET', '/api/devices');
export const endDevice = (id: string) => request<void>('DELETE', `/api/devices/${encodeURIComponent(id)}`);
export const endOtherDevices = () => request<{ ended: number }>('DELETE', '/api/devices');
export const fetchTokens = () => request<{ tokens: readonly Token[] }>('GET', '/api/tokens');
export const makeToken = (name: string, role: Role) =>
  request<TokenMade>('POST', '/api/tokens', { body: { name, role } });
export const revokeToken = (id: string) => request<void>('DELETE', `/api/tokens/${encodeURIComponent(id)}`);
export const fetchPasskeys = () => request<Passkeys>('GET', '/api/passkeys');
export const passkeyOptions = () => request<PasskeyOptions>('POST', '/api/passkeys/options', { body: {} });
export const addPasskey = (name: string, passkey: unknown) =>
  request<Passkey>('POST', '/api/passkeys', { body: { name, passkey } });
export const removePasskey = (id: string) =>
  request<void>('DELETE', `/api/passkeys/${encodeURIComponent(id)}`);
export const fetchNotifications = () => request<Notifications>('GET', '/api/notifications');
export const addPushDevice = (subscription: PushSubscriptionJSON) =>
  request<PushDevice>('POST', '/api/notifications/devices', { body: subscription });
export const removePushDevice = (id: string) =>
  request<void>('DELETE', `/api/notifications/devices/${encodeURIComponent(id)}`);
export const testNotification = (channel: ChannelName, device: string | undefined) =>
  request<NotificationTest>('POST', '/api/notifications/test', {
    body: device === undefined ? { channel } : { channel, device },
  });
export const answerLooking = (nonce: string) => request<void>('POST', '/api/looking', { body: { nonce } });
export const makeLoginLink = () => request<LoginLink>('POST', '/api/login-links', { body: {} });

/** `target` undefined: for the default target. */
export const openSession = (target: string | undefined) =>
  request<{ session_id: string }>('POST', '/api/session', target === undefined ? {} : { body: { target } });
export const sendPrompt = (sessionId: string, prompt: string, queue: boolean) =>
  request<{ status: string; queue_id?: string }>('POST', `/api/session/${sessionId}/prompt`, {
    body: queue ? { prompt, queue } : { prompt },
  });
export const fetchSessions = (wanted: {
  readonly search: string;
  readonly target: string | undefined;
  readonly before: number | undefined;
}) => {
  const query = new URLSearchParams();
  if (wanted.search !== '') query.set('q', wanted.search);
  if (wanted.target !== undefined) query.set('target', wanted.target);
  if (wanted.before !== undefined) query.set('before', String(wanted.before));
  return request<SessionsPage>('GET', `/api/sessions?${query}`, { timeoutMs: 10_000 });
};
export const renameSession = (sessionId: string, title: string) =>
  request<SessionTitle>('PUT', `/api/session/${sessionId}/title`, { body: { title }, timeoutMs: 8_000 });
export const cancelTurn = (sessionId: string) =>
  request<{ cancelled: boolean }>('POST', `/api/session/${sessionId}/cancel`);
export const fetchShares = (sessionId: string) =>
  request<{ shares: readonly Share[] }>('GET', `/api/session/${sessionId}/share`);
export const makeShare = (sessionId: string, minutes: number) =>
  request<ShareMade>('POST', `/api/session/${sessionId}/share`, { body: { minutes } });
export const endShare = (sessionId: string, share: string) =>
  request<void>('DELETE', `/api/session/${sessionId}/share/${encodeURIComponent(share)}`);

// Short, because it is asked again every few seconds, and silence has to be noticed while somebody is about to answer.
export const fetchApprovals = (onServerTime: (nowMs: number) => void) =>
  request<{ approvals: readonly Approval[] }>('GET', '/api/approvals', { timeoutMs: 6_000, onServerTime });
export interface GivenAnswer {
  readonly answer: 'approve' | 'deny';
  /** With `deny`: what the agent reads. */
  readonly reason?: string;
  readonly grant_minutes?: number;
}
// The same answer twice does no harm, so it is sent again rather than waited for.
export const answerApproval = (
  { session_id, approval_id }: Pick<Approval, 'session_id' | 'approval_id'>,
  given: GivenAnswer,
) =>
  request<ApprovalOutcome>('POST', `/api/session/${session_id}/approvals/${approval_id}`, {
    body: given,
    timeoutMs: 8_000,
  });
export const fetchPolicy = (sessionId: string, onServerTime: (nowMs: number) => void) =>
  request<SessionPolicy>('GET', `/api/session/${sessionId}/policy`, { timeoutMs: 8_000, onServerTime });
export const setPolicy = (sessionId: string, mode: PolicyMode) =>
  request<SessionPolicy>('PUT', `/api/session/${sessionId}/policy`, { body: { mode }, timeoutMs: 8_000 });
export const endGrant = (sessionId: string, grantId: string) =>
  request<void>('DELETE', `/api/session/${sessionId}/grants/${grantId}`, { timeoutMs: 8_000 });

/** The server answers within 2 s with what it knows by then. */
export const fetchTargets = (onServerTime: (nowMs: number) => void) =>
  request<TargetsAnswer>('GET', '/api/targets', { timeoutMs: 8_000, onServerTime });
export const fetchTarget = (target: string, onServerTime: (nowMs: number) => void) =>
  request<TargetState>('GET', `/api/targets/${target}`, { timeoutMs: 8_000, onServerTime });
export const fetchOperation = (id: string) =>
  request<Operation>('GET', `/api/operations/${id}`, { timeoutMs: 8_000 });
/** `confirm`: the token that came with the contradiction, for the second press. */
export const startVerb = (target: string, verb: Verb, key: string, confirm?: string) =>
  request<Operation>('POST', `/api/targets/${target}/power/${verb}`, {
    headers: { 'idempotency-key': key },
    ...(confirm === undefined ? {} : { body: { confirm } }),
  });
// Long, because the host is looked at again, and then asked anew.
export const acceptHostKey = (target: string, { side, offered }: HostKeyChange) =>
  request<TargetState>('POST', `/api/targets/${target}/host-keys`, {
    timeoutMs: 40_000,
    body: { side, fingerprint: offered.fingerprint },
  });
export const closeIncident = (id: string) =>
  request<Incident>('POST', `/api/incidents/${id}/close`, { body: {} });
export const fetchEvidence = (id: string) =>
  request<EvidenceRecord>('GET', `/api/evidence/${encodeURIComponent(id)}`, { timeoutMs: 60_000 });
export const fetchCaptures = (target: string) =>
  request<EvidenceList>('GET', `/api/evidence?target=${encodeURIComponent(target)}`, { timeoutMs: 20_000 });
// Long, because triage asks the power host and the VM, each with a time limit of its own.
export const runTriage = (target: string, longer: boolean) =>
  request<TriageReport>('POST', `/api/targets/${target}/triage`, {
    timeoutMs: longer ? 180_000 : 90_000,
    ...(longer ? { body: { longer } } : {}),
  });

export const fetchDoctor = (onServerTime: (nowMs: number) => void) =>
  request<Doctor>('GET', '/api/doctor', { timeoutMs: 8_000, onServerTime });
// Long, because every part of the way is asked, each with a time limit of its own.
export const examineLinks = () =>
  request<Examination>('POST', '/api/doctor', { body: {}, timeoutMs: 180_000 });
// Longer, because it captures forensics.
export const walkDrill = (target: string) =>
  request<Drill>('POST', `/api/targets/${target}/drill`, { body: {}, timeoutMs: 600_000 });
