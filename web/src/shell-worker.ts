// Registers the service worker, and goes where a notification that was tapped leads. Trusted Types demand a policy of its own for the address of a worker.
interface ScriptUrlPolicy {
  createScriptURL(url: string): unknown;
}
interface TrustedTypesFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): ScriptUrlPolicy;
}

const ADDRESS = '/sw.js';

const trustedAddress = (): string => {
  const factory = (globalThis as { trustedTypes?: TrustedTypesFactory }).trustedTypes;
  if (!factory) return ADDRESS;
  const policy = factory.createPolicy('breakglass-worker', {
    createScriptURL: (url) => {
      if (url !== ADDRESS) throw new TypeError('Only the shell worker may be registered.');
      return url;
    },
  });
  return policy.createScriptURL(ADDRESS) as string;
};

export const registerShellWorker = async (): Promise<void> => {
  if (!('serviceWorker' in navigator)) return;
  navigator.serviceWorker.addEventListener('message', ({ data }: MessageEvent<unknown>) => goTo(data));
  await navigator.serviceWorker.register(trustedAddress());
};

const goTo = (said: unknown): void => {
  if (typeof said !== 'object' || said === null || !('hash' in said)) return;
  if (typeof said.hash === 'string' && said.hash.startsWith('#/')) location.hash = said.hash;
};
