// The offline shell: without the network the page still opens, and says what it cannot reach.
// It never answers for /api, so what the console says is never old. And notifications: each push is shown, whatever is in it, because a
// browser takes push away from a page that gets one and shows nothing.
const CACHE = 'shell-v2';

/** What the page loads, and what it will want when nothing answers any more: the build wrote down what that is. */
const assetsOf = (html) => {
  const kept = /<meta name="kept-offline" content="([^"]*)"/.exec(html)?.[1] ?? '';
  const loaded = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]);
  // The emergency page is never old.
  return [...new Set([...loaded, ...kept.split(' ')])].filter((path) => path !== '' && path !== '/emergency');
};

const store = async (response) => {
  const cache = await caches.open(CACHE);
  const html = await response.clone().text();
  const assets = assetsOf(html);
  await cache.addAll(assets);
  await cache.put('/', response);
  // Assets of earlier builds are no longer referenced.
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname !== '/' && !assets.includes(pathname)) await cache.delete(request);
  }
};

const refresh = async () => {
  const response = await fetch('/', { cache: 'no-cache' });
  if (response.ok) await store(response);
};

self.addEventListener('install', (event) => {
  event.waitUntil(refresh().then(() => self.skipWaiting()));
});

self.addEventListener('activate', (event) => {
  const removeOlder = async () => {
    for (const name of await caches.keys()) if (name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(removeOlder());
});

const navigate = async (event) => {
  try {
    const response = await fetch(event.request);
    if (response.ok) event.waitUntil(store(response.clone()).catch(() => undefined));
    return response;
  } catch {
    return (await caches.match('/')) ?? Response.error();
  }
};

/** Files of the page whose name stays the same when they change. */
const OTHERS = /^\/[\w-]+\.(js|svg|png|webmanifest)$/;
const lastKept = async (request) => (await caches.match(request)) ?? Response.error();

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (event.request.mode === 'navigate' && url.pathname === '/') {
    event.respondWith(navigate(event));
  } else if (url.pathname.startsWith('/assets/')) {
    event.respondWith(caches.match(event.request).then((hit) => hit ?? fetch(event.request)));
  } else if (OTHERS.test(url.pathname)) {
    event.respondWith(fetch(event.request).catch(() => lastKept(event.request)));
  }
});

const saidBy = (data) => {
  try {
    const said = data?.json();
    if (typeof said?.title === 'string') return said;
  } catch {
    // Not ours, or cut: something did happen.
  }
  return {
    title: 'Breakglass',
    body: 'Something happened. Open the console.',
    url: '/#/',
    tag: 'unknown',
    urgent: true,
  };
};

self.addEventListener('push', (event) => {
  const { title, body, url, tag, urgent } = saidBy(event.data);
  event.waitUntil(
    self.registration.showNotification(title, {
      body,
      // One with the same tag takes the place of the other; where it matters the phone rings again.
      tag,
      renotify: urgent === true,
      requireInteraction: urgent === true,
      icon: '/icon-192.png',
      badge: '/icon-192.png',
      data: { url },
    }),
  );
});

/** A place in the page of this console, and nowhere else. */
const placeOf = (url) => {
  const place = new URL(typeof url === 'string' ? url : '/', self.location.origin);
  return place.origin === self.location.origin ? `/${place.hash}` : '/';
};

const open = async (place) => {
  const windows = await self.clients.matchAll({ type: 'window', includeUncontrolled: true });
  // The emergency page knows no places.
  const ours = windows.filter((each) => ['/', '/sign-in'].includes(new URL(each.url).pathname));
  const found =
    ours.find((each) => each.focused) ?? ours.find((each) => each.visibilityState === 'visible') ?? ours[0];
  if (found === undefined) return self.clients.openWindow(place);
  // It goes there by itself: what somebody has typed there stays.
  found.postMessage({ type: 'go', hash: new URL(place, self.location.origin).hash });
  // A browser that does not let us come to the front has gone there all the same.
  return found.focus().catch(() => found);
};

self.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(open(placeOf(event.notification.data?.url)));
});
