import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { publicLookup, whyNotThere } from './push-endpoint.ts';

test.each([
  'https://fcm.googleapis.com/fcm/send/abc',
  'https://updates.push.services.mozilla.com/wpush/v2/abc',
  'https://web.push.apple.com/abc',
  'https://wns2-par02p.notify.windows.com/w/?token=abc',
  'https://93.184.216.34/abc',
])('a push service on the internet may be sent to: %s', (endpoint) => {
  expect(whyNotThere(endpoint, false)).toBeUndefined();
});

test.each([
  'http://fcm.googleapis.com/abc',
  'https://user@fcm.googleapis.com/abc',
  'https://fcm.googleapis.com:8443/abc',
  'https://127.0.0.1/abc',
  'https://2130706433/abc',
  'https://0x7f.1/abc',
  'https://[::1]/abc',
  'https://[::ffff:10.0.0.1]/abc',
  'https://[fe80::1]/abc',
  'https://[fd00::1]/abc',
  'https://10.0.10.10/abc',
  'https://192.168.1.127:8006/abc',
  'https://169.254.169.254/latest/meta-data',
  'https://100.64.0.1/abc',
  'https://0.0.0.0/abc',
  'https://localhost/abc',
  'https://pve/abc',
  'https://pve.local/abc',
  'https://metadata.google.internal/abc',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'push',
])('what leads into a network of ours is never sent to: %s', (endpoint) => {
  expect(whyNotThere(endpoint, false)).toBeDefined();
});

test('a name that leads to this machine is refused when it is connected to, however it looked before', async () => {
  const lookup = promisify(publicLookup);
  await expect(lookup('localhost', { all: true })).rejects.toThrow('private network');
  await expect(lookup('localhost', {})).rejects.toThrow('private network');
});

test('a push service on this machine is allowed only where that was asked for', () => {
  expect(whyNotThere('http://127.0.0.1:4000/abc', true)).toBeUndefined();
  expect(whyNotThere('file:///etc/passwd', true)).toBeDefined();
});
