// The offline shell: without the network the page still opens, and says what it cannot reach.
// It never answers for /api, so what the console says is never old.
const CACHE = 'shell-v1';

const store = async (response) => {
  const cache = await caches.open(CACHE);
  const html = await response.clone().text();
  const assets = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1]);
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
  event.waitUntil(self.clients.claim());
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

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== 'GET' || url.origin !== self.location.origin) return;
  if (event.request.mode === 'navigate' && url.pathname === '/') {
    event.respondWith(navigate(event));
  } else if (url.pathname.startsWith('/assets/')) {
    event.respondWith(caches.match(event.request).then((hit) => hit ?? fetch(event.request)));
  }
});
