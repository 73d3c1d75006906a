import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

const TOKEN = { API_BEARER_TOKEN: 'a-token-0123456789abcdef' };
const read = (env: Readonly<Record<string, string>>) => readConfig({ ...TOKEN, ...env }).notify;

test('nothing leaves the machine where nothing is set, and push has a contact as soon as the console has a name', () => {
  expect(read({})).toEqual({
    push: { contact: undefined, local: false },
    ntfy: undefined,
    webhook: undefined,
    turnMs: 60_000,
    publicUrl: undefined,
  });
  expect(read({ BREAKGLASS_PUBLIC_URL: 'https://breakglass.example' }).push.contact).toBe(
    'https://breakglass.example',
  );
  expect(read({ BREAKGLASS_PUBLIC_URL: 'http://breakglass.example' }).push.contact).toBeUndefined();
  expect(read({ BREAKGLASS_PUSH_CONTACT: 'mailto:ann@example.com' }).push.contact).toBe(
    'mailto:ann@example.com',
  );
});

test('every setting is read', () => {
  expect(
    read({
      BREAKGLASS_NTFY_URL: 'https://ntfy.example/my-topic_1',
      BREAKGLASS_NTFY_TOKEN: 'tk_abc',
      BREAKGLASS_NOTIFY_WEBHOOK: 'http://10.0.0.5:8000/hook?a=b',
      BREAKGLASS_NOTIFY_WEBHOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
      BREAKGLASS_NOTIFY_TURN_SECONDS: '5',
      BREAKGLASS_PUSH_LOCAL: '1',
    }),
  ).toMatchObject({
    push: { local: true },
    ntfy: { url: 'https://ntfy.example/my-topic_1', token: 'tk_abc' },
    webhook: { url: 'http://10.0.0.5:8000/hook?a=b' },
    turnMs: 5_000,
  });
});

const SECRET = { BREAKGLASS_NOTIFY_WEBHOOK_SECRET: 'a-secret-0123456789' };
test.each<[Readonly<Record<string, string>>, RegExp]>([
  [{ BREAKGLASS_PUSH_CONTACT: 'ann@example.com' }, /BREAKGLASS_PUSH_CONTACT.*mailto:/],
  [{ BREAKGLASS_PUSH_CONTACT: 'mailto:' }, /BREAKGLASS_PUSH_CONTACT/],
  [{ BREAKGLASS_PUSH_CONTACT: 'http://example.com' }, /BREAKGLASS_PUSH_CONTACT/],
  [{ BREAKGLASS_PUSH_LOCAL: 'yes' }, /BREAKGLASS_PUSH_LOCAL.*1/],
  [{ BREAKGLASS_NTFY_TOKEN: 'tk' }, /BREAKGLASS_NTFY_URL/],
  [{ BREAKGLASS_NTFY_URL: 'https://ntfy.example/' }, /BREAKGLASS_NTFY_URL.*topic/],
  [{ BREAKGLASS_NTFY_URL: 'my-topic' }, /BREAKGLASS_NTFY_URL/],
  [{ BREAKGLASS_NTFY_URL: 'https://u:p@ntfy.example/t' }, /BREAKGLASS_NTFY_TOKEN/],
  [{ BREAKGLASS_NTFY_URL: 'https://ntfy.example/t', BREAKGLASS_NTFY_TOKEN: 'a b' }, /BREAKGLASS_NTFY_TOKEN/],
  [{ BREAKGLASS_NOTIFY_WEBHOOK: 'https://hooks.example' }, /go together/],
  [SECRET, /go together/],
  [{ BREAKGLASS_NOTIFY_WEBHOOK: 'ftp://hooks.example', ...SECRET }, /BREAKGLASS_NOTIFY_WEBHOOK/],
  [
    { BREAKGLASS_NOTIFY_WEBHOOK: 'https://h.example', BREAKGLASS_NOTIFY_WEBHOOK_SECRET: 'short' },
    /too short/,
  ],
  [
    {
      BREAKGLASS_NOTIFY_WEBHOOK: 'https://h.example',
      BREAKGLASS_NOTIFY_WEBHOOK_SECRET: 'whsec_not base64 at all!',
    },
    /base64/,
  ],
  [{ BREAKGLASS_NOTIFY_TURN_SECONDS: 'soon' }, /BREAKGLASS_NOTIFY_TURN_SECONDS.*whole number/],
])('a setting that is not understood stops the start with its name: %j', (env, message) => {
  expect(() => read(env)).toThrow(message);
});

test('no message repeats a secret, not even an address that is one', () => {
  for (const env of [
    { BREAKGLASS_NTFY_URL: 'https://ntfy.example/hush-hush?x=1' },
    { BREAKGLASS_NOTIFY_WEBHOOK: 'https://u:hush-hush@h.example', ...SECRET },
  ])
    try {
      read(env);
      expect.unreachable('it was understood');
    } catch (error) {
      expect(String(error)).not.toContain('hush-hush');
    }
});
