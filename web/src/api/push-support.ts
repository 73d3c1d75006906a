// Notifications of this browser: whether it can have them, and what its push service calls it.

/** What is needed before this browser can be turned on; undefined: nothing. */
export function whyNoPush(): string | undefined {
  if (!window.isSecureContext)
    return 'HTTPS is needed: a browser takes notifications only from a page that came over HTTPS.';
  if ('PushManager' in window && 'serviceWorker' in navigator && 'Notification' in window)
    return Notification.permission === 'denied'
      ? "They are blocked for this page. Allow them in the browser's settings for this site."
      : undefined;
  // Safari there has no push in a tab: https://webkit.org/blog/13878/web-push-for-web-apps-on-ios-and-ipados/
  if (
    /iPhone|iPad/.test(navigator.userAgent) ||
    (navigator.maxTouchPoints > 1 && /Mac/.test(navigator.userAgent))
  )
    return 'Add to the home screen first (Share, then Add to Home Screen), and open Breakglass from there.';
  return 'This browser has no notifications (or this window is private).';
}

/** Undefined: this browser has none. */
export async function currentSubscription(): Promise<PushSubscription | undefined> {
  if (whyNoPush() !== undefined) return undefined;
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? undefined;
}

/** Asks the person for permission, so only after a tap. Throws an Error with a sentence. */
export async function subscribe(publicKey: string): Promise<PushSubscriptionJSON> {
  if ((await Notification.requestPermission()) !== 'granted')
    throw new Error('The browser was not allowed to show notifications.');
  const registration = await navigator.serviceWorker.getRegistration();
  if (registration === undefined)
    throw new Error('The part of this page that receives notifications is not there yet. Reload the page.');
  const { pushManager } = registration;
  // With another key of the console, such as after a restore of its data, the old one can never ring again.
  const old = await pushManager.getSubscription();
  if (old && bytesOf(old.options.applicationServerKey) !== publicKey) await old.unsubscribe();
  try {
    const made = await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: publicKey });
    return made.toJSON();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`The browser's push service did not take it: ${why}`);
  }
}

/** As base64url. */
const bytesOf = (key: ArrayBuffer | null): string =>
  btoa(String.fromCharCode(...new Uint8Array(key ?? new ArrayBuffer())))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/** What the console calls the browser with this endpoint (protocol/notifications.ts). */
export async function deviceIdOf(endpoint: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(endpoint));
  return bytesOf(digest).slice(0, 22);
}
